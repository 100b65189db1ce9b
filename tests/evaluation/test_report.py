import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from lstm_fcn.data.labels import CLASSES
from lstm_fcn.evaluation.estimates import Counts, estimate
from lstm_fcn.evaluation.report.content import Ectopy, RowCounts
from lstm_fcn.evaluation.report.page import render
from tests.evaluation.report_content import content, counts, ectopy


class Page(HTMLParser):
    """The tags that are open and the pictures of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "img":
            self.images.append(dict(attributes))
        elif tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def text() -> str:
    return render(content())


def words(text: str) -> str:
    """What a reader sees."""
    body = text[text.index("<body>") :]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def test_the_page_is_whole_and_holds_all_that_it_needs(text: str):
    page = Page(text)
    assert page.open == []
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert not re.search(r"(src|href)=\"(?!data:)", text)
    assert not re.search(r"url\(|@import", text)


def test_every_picture_has_a_text_alternative_with_its_figures(text: str):
    images = Page(text).images
    assert len(images) == 5 + 3 + 1
    assert all(len(image["alt"]) > 40 for image in images)
    alternatives = " ".join(image["alt"] for image in images)
    assert "Beat of record 208, sample 12345: labelled F, predicted V with probability 0.998." in alternatives
    assert "What speaks most for V is at" in alternatives
    assert "at its longest run of V. Predicted: N N V V V V not scored N N N S N N." in alternatives


def test_pictures_take_the_pages_ink_in_light_and_dark(text: str):
    for image in Page(text).images:
        drawn = base64.b64decode(image["src"].removeprefix("data:image/svg+xml;base64,")).decode()
        assert drawn.startswith("<svg")
        assert "prefers-color-scheme:dark" in drawn
        assert "currentColor" in drawn
        assert "#010203" not in drawn
        assert "#000000" not in drawn.lower()


def test_text_from_the_table_cannot_become_markup(text: str):
    assert "<scored>" not in text
    assert "out/&lt;scored&gt;" in text
    assert "<b>" not in text


def test_what_was_scored_and_left_out_is_reported(text: str):
    seen = words(text)
    assert "mitbih@0123456789ab: 4,000 rows" in seen
    assert "4,100, of which 4,000 are evaluated, 60 were not scored and 40 have a label that is none" in seen
    assert "the beat is NULL 60" in seen
    assert "label 9 is none of the classes 40" in seen


def test_the_figures_are_those_of_the_counts(text: str):
    found = {(each.class_, each.metric): each for each in estimate(counts(), 200, 0)}
    accuracy, se = found["all", "accuracy"], found["V", "Se"]
    assert f"Accuracy {accuracy.value * 100:.2f} % {accuracy.low * 100:.2f} %" in words(text)
    assert f"{100 * se.value:.1f} were found" in words(text)
    confusion = counts().confusion.sum(axis=0)
    assert f"{confusion[1, 0]:,} {100 * confusion[1, 0] / confusion[1].sum():.1f} %" in words(text)


def test_a_comparison_names_what_was_left_out(text: str):
    assert "4 that only these predictions have, 0 that only the others have" in words(text)


def test_the_records_with_the_most_ectopic_beats_are_listed_with_their_longest_run(text: str):
    seen = words(text)
    assert "Most V (ventricular ectopic)" in seen
    assert "a long name/&lt;208&gt; 10.00 % 40 beats 3 2 40 beats 152 /min 4 0.00 % 1,234 5 not scored 24.0" in seen
    assert "71 /min \N{EN DASH} to 140" in seen
    assert "begins 1:02:05 after the beginning of the record; 4 beats at 152 a minute." in seen
    assert "No beat was predicted as S." in seen
    assert "--records" not in seen


def test_without_recordings_the_page_says_why_no_run_is_drawn():
    shown = ectopy()
    page = render(content(ectopy=Ectopy(shown.most, [], has_recordings=False)))
    assert len(Page(page).images) == 5 + 3
    assert "There are no strips of the ECG, since evaluate.py was not given the folder of the recordings" in words(page)
    assert "most V and S beats" not in words(render(content(ectopy=None)))


def test_predictions_without_probabilities_records_or_names_make_a_page_too():
    bare = Counts(CLASSES, counts().confusion[:1])
    shown = content(
        counts=bare,
        estimates=estimate(bare, 100, 0),
        models={},
        model_facts={},
        where=None,
        row_counts=RowCounts(10, 10, 0, {}, {}),
        groups={},
        record=None,
        records=1,
        worst=[],
        gallery=[],
        comparison=None,
        ectopy=None,
    )
    page = render(shown)
    assert Page(page).open == []
    assert len(Page(page).images) == 1
    assert "There are no intervals" in words(page)
    assert "a model that the predictions do not name" in words(page)


def test_a_class_without_beats_is_named_and_has_no_curve():
    confusion = np.zeros((2, 5, 5), np.int64)
    confusion[:, 0, 0], confusion[:, 1, 0] = 50, 5
    few = Counts(CLASSES, confusion)
    page = words(render(content(counts=few, estimates=estimate(few, 100, 0))))
    assert "No beat is labelled V (ventricular ectopic)." in page
    assert "none was predicted." in page


def test_other_classes_have_no_columns_of_ec57():
    names = ("a", "b")
    counted = Counts(names, np.array([[[5, 1], [2, 7]], [[4, 0], [1, 3]]]))
    page = words(
        render(
            content(
                counts=counted,
                estimates=estimate(counted, 100, 0),
                class_names={"a": "label 0", "b": "label 1"},
                groups={},
                worst=[],
                gallery=[],
                comparison=None,
                ectopy=None,
            )
        )
    )
    assert "EC57 Se" not in page
    assert "+P, EC57" not in page
    assert "j index of" not in page

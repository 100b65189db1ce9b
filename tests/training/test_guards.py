import numpy as np
import pytest

from lstm_fcn.data.beats import BEAT_LENGTH, Beats, UnlabelledBeats
from lstm_fcn.data.labels import CLASSES
from lstm_fcn.errors import DataError
from lstm_fcn.training.guards import overlap_warnings, purpose, refuse_label_leak
from tests.beat_tables import make_beats

COLUMNS = [f"x_{i}" for i in range(BEAT_LENGTH)]


def with_column(beats: Beats, position: int, values: np.ndarray) -> Beats:
    series = beats.series.copy()
    series[:, position] = values
    return Beats(series, beats.labels)


def test_honest_beats_pass(beats: Beats):
    refuse_label_leak(beats, CLASSES, COLUMNS)


def test_the_slicing_of_the_published_example_is_caught(beats: Beats):
    """It moves the label, the last of 188 columns, to the front and takes the columns from 1 on."""
    published = np.column_stack([beats.series, beats.labels])
    label_first = np.column_stack([published[:, -1], published])
    sliced = Beats(label_first[:, 2:].astype(np.float32), beats.labels)
    assert sliced.series.shape == (200, BEAT_LENGTH)
    with pytest.raises(DataError, match=r"'x_186' determines the label of every one of 200 series"):
        refuse_label_leak(sliced, CLASSES, COLUMNS)


@pytest.mark.parametrize(
    ("named", "values"),
    [
        ("the label", lambda labels: 0.1 * labels - 3),
        ("the label", lambda labels: np.where(labels == 2, np.arange(len(labels)) % 2 + 7, labels)),
        ("class V", lambda labels: labels == 2),
    ],
    ids=["scaled", "of finer kinds", "one-hot"],
)
def test_a_label_in_disguise_is_caught(beats: Beats, named: str, values):
    leaking = with_column(beats, 5, values(beats.labels))
    with pytest.raises(DataError, match=f"'x_5' determines {named} of"):
        refuse_label_leak(leaking, CLASSES, COLUMNS)


def test_one_beat_of_each_class_that_does_not_fit_is_enough_to_pass(beats: Beats):
    values = beats.labels.copy()
    values[:5] = (values[:5] + 1) % 5
    refuse_label_leak(with_column(beats, 5, values), CLASSES, COLUMNS)


def test_a_class_of_few_beats_may_be_known_by_chance(beats: Beats):
    labels = np.where(beats.labels == 2, 0, beats.labels)
    labels[:3] = 2
    series = beats.series.copy()
    series[:, 5] = labels == 2
    refuse_label_leak(Beats(series, labels), CLASSES, COLUMNS)


def test_one_of_several_labels_is_caught():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (100, 3))
    series = rng.normal(size=(100, 8)).astype(np.float32)
    refuse_label_leak(Beats(series, labels), "abc", COLUMNS[:8])
    series[:, 4] = labels[:, 1]
    with pytest.raises(DataError, match="'x_4' determines class b of"):
        refuse_label_leak(Beats(series, labels), "abc", COLUMNS[:8])


def test_beats_and_records_on_both_sides_are_counted():
    fitted = make_beats(6)
    fitted = Beats(fitted.series, fitted.labels, np.array(["100", "100", "101", "101", "102", "102"], object))
    judging = UnlabelledBeats(
        np.vstack([fitted.series[:2], np.ones((3, BEAT_LENGTH), np.float32)]),
        np.array(["102", "103", "103", "101", "102"], object),
    )
    identical, shared = overlap_warnings(fitted, judging, "test")
    assert identical == "2 of 5 test series are identical to a training series"
    assert shared.startswith("3 of 5 test beats are from 2 records that are trained on too")


def test_sides_that_share_nothing_give_no_warning():
    beats = make_beats(6)
    fitted = Beats(beats.series[:3], beats.labels[:3], np.array(["100"] * 3, object))
    assert not overlap_warnings(fitted, UnlabelledBeats(beats.series[3:], np.array(["101"] * 3, object)), "test")
    assert not overlap_warnings(fitted, UnlabelledBeats(beats.series[3:], None), "test")


def test_a_model_is_for_new_records_where_whole_ones_were_held_out():
    beats = make_beats(6)
    fitted = Beats(beats.series, beats.labels, np.array(["100", "100", "101", "101", "102", "102"], object))
    known, new = (
        UnlabelledBeats(beats.series[:2], np.array(each, object)) for each in (["103", "102"], ["103", "104"])
    )
    assert purpose(fitted, None, new) == "new records"
    assert purpose(fitted, new, known) == "new records"
    for sides in ((), (None, None), (known,), (UnlabelledBeats(beats.series[:2], None),)):
        assert purpose(fitted, *sides) == "known records"
    assert purpose(Beats(beats.series, beats.labels), new) == "known records"
    assert purpose(fitted, UnlabelledBeats(beats.series[:0], np.array([], object))) == "known records"

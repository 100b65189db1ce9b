"""Content to a page of HTML."""

from collections.abc import Sequence
from importlib import resources

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from lstm_fcn.data.labels import is_aami
from lstm_fcn.evaluation.metrics import OVERALL, MetricRow, by_name
from lstm_fcn.evaluation.report.content import Content, Group
from lstm_fcn.evaluation.report.ecg import draw_beat, draw_run
from lstm_fcn.evaluation.report.pictures import (
    draw_classes,
    draw_precision_recall,
    draw_reliability,
    draw_roc,
    draw_withholding,
)

_HEADLINE = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy (mean Se)",
    "macro_f1": "Macro-F1",
    "kappa": "Cohen's kappa",
    "j": "j index of S and V (0 to 4)",
    "jk": "jk index",
    "brier": "Brier score (0 is best)",
    "ece": "Expected calibration error (0 is best)",
}
_DASH = "\N{EN DASH}"
_SHARES = ("accuracy", "balanced_accuracy", "ece")


def render(content: Content) -> str:
    """Write the report: one HTML text with all its pictures, without scripts."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"figure": _figure, "share": _share, "spread": _spread, "rounded": _rounded, "clock": _clock}
    template = resources.files("lstm_fcn.evaluation.report") / "report.html.j2"
    page = environment.from_string(template.read_text(encoding="utf-8"))
    estimates = by_name(content.estimates)
    return page.render(
        c=content,
        classes=content.counts.classes,
        confusion=content.counts.confusion.sum(axis=0),
        e=estimates,
        headline=[
            (name, estimates[OVERALL, metric], metric in _SHARES)
            for metric, name in _HEADLINE.items()
            if (OVERALL, metric) in estimates
        ],
        is_aami=is_aami(content.counts.classes),
        pictures=_pictures(content),
        gallery={
            name: [(beat, draw_beat(beat)) for beat in content.gallery if beat.true == name]
            for name in content.counts.classes
        },
        group_rows=_group_rows,
        runs=[(run, draw_run(run)) for run in content.ectopy.runs] if content.ectopy else [],
    )


def _pictures(content: Content) -> dict[str, Markup]:
    counted, classes = content.counts.probabilities, content.counts.classes
    drawn = {"classes": draw_classes(content.counts.confusion.sum(axis=0), classes)}
    if counted is None:
        return drawn
    scores, confidence = counted.scores.sum(axis=0), counted.confidence.sum(axis=0)
    estimates = by_name(content.estimates)
    areas = {metric: [estimates[name, metric].value for name in classes] for metric in ("roc_auc", "average_precision")}
    return drawn | {
        "roc": draw_roc(scores, classes, areas["roc_auc"]),
        "precision_recall": draw_precision_recall(scores, classes, areas["average_precision"]),
        "reliability": draw_reliability(confidence),
        "withholding": draw_withholding(confidence),
    }


def _group_rows(groups: Sequence[Group], classes: Sequence[str]) -> list[dict[str, object]]:
    """Return a row a group: beats, accuracy and macro-F1 with intervals, Se of each class, the commonest error."""
    return [
        {
            "name": group.name,
            "beats": int(group.confusion.sum()),
            "wrong": int(group.confusion.sum() - group.confusion.trace()),
            "estimates": by_name(group.estimates),
            "confusion": _commonest_error(group, classes),
        }
        for group in groups
    ]


def _commonest_error(group: Group, classes: Sequence[str]) -> str:
    wrong = group.confusion - np.diag(group.confusion.diagonal())
    true, predicted = divmod(int(wrong.argmax()), len(classes))
    return f"{classes[true]} predicted as {classes[predicted]}: {wrong.max():,}" if wrong.any() else ""


def _figure(value: float | None) -> str:
    return _DASH if value is None else f"{value:.3f}"


def _share(value: float | None) -> str:
    return _DASH if value is None else f"{value:.2%}".replace("%", " %")


def _rounded(value: float | None, digits: int = 0) -> str:
    return _DASH if value is None else f"{value:,.{digits}f}"


def _clock(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}"


def _spread(estimate: MetricRow, as_share: bool = False) -> str:
    if estimate.low is None:
        return _DASH
    write = _share if as_share else _figure
    return f"{write(estimate.low)}{_DASH}{write(estimate.high)}"

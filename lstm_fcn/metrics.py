"""Measures of a classification, from its confusion counts alone."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

OVERALL = "all"
"""What stands in the column `class` for a measure of all classes together."""


OVERALL_METRICS = ("accuracy", "balanced_accuracy", "macro_f1")


class Measure(NamedTuple):
    """One row of the long metrics table.

    Attributes
    ----------
    class_ : str
        A class, or 'all'.
    metric : str
        'accuracy', 'balanced_accuracy', 'macro_f1' of all; 'Se' (sensitivity), '+P' (positive predictivity),
        'F1' of a class; 'predicted_X', the beats of a class that were called X.
    value : float or None
        None where it is not defined: Se of a class without beats, +P of one that was never called.
    support : int
        The beats it is computed from: those of the class, or all.
    """

    class_: str
    metric: str
    value: float | None
    support: int


def measures(confusion: NDArray[np.int64], classes: Sequence[str]) -> list[Measure]:
    """Compute all measures.

    Parameters
    ----------
    confusion : (C, C) int array
        Beats by true class (row) and predicted class (column).
    classes : sequence of C str

    Returns
    -------
    list of Measure
        Averages are taken over the classes for which the measure is defined.
    """
    total = int(confusion.sum())
    hits, support, called = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    sensitivity = _ratio(hits, support)
    predictivity = _ratio(hits, called)
    f1 = _ratio(2 * hits, support + called)
    accuracy = float(hits.sum()) / total if total else float("nan")
    overall = zip(OVERALL_METRICS, (accuracy, _mean(sensitivity), _mean(f1)), strict=True)
    rows = [Measure(OVERALL, metric, _or_none(value), total) for metric, value in overall]
    for i, name in enumerate(classes):
        of_class = {"Se": sensitivity[i], "+P": predictivity[i], "F1": f1[i]}
        rows += [Measure(name, metric, _or_none(value), int(support[i])) for metric, value in of_class.items()]
    for i, name in enumerate(classes):
        for j, other in enumerate(classes):
            rows.append(Measure(name, f"predicted_{other}", float(confusion[i, j]), int(support[i])))
    return rows


def confusion_of(rows: Sequence[Measure], classes: Sequence[str]) -> NDArray[np.int64] | None:
    """Give the confusion counts (C, C) back that measures were computed from; None where there are none."""
    counts = {(row.class_, row.metric): row.value or 0 for row in rows}
    if (classes[0], f"predicted_{classes[0]}") not in counts:
        return None
    return np.array([[counts[name, f"predicted_{other}"] for other in classes] for name in classes], dtype=np.int64)


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divide, NaN for a part of nothing."""
    ratio: NDArray[np.float64] = np.full(len(whole), np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio


def _mean(values: NDArray[np.float64]) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def format_measures(rows: Sequence[Measure], classes: Sequence[str]) -> str:
    """Lay the measures out as a table to read, one line a class."""
    value = {(row.class_, row.metric): row.value for row in rows}
    support = {(row.class_, row.metric): row.support for row in rows}
    lines = [f"{'class':<6}{'Se':>8}{'+P':>8}{'F1':>8}{'beats':>10}"]
    for name in classes:
        figures = "".join(_figure(value[name, metric]) for metric in ("Se", "+P", "F1"))
        lines.append(f"{name:<6}{figures}{support[name, 'Se']:>10,}")
    lines += [
        f"{metric:<22}{_figure(value[OVERALL, metric])}{support[OVERALL, metric]:>10,}" for metric in OVERALL_METRICS
    ]
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    return f"{'-':>8}" if value is None else f"{value:>8.4f}"

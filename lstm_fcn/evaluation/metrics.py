"""Metrics of a classification, from its confusion counts alone."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.data.labels import is_aami
from lstm_fcn.evaluation.ec57 import ec57_figures

OVERALL = "all"
"""What stands in the column `class` for a metric of all classes together."""

MetricValues = dict[tuple[str, str], NDArray[np.float64]]
"""(class, metric) -> values; NaN where a metric is not defined."""

_OF_NEW_PATIENTS = ("N", "S", "V")
"""The classes that comparisons on new patients average over: F and Q beats are of too few patients."""

_PRINTED_OF_CLASS = ("Se", "+P", "F1")
_PRINTED = ("accuracy", "balanced_accuracy", "macro_f1", "macro_f1_nsv", "kappa", "jk", "brier", "ece")


class MetricRow(NamedTuple):
    """One row of a long table of metrics.

    Attributes
    ----------
    class_ : str
        A class, or 'all'.
    metric : str
        'accuracy', 'balanced_accuracy', 'macro_f1', 'kappa' (Cohen's) of all, and of the AAMI classes 'macro_f1_nsv',
        over N, S and V, where beats of F and Q are errors wherever they are predicted; 'Se' (sensitivity), '+P'
        (positive predictivity), 'FPR' (false positive rate), 'F1' of a class; those of `lstm_fcn.evaluation.ec57` and
        of `lstm_fcn.evaluation.estimates`; 'predicted_X', the beats of a class that were predicted as X.
    value : float or None
        None where it is not defined: Se of a class without beats, +P of one that was never predicted.
    support : int
        The beats it is computed from: those of the class, or all.
    low, high : float or None
        The 95 % interval. None where there is none: fewer than two records have beats behind the metric.
    """

    class_: str
    metric: str
    value: float | None
    support: int
    low: float | None = None
    high: float | None = None


def metric_values(
    confusion: NDArray[np.float64], classes: Sequence[str], needed: NDArray[np.bool_] | None = None
) -> MetricValues:
    """Compute all metrics of one or many confusion matrices.

    Parameters
    ----------
    confusion : (..., C, C) array
        Beats by true class (row) and predicted class (column).
    classes : sequence of C str
    needed : (C,) bool array, optional
        Classes without whose beats their F1 and the averages are not defined: in a draw of a bootstrap, those that
        the whole sample has. Else a draw that misses a class would be an average over fewer and easier ones.

    Returns
    -------
    dict
        Of arrays (...). Averages are taken over the classes for which the metric is defined.
    """
    total = confusion.sum(axis=(-2, -1))
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    support, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    accuracy = ratio(hits.sum(axis=-1), total)
    by_chance = ratio((support * predicted).sum(axis=-1), total**2)
    missed = (support == 0) & (False if needed is None else needed)
    of_class = {
        "Se": ratio(hits, support),
        "+P": ratio(hits, predicted),
        "FPR": ratio(predicted - hits, total[..., None] - support),
        "F1": np.where(missed, np.nan, ratio(2 * hits, support + predicted)),
    }
    found: MetricValues = {
        (OVERALL, "accuracy"): accuracy,
        (OVERALL, "balanced_accuracy"): np.where(missed.any(axis=-1), np.nan, _mean(of_class["Se"])),
        (OVERALL, "macro_f1"): np.where(missed.any(axis=-1), np.nan, _mean(of_class["F1"])),
        (OVERALL, "kappa"): ratio(accuracy - by_chance, 1 - by_chance),
    }
    for i, name in enumerate(classes):
        found |= {(name, metric): values[..., i] for metric, values in of_class.items()}
    if not is_aami(classes):
        return found
    of_three = np.stack([found[name, "F1"] for name in _OF_NEW_PATIENTS], axis=-1)
    found[OVERALL, "macro_f1_nsv"] = np.where(np.isnan(of_three).any(axis=-1), np.nan, _mean(of_three))
    return found | ec57_figures(confusion, found)


def metric_rows(confusion: NDArray[np.int64], classes: Sequence[str]) -> list[MetricRow]:
    """Compute all metrics of one confusion matrix, and add its counts.

    Parameters
    ----------
    confusion : (C, C) int array
        Beats by true class (row) and predicted class (column).
    classes : sequence of C str
    """
    found = metric_values(confusion.astype(np.float64), classes)
    support = supports(confusion, classes)
    rows = [MetricRow(name, metric, defined(value), support[name]) for (name, metric), value in found.items()]
    return rows + confusion_rows(confusion, classes)


def confusion_rows(confusion: NDArray[np.int64], classes: Sequence[str]) -> list[MetricRow]:
    """Return the confusion counts (C, C) as rows of the table: 'predicted_X' of each class."""
    support = supports(confusion, classes)
    return [
        MetricRow(name, f"predicted_{other}", float(confusion[i, j]), support[name])
        for i, name in enumerate(classes)
        for j, other in enumerate(classes)
    ]


def supports(confusion: NDArray[np.int64], classes: Sequence[str]) -> dict[str, int]:
    """Count the beats behind a metric of each class, and of all."""
    each = dict(zip(classes, map(int, confusion.sum(axis=1)), strict=True))
    return {OVERALL: int(confusion.sum()), **each}


def ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide, NaN for a part of nothing."""
    part, whole = np.broadcast_arrays(part, whole)
    result: NDArray[np.float64] = np.full(whole.shape, np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result


def defined(value: NDArray[np.float64] | float) -> float | None:
    """Return a metric as a table has it: None for NaN."""
    return None if np.isnan(value) else float(value)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average over the last axis, without what is not defined."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0).sum(axis=-1), known.sum(axis=-1).astype(np.float64))


def by_name(rows: Sequence[MetricRow]) -> Mapping[tuple[str, str], MetricRow]:
    """Find rows by class and metric."""
    return {(row.class_, row.metric): row for row in rows}


def format_metrics(rows: Sequence[MetricRow], classes: Sequence[str]) -> str:
    """Lay metrics out as a table to read: one line a class, then those of all classes; with intervals, if any."""
    found = by_name(rows)
    width = 26 if any(row.low is not None for row in rows) else 10
    lines = [f"{'class':<8}" + "".join(f"{metric:>{width}}" for metric in _PRINTED_OF_CLASS) + f"{'beats':>12}"]
    for name in classes:
        values = "".join(f"{_with_interval(found[name, metric]):>{width}}" for metric in _PRINTED_OF_CLASS)
        lines.append(f"{name:<8}{values}{found[name, 'Se'].support:>12,}")
    there = [found[OVERALL, metric] for metric in _PRINTED if (OVERALL, metric) in found]
    lines += [f"{row.metric:<20}{_with_interval(row):>{width}}{row.support:>12,}" for row in there]
    return "\n".join(lines)


def _with_interval(row: MetricRow) -> str:
    if row.value is None:
        return "-"
    return f"{row.value:.4f}" + (f" ({row.low:.4f}-{row.high:.4f})" if row.low is not None else "")

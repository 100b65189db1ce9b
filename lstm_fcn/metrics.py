"""Measures of a classification, from its confusion counts alone."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.ec57 import ec57_figures
from lstm_fcn.labels import CLASSES

OVERALL = "all"
"""What stands in the column `class` for a measure of all classes together."""

OVERALL_METRICS = ("accuracy", "balanced_accuracy", "macro_f1")
"""Those that stand below the printed table."""

Figures = dict[tuple[str, str], NDArray[np.float64]]
"""(class, metric) -> values; NaN where a figure is not defined."""


class Measure(NamedTuple):
    """One row of the long metrics table.

    Attributes
    ----------
    class_ : str
        A class, or 'all'.
    metric : str
        'accuracy', 'balanced_accuracy', 'macro_f1', 'kappa' (Cohen's) of all; 'Se' (sensitivity), '+P' (positive
        predictivity), 'FPR' (false positive rate), 'F1' of a class; those of `lstm_fcn.ec57`; 'predicted_X', the
        beats of a class that were called X.
    value : float or None
        None where it is not defined: Se of a class without beats, +P of one that was never called.
    support : int
        The beats it is computed from: those of the class, or all.
    """

    class_: str
    metric: str
    value: float | None
    support: int


def figures(confusion: NDArray[np.float64], classes: Sequence[str], needed: NDArray[np.bool_] | None = None) -> Figures:
    """Compute all figures of one or many confusion matrices.

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
        Of arrays (...). Averages are taken over the classes for which the figure is defined.
    """
    total = confusion.sum(axis=(-2, -1))
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    support, called = confusion.sum(axis=-1), confusion.sum(axis=-2)
    accuracy = ratio(hits.sum(axis=-1), total)
    by_chance = ratio((support * called).sum(axis=-1), total**2)
    missed = (support == 0) & (False if needed is None else needed)
    of_class = {
        "Se": ratio(hits, support),
        "+P": ratio(hits, called),
        "FPR": ratio(called - hits, total[..., None] - support),
        "F1": np.where(missed, np.nan, ratio(2 * hits, support + called)),
    }
    found: Figures = {
        (OVERALL, "accuracy"): accuracy,
        (OVERALL, "balanced_accuracy"): np.where(missed.any(axis=-1), np.nan, _mean(of_class["Se"])),
        (OVERALL, "macro_f1"): np.where(missed.any(axis=-1), np.nan, _mean(of_class["F1"])),
        (OVERALL, "kappa"): ratio(accuracy - by_chance, 1 - by_chance),
    }
    for i, name in enumerate(classes):
        found |= {(name, metric): values[..., i] for metric, values in of_class.items()}
    return found | (ec57_figures(confusion, found) if tuple(classes) == CLASSES else {})


def measures(confusion: NDArray[np.int64], classes: Sequence[str]) -> list[Measure]:
    """Compute all measures of one confusion matrix, and give its counts with them.

    Parameters
    ----------
    confusion : (C, C) int array
        Beats by true class (row) and predicted class (column).
    classes : sequence of C str
    """
    found = figures(confusion.astype(np.float64), classes)
    support = supports(confusion, classes)
    rows = [Measure(name, metric, defined(value), support[name]) for (name, metric), value in found.items()]
    for i, name in enumerate(classes):
        for j, other in enumerate(classes):
            rows.append(Measure(name, f"predicted_{other}", float(confusion[i, j]), support[name]))
    return rows


def supports(confusion: NDArray[np.int64], classes: Sequence[str]) -> dict[str, int]:
    """Count the beats behind a figure of each class, and of all."""
    each = dict(zip(classes, map(int, confusion.sum(axis=1)), strict=True))
    return {OVERALL: int(confusion.sum()), **each}


def confusion_of(rows: Sequence[Measure], classes: Sequence[str]) -> NDArray[np.int64] | None:
    """Give the confusion counts (C, C) back that measures were computed from; None where there are none."""
    counts = {(row.class_, row.metric): row.value or 0 for row in rows}
    if (classes[0], f"predicted_{classes[0]}") not in counts:
        return None
    return np.array([[counts[name, f"predicted_{other}"] for other in classes] for name in classes], dtype=np.int64)


def ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide, NaN for a part of nothing."""
    part, whole = np.broadcast_arrays(part, whole)
    result: NDArray[np.float64] = np.full(whole.shape, np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result


def defined(value: NDArray[np.float64] | float) -> float | None:
    """Give a figure as a table has it: None for NaN."""
    return None if np.isnan(value) else float(value)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average over the last axis, without what is not defined."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0).sum(axis=-1), known.sum(axis=-1).astype(np.float64))


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

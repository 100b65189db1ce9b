"""Counts of labelled predictions to figures with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.bootstrap import draw_blocks, interval, sum_blocks
from lstm_fcn.curves import CONFIDENCE_BINS, average_precision, coverage, expected_calibration_error, roc_auc
from lstm_fcn.metrics import OVERALL, Figures, defined, figures, ratio, supports

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Confidences below which beats are withheld, to see what is left."""

_DRAWS_AT_A_TIME = 1000
"""So that the counts of all draws need not be held at once."""

_PRINTED_OF_CLASS = ("Se", "+P", "F1")
_PRINTED = ("accuracy", "balanced_accuracy", "macro_f1", "kappa", "jk", "brier", "ece")


@dataclass(frozen=True)
class Probabilities:
    """What is counted of the probabilities of C classes, by R blocks.

    Attributes
    ----------
    scores : (R, C, SCORE_BINS, 2) array
        Beats by the logit of a class's probability, and by being of the class (1) or not (0).
    squares : (R, C) array
        Sums of the squared differences of a class's probability and 1 or 0, what it should be.
    confidence : (R, CONFIDENCE_BINS, 3) array
        By the probability of the class that was called: beats, those called rightly, the probabilities' sum.
    """

    scores: NDArray[np.float64]
    squares: NDArray[np.float64]
    confidence: NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """What is counted of labelled predictions, by R blocks: the records, or groups of records.

    Attributes
    ----------
    classes : tuple of C str
    confusion : (R, C, C) int array
        By true class (row) and class that was called (column).
    probabilities : Probabilities or None
        None where the predictions have none.
    """

    classes: tuple[str, ...]
    confusion: NDArray[np.int64]
    probabilities: Probabilities | None = None


class Estimate(NamedTuple):
    """A figure and its 95 % interval, which is None where it has none: fewer than two blocks have beats behind it."""

    class_: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    support: int


def estimate(counts: Counts, draws: int, seed: int) -> list[Estimate]:
    """Compute every figure, with intervals by drawing blocks with replacement.

    Parameters
    ----------
    counts : Counts
    draws, seed : int
        Of the bootstrap.

    Returns
    -------
    list of Estimate
        The measures of `lstm_fcn.metrics`; of the probabilities 'roc_auc', 'average_precision' and 'brier' of each
        class, 'roc_auc_error' and 'average_precision_error' (the most that binning can have changed them by),
        'brier' (summed over the classes), 'ece' (expected calibration error), and for some thresholds t 'coverage@t'
        and 'accuracy@t' of all (the share of beats with at least that confidence, and how right they are).
    """
    blocks = len(counts.confusion)
    values = _figures(counts, np.ones((1, blocks)))
    weights = draw_blocks(blocks, draws, seed)
    parts = [_figures(counts, weights[at : at + _DRAWS_AT_A_TIME]) for at in range(0, len(weights), _DRAWS_AT_A_TIME)]
    support = supports(counts.confusion.sum(axis=0), counts.classes)
    blocks_with = dict(zip(counts.classes, counts.confusion.any(axis=2).sum(axis=0), strict=True))
    found = []
    for (name, metric), value in values.items():
        low = high = None
        # The beats of a class that a single block has are the same in each draw that has any.
        if parts and blocks_with.get(name, blocks) > 1:
            low, high = interval(np.concatenate([part[name, metric] for part in parts])) or (None, None)
        found.append(Estimate(name, metric, defined(value[0]), low, high, support[name]))
    return found


def count_rows(confusion: NDArray[np.int64], classes: Sequence[str]) -> list[Estimate]:
    """Give the confusion counts (C, C) as rows of the table: 'predicted_X' of each class."""
    support = supports(confusion, classes)
    return [
        Estimate(name, f"predicted_{other}", float(confusion[i, j]), None, None, support[name])
        for i, name in enumerate(classes)
        for j, other in enumerate(classes)
    ]


def _figures(counts: Counts, weights: NDArray[np.float64]) -> Figures:
    """Compute figures of weighted sums over the blocks: (draws, R) weights to arrays (draws,)."""
    confusion = sum_blocks(weights, counts.confusion)
    found = figures(confusion, counts.classes, needed=counts.confusion.sum(axis=(0, 2)) > 0)
    if counts.probabilities is None:
        return found
    return found | _probability_figures(counts.probabilities, counts.classes, weights, confusion.sum(axis=(-2, -1)))


def _probability_figures(
    counted: Probabilities, classes: Sequence[str], weights: NDArray[np.float64], beats: NDArray[np.float64]
) -> Figures:
    squares = weights @ counted.squares
    found: Figures = {(OVERALL, "brier"): ratio(squares.sum(axis=-1), beats)}
    for i, name in enumerate(classes):
        scores = sum_blocks(weights, counted.scores[:, i])  # one class at a time: all would be large
        area, precision = roc_auc(scores), average_precision(scores)
        found |= {(name, "roc_auc"): area.value, (name, "roc_auc_error"): area.error}
        found |= {(name, "average_precision"): precision.value, (name, "average_precision_error"): precision.error}
        found[name, "brier"] = ratio(squares[:, i], beats)
    confidence = sum_blocks(weights, counted.confidence)
    found[OVERALL, "ece"] = expected_calibration_error(confidence)
    covered, accuracy = coverage(confidence)
    for threshold in THRESHOLDS:
        at = round(threshold * CONFIDENCE_BINS)
        found[OVERALL, f"coverage@{threshold:g}"] = covered[:, at]
        found[OVERALL, f"accuracy@{threshold:g}"] = accuracy[:, at]
    return found


def by_name(estimates: Sequence[Estimate]) -> Mapping[tuple[str, str], Estimate]:
    """Find estimates by class and metric."""
    return {(each.class_, each.metric): each for each in estimates}


def format_estimates(estimates: Sequence[Estimate], classes: Sequence[str]) -> str:
    """Lay the figures out as a table to read, with their intervals."""
    found = by_name(estimates)
    lines = [f"{'class':<6}" + "".join(f"{metric:>22}" for metric in _PRINTED_OF_CLASS) + f"{'beats':>12}"]
    for name in classes:
        figures_of = "".join(f"{_with_interval(found[name, metric]):>22}" for metric in _PRINTED_OF_CLASS)
        lines.append(f"{name:<6}{figures_of}{found[name, 'Se'].support:>12,}")
    there = [metric for metric in _PRINTED if (OVERALL, metric) in found]
    lines += [f"{metric:<22}{_with_interval(found[OVERALL, metric]):>22}" for metric in there]
    return "\n".join(lines)


def _with_interval(estimate: Estimate) -> str:
    if estimate.value is None:
        return "-"
    return f"{estimate.value:.3f}" + (f" ({estimate.low:.3f}-{estimate.high:.3f})" if estimate.low is not None else "")

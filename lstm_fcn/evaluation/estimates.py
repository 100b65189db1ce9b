"""Counts of labelled predictions to metrics with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.evaluation.bootstrap import draw_blocks, interval, sum_blocks
from lstm_fcn.evaluation.curves import CONFIDENCE_BINS, average_precision, coverage, expected_calibration_error, roc_auc
from lstm_fcn.evaluation.metrics import OVERALL, MetricRow, MetricValues, defined, metric_values, ratio, supports

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Confidences below which beats are withheld, to see what is left."""

_DRAWS_AT_A_TIME = 1000
"""So that the counts of all draws need not be held at once."""


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
        By the probability of the predicted class: beats, those predicted rightly, the probabilities' sum.
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
        By true class (row) and predicted class (column).
    probabilities : Probabilities or None
        None where the predictions have none.
    """

    classes: tuple[str, ...]
    confusion: NDArray[np.int64]
    probabilities: Probabilities | None = None


def estimate(counts: Counts, draws: int, seed: int) -> list[MetricRow]:
    """Compute every metric, with intervals by drawing blocks with replacement.

    Parameters
    ----------
    counts : Counts
    draws, seed : int
        Of the bootstrap.

    Returns
    -------
    list of MetricRow
        Those of `lstm_fcn.evaluation.metrics`; of the probabilities 'roc_auc', 'average_precision' and 'brier' of each
        class, 'roc_auc_error' and 'average_precision_error' (the most that binning can have changed them by),
        'brier' (summed over the classes), 'ece' (expected calibration error), and for some thresholds t 'coverage@t'
        and 'accuracy@t' of all (the share of beats with at least that confidence, and how right they are).
    """
    blocks = len(counts.confusion)
    values = _metrics(counts, np.ones((1, blocks)))
    weights = draw_blocks(blocks, draws, seed)
    parts = [_metrics(counts, weights[at : at + _DRAWS_AT_A_TIME]) for at in range(0, len(weights), _DRAWS_AT_A_TIME)]
    support = supports(counts.confusion.sum(axis=0), counts.classes)
    blocks_with = dict(zip(counts.classes, counts.confusion.any(axis=2).sum(axis=0), strict=True))
    found = []
    for (name, metric), value in values.items():
        low = high = None
        # The beats of a class that a single block has are the same in each draw that has any.
        if parts and blocks_with.get(name, blocks) > 1:
            low, high = interval(np.concatenate([part[name, metric] for part in parts])) or (None, None)
        found.append(MetricRow(name, metric, defined(value[0]), support[name], low, high))
    return found


def _metrics(counts: Counts, weights: NDArray[np.float64]) -> MetricValues:
    """Compute metrics of weighted sums over the blocks: (draws, R) weights to arrays (draws,)."""
    confusion = sum_blocks(weights, counts.confusion)
    found = metric_values(confusion, counts.classes, needed=counts.confusion.sum(axis=(0, 2)) > 0)
    if counts.probabilities is None:
        return found
    return found | _probability_metrics(counts.probabilities, counts.classes, weights, confusion.sum(axis=(-2, -1)))


def _probability_metrics(
    counted: Probabilities, classes: Sequence[str], weights: NDArray[np.float64], beats: NDArray[np.float64]
) -> MetricValues:
    squares = weights @ counted.squares
    found: MetricValues = {(OVERALL, "brier"): ratio(squares.sum(axis=-1), beats)}
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

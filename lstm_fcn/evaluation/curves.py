"""ROC, precision-recall and calibration from histograms of probabilities, with bounds on what the bins cost.

A probability is binned by its logit, which keeps .999 and .9999 apart. Beats of one bin are taken as equal; what the
order inside the bins could change is bounded from the counts alone, so every area comes with its largest error.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.evaluation.metrics import ratio

SCORE_BINS = 1024
"""Of a probability's logit, equally wide between -`LOGIT_LIMIT` and `LOGIT_LIMIT`; beyond it, the outermost ones."""

LOGIT_LIMIT = 16.0
"""The largest logit that a float32 below 1 has is 16.6."""

CONFIDENCE_BINS = 100
"""Of the probability of the predicted class, equally wide between 0 and 1."""

RELIABILITY_BINS = 10
"""Of the expected calibration error."""


class Bounded(NamedTuple):
    """A figure from binned probabilities, and the farthest that the unbinned one can be from it."""

    value: NDArray[np.float64]
    error: NDArray[np.float64]


class Curve(NamedTuple):
    """Points of an ROC (false positive rate, sensitivity) or a precision-recall curve (sensitivity, precision)."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]


def roc_auc(scores: NDArray[np.float64]) -> Bounded:
    """Compute the area under the ROC curve.

    Parameters
    ----------
    scores : (..., SCORE_BINS, 2) array
        Beats by the logit of a class's probability, ascending, and by being of the class (1) or not (0).

    Returns
    -------
    Bounded
        The probability that a beat of the class gets the higher score, with half of it for those in one bin. All pairs
        in one bin could be in the right or in the wrong order, so the error is at most half their share.
    """
    negative, positive = scores[..., 0], scores[..., 1]
    pairs = negative.sum(axis=-1) * positive.sum(axis=-1)
    below = np.cumsum(negative, axis=-1) - negative
    same = (positive * negative).sum(axis=-1) / 2
    return Bounded(ratio((positive * below).sum(axis=-1) + same, pairs), ratio(same, pairs))


def average_precision(scores: NDArray[np.float64]) -> Bounded:
    """Compute the average precision: the mean over the class's beats of the precision at their score.

    Parameters
    ----------
    scores : (..., SCORE_BINS, 2) array
        As `roc_auc` takes them.

    Returns
    -------
    Bounded
        Every beat of the class counts with the precision at the end of its bin. In truth it has at best the precision
        at which the bin's other beats come last, and at worst the one at which they come first.
    """
    falling = scores[..., ::-1, :]
    negative, positive = falling[..., 0], falling[..., 1]
    true, false = np.cumsum(positive, axis=-1), np.cumsum(negative, axis=-1)
    total = true[..., -1]

    def mean(precision: NDArray[np.float64]) -> NDArray[np.float64]:
        return ratio((positive * np.nan_to_num(precision)).sum(axis=-1), total)

    value = mean(ratio(true, true + false))
    best = mean(ratio(true, true + false - negative))
    # With t beats of the class before the bin and f others up to its end, the mean of (t + j) / (t + j + f) over the
    # bin's p beats, of which the logarithm is a lower bound.
    before = true - positive + false
    lost = false * np.log1p(np.nan_to_num(ratio(positive, before)))
    worst = ratio((positive - lost).sum(axis=-1), total)
    return Bounded(value, np.maximum(best - value, value - worst))


def roc_curve(scores: NDArray[np.float64]) -> Curve:
    """Return the ROC curve of one class, (SCORE_BINS, 2) counts as `roc_auc` takes them."""
    fallen = np.cumsum(scores[::-1], axis=0)
    shares = np.vstack([[0, 0], ratio(fallen, fallen[-1])])
    return _without_repeats(Curve(shares[:, 0], shares[:, 1]))


def precision_recall_curve(scores: NDArray[np.float64]) -> Curve:
    """Return the precision-recall curve of one class, (SCORE_BINS, 2) counts as `roc_auc` takes them.

    The precision at a point holds from the recall before it on, as in the average precision.
    """
    fallen = np.cumsum(scores[::-1], axis=0)
    fallen = fallen[fallen.sum(axis=1) > 0]
    recall, precision = ratio(fallen[:, 1], fallen[-1, 1]), ratio(fallen[:, 1], fallen.sum(axis=1))
    return _without_repeats(Curve(np.append(0, recall), np.append(precision[:1], precision)))


def _without_repeats(curve: Curve) -> Curve:
    """Leave out the points that do not move: most bins are empty."""
    moves = np.append(True, (np.diff(curve.x) != 0) | (np.diff(curve.y) != 0))
    return Curve(curve.x[moves], curve.y[moves])


def reliability(
    confidence: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Compare confidence with accuracy.

    Parameters
    ----------
    confidence : (..., CONFIDENCE_BINS, 3) array
        Of the beats by the probability of the predicted class: how many, how many rightly, the probabilities' sum.

    Returns
    -------
    beats, accuracy, mean confidence : (..., RELIABILITY_BINS) arrays
        NaN where a bin has no beats.
    """
    shape = (*confidence.shape[:-2], RELIABILITY_BINS, CONFIDENCE_BINS // RELIABILITY_BINS, 3)
    coarse = confidence.reshape(shape).sum(axis=-2)
    beats, right, probabilities = coarse[..., 0], coarse[..., 1], coarse[..., 2]
    return beats, ratio(right, beats), ratio(probabilities, beats)


def expected_calibration_error(confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average the distance of confidence and accuracy over the bins (Naeini et al. 2015, AAAI), from such counts."""
    beats, accuracy, mean = reliability(confidence)
    return ratio((beats * np.nan_to_num(np.abs(accuracy - mean))).sum(axis=-1), beats.sum(axis=-1))


def coverage(confidence: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute what is left, and how right it is, when beats below a confidence are withheld.

    Parameters
    ----------
    confidence : (..., CONFIDENCE_BINS, 3) array
        As `reliability` takes it.

    Returns
    -------
    coverage, accuracy : (..., CONFIDENCE_BINS) arrays
        For the thresholds 0, 0.01, ... 0.99, exactly. Accuracy is NaN where nothing is left.
    """
    kept = np.cumsum(confidence[..., ::-1, :2], axis=-2)[..., ::-1, :]
    return ratio(kept[..., 0], kept[..., :1, 0]), ratio(kept[..., 1], kept[..., 0])

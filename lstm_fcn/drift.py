"""How far what is scored has moved from what the model was trained on."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LENGTH_BINS = 10
"""Of equal width, over the values of a series."""

_SMALLEST_SHARE = 1e-4


def beat_lengths(series: NDArray[np.float32]) -> NDArray[np.int64]:
    """Tell of each series (n, length) how many values it has before the zeros that pad it."""
    filled = series != 0
    last = series.shape[1] - filled[:, ::-1].argmax(axis=1)
    return np.where(filled.any(axis=1), last, 0)


def count_lengths(series: NDArray[np.float32]) -> list[int]:
    """Count series (n, length) by their length before the padding, in `LENGTH_BINS` bins."""
    lengths = beat_lengths(series)
    bins = np.maximum(lengths - 1, 0) * LENGTH_BINS // series.shape[1]
    return [int(count) for count in np.bincount(bins, minlength=LENGTH_BINS)]


def population_stability_index(expected: Sequence[int], found: Sequence[int]) -> float:
    """Compare two histograms with the same bins.

    Parameters
    ----------
    expected, found : sequence of int
        Counts; a share below 1e-4 counts as 1e-4.

    Returns
    -------
    float
        0 where the shares are equal. By custom, below 0.1 is no change and above 0.25 one to look into
        (Siddiqi 2006, Credit Risk Scorecards). NaN where one of the histograms is empty.
    """
    if not sum(expected) or not sum(found):
        return float("nan")
    was, now = (np.maximum(np.asarray(counts) / sum(counts), _SMALLEST_SHARE) for counts in (expected, found))
    return round(float(((now - was) * np.log(now / was)).sum()), 6)

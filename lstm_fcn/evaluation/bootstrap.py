"""Intervals by drawing patients, not beats: the beats of one heart are alike, so a beat adds less than a patient."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
"""Of every interval."""

_FEWEST_BLOCKS = 2


def draw_blocks(blocks: int, draws: int, seed: int) -> NDArray[np.float64]:
    """Draw blocks (a record's or a patient's beats) with replacement, as many as there are, many times.

    Parameters
    ----------
    blocks, draws, seed : int

    Returns
    -------
    (draws, blocks) array
        How often each block is in each draw; without rows where there are too few blocks to draw from.

    Notes
    -----
    Efron and Tibshirani (1993), An Introduction to the Bootstrap; percentile intervals.
    """
    if blocks < _FEWEST_BLOCKS:
        return np.empty((0, blocks))
    share = np.full(blocks, 1 / blocks)
    return np.random.default_rng(seed).multinomial(blocks, share, size=draws).astype(np.float64)


def sum_blocks(weights: NDArray[np.float64], counts: NDArray[Any]) -> NDArray[np.float64]:
    """Add up counts (blocks, ...) with weights (draws, blocks): (draws, ...)."""
    return np.asarray(np.tensordot(weights, counts, 1), dtype=np.float64)


def interval(values: NDArray[np.float64]) -> tuple[float, float] | None:
    """Return the percentile interval of a figure's values over the draws; draws that do not define it are left out.

    Returns
    -------
    tuple of float or None
        Low and high; None where no draw defines it.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)

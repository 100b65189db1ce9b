"""Detected beats against reference beats, as ANSI/AAMI EC57 compares them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.evaluation.bootstrap import draw_blocks, interval, sum_blocks

WINDOW = 0.15
"""Seconds within which a detected beat is the reference's (EC57)."""


class Matches(NamedTuple):
    """Which beats are the same.

    Attributes
    ----------
    reference, detected : (m,) int arrays
        Positions of the matched beats in both.
    """

    reference: NDArray[np.int64]
    detected: NDArray[np.int64]


def match_beats(reference: NDArray[np.float64], detected: NDArray[np.float64], window: float = WINDOW) -> Matches:
    """Match beats in the order of time, each at most once.

    Parameters
    ----------
    reference, detected : (n,), (m,) arrays
        Times of the beats, s, ascending.
    window : float
        Seconds that two of one beat may be apart. Of two that could be matched the nearer is.
    """
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(reference) and j < len(detected):
        apart = detected[j] - reference[i]
        if apart > window:
            i += 1
        elif apart < -window or (j + 1 < len(detected) and abs(detected[j + 1] - reference[i]) < abs(apart)):
            j += 1
        elif i + 1 < len(reference) and abs(detected[j] - reference[i + 1]) < abs(apart):
            i += 1
        else:
            pairs.append((i, j))
            i, j = i + 1, j + 1
    found = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Matches(found[:, 0], found[:, 1])


def detection_rates(
    counts: NDArray[np.int64], draws: int, seed: int
) -> list[tuple[str, float, tuple[float, float] | None]]:
    """Compute Se and +P of detected beats, with 95 % intervals over records.

    Parameters
    ----------
    counts : (R, 3) int array
        Of each record: beats matched, missed and extra.
    draws, seed : int
        Of the bootstrap.

    Returns
    -------
    list of (name, value, interval or None)
    """
    weights = np.concatenate([np.ones((1, len(counts))), draw_blocks(len(counts), draws, seed)])
    matched, missed, extra = sum_blocks(weights, counts).T
    rates = []
    for name, other in (("Se", missed), ("+P", extra)):
        with np.errstate(invalid="ignore"):
            values = matched / (matched + other)
        rates.append((name, float(values[0]), interval(values[1:])))
    return rates

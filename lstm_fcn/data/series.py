"""Series as one array: which of them can be used, how long they are, and which no model can judge."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def stack_series(column: pd.Series, length: int) -> tuple[NDArray[np.float32], NDArray[np.object_]]:
    """Stack a column of arrays, and say for each row that has to stay out why.

    Parameters
    ----------
    column : Series of n arrays or None
    length : int
        Values that each array must have.

    Returns
    -------
    series : (n_good, length) float32 array
        The good rows, in order.
    errors : (n,) object array
        '' for a good row, else the reason.
    """
    errors = np.full(len(column), "", dtype=object)
    good = []
    for i, values in enumerate(column):
        if values is None:
            errors[i] = "the beat is NULL"
        elif len(values) != length:
            errors[i] = f"expected {length} values, found {len(values)}"
        else:
            good.append(values)
    series = np.stack(good).astype(np.float32, copy=False) if good else np.empty((0, length), np.float32)
    finite = np.isfinite(series).all(axis=1)
    if not finite.all():
        errors[np.flatnonzero(errors == "")[~finite]] = "the beat holds NULL, NaN or infinity"
    return series[finite], errors


LENGTH_BINS = 10
"""Of equal width, over the values of a series."""


def beat_lengths(series: NDArray[np.float32]) -> NDArray[np.int64]:
    """Count the values of each series (n, length) before the zeros that pad it; 0 where all is zero."""
    filled = series != 0
    last = series.shape[1] - filled[:, ::-1].argmax(axis=1)
    return np.where(filled.any(axis=1), last, 0)


def count_lengths(series: NDArray[np.float32]) -> list[int]:
    """Count series (n, length) by their length before the padding, in `LENGTH_BINS` bins."""
    bins = np.maximum(beat_lengths(series) - 1, 0) * LENGTH_BINS // series.shape[1]
    return [int(count) for count in np.bincount(bins, minlength=LENGTH_BINS)]


def implausible(series: NDArray[np.float32], lowest: float | None, highest: float | None) -> NDArray[np.object_]:
    """Describe for each series (n, length) why a model's answer to it would mean nothing, or ''.

    Parameters
    ----------
    series : (n, length) float32 array
    lowest, highest : float or None
        Of the values in training, where they are known. A tenth of their distance is allowed beyond them, for
        filters and resampling that overshoot.
    """
    errors = np.full(len(series), "", dtype=object)
    least, most = series.min(axis=1, initial=np.inf), series.max(axis=1, initial=-np.inf)
    if lowest is not None and highest is not None:
        beyond = (highest - lowest) / 10
        errors[(least < lowest - beyond) | (most > highest + beyond)] = (
            f"values outside those of training ({lowest:g} to {highest:g})"
        )
    errors[least == most] = "the beat is a flat line"
    return errors

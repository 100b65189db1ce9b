"""Records to beats: the recipe of the published beat table, for any sampling frequency.

The recipe is the one behind `mitbih_train.csv` and `mitbih_test.csv` (Kachuee et al. 2018), recovered from the
records of MIT-BIH, which are at 360 Hz, and equal to the published values in float32. Other records are resampled to
360 Hz first.
"""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import resample_poly

from lstm_fcn.data.beats import BEAT_LENGTH
from lstm_fcn.data.labels import LABEL_OF_SYMBOL
from lstm_fcn.data.records import Record

RECIPE_FREQUENCY = 360
"""Of the records that the recipe was made for, Hz. It counts in samples."""

DECIMATION = 3
"""Every third sample is kept, without a filter: beats are at 120 Hz."""

_LARGEST_FACTOR = 100_000
"""Of the resampling. A frequency that is no ratio of smaller numbers is met to 1e-10, which is 9 us in a day."""


def cut_beats(record: Record) -> pd.DataFrame:
    """Cut a record into beats by the recipe of the published table.

    With annotation indices a[0..K-1] at 360 Hz and a[K] the signal's end, the beat at annotation i <= K-2 is every
    third sample from a[i] up to a[i+1] + 0.2 (a[i+2] - a[i+1]), scaled to [0, 1] by its own extremes, cut
    or zero-padded to 187 values. Beats start ON the R annotation and reach into the next beat.

    Returns
    -------
    DataFrame
        One row a beat: `sample` (int64, in the record's own samples), `symbol` and `label` (Int32; both missing where
        the beats were detected), `length` (int32, values before the cut or the padding), `beat` (float32 array of 187
        values, NaN where a sample is missing), `fs` (Hz), `lead`, `time_s` (of the sample, s), `annotator`.
    """
    signal, bounds = _at_recipe_frequency(record)
    rows = []
    for i, sample in enumerate(record.samples[:-1]):
        symbol = record.symbols[i] if record.symbols is not None else None
        if symbol is not None and symbol not in LABEL_OF_SYMBOL:
            continue
        start, stop = bounds[i], bounds[i + 1] + int(0.2 * (bounds[i + 2] - bounds[i + 1]))
        values = signal[start:stop:DECIMATION].astype(np.float64)
        label = None if symbol is None else LABEL_OF_SYMBOL[symbol]
        rows.append((sample, symbol, label, len(values), _scale_and_pad(values)))
    table = pd.DataFrame(rows, columns=["sample", "symbol", "label", "length", "beat"])
    table = table.astype({"sample": "int64", "symbol": object, "label": "Int32", "length": "int32"})
    return table.assign(fs=record.fs, lead=record.lead, time_s=table["sample"] / record.fs, annotator=record.annotator)


def _at_recipe_frequency(record: Record) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Resample a record to 360 Hz: its signal, and where its annotations and its end are in it."""
    bounds = np.append(record.samples, len(record.signal))
    if record.fs == RECIPE_FREQUENCY:
        return record.signal, bounds
    signal = resample(record.signal, Fraction(RECIPE_FREQUENCY) / Fraction(str(record.fs)))
    at = np.rint(bounds * (RECIPE_FREQUENCY / record.fs)).astype(np.int64)
    return signal, np.minimum(at, len(signal))


def resample(signal: NDArray[Any], factor: Fraction) -> NDArray[Any]:
    """Resample a signal by a polyphase filter against aliasing, without a delay.

    Parameters
    ----------
    signal : (n,) float array
        NaN where a sample is missing; it is missing in the result too.
    factor : Fraction
        New frequency by old one.

    Returns
    -------
    (ceil(n * factor),) float array
    """
    factor = factor.limit_denominator(_LARGEST_FACTOR)
    missing = np.isnan(signal)
    if missing.all():
        return np.full(math.ceil(len(signal) * factor), np.nan, signal.dtype)
    filled = signal
    if missing.any():
        at = np.arange(len(signal))
        filled = signal.copy()
        filled[missing] = np.interp(at[missing], at[~missing], signal[~missing])
    offset = filled[0]  # the filter takes what is beyond the ends for zero
    result: NDArray[Any] = resample_poly(filled - offset, factor.numerator, factor.denominator)
    result += offset
    if missing.any():
        nearest = np.rint(np.arange(len(result)) / float(factor)).astype(np.int64)
        result[missing[np.minimum(nearest, len(signal) - 1)]] = np.nan
    return result


def _scale_and_pad(values: NDArray[np.float64]) -> NDArray[np.float32]:
    beat = np.zeros(BEAT_LENGTH, dtype=np.float32)
    known = values[~np.isnan(values)]
    spread = np.ptp(known) if len(known) else 0.0
    if spread or len(known) < len(values):  # a flat line has no shape to scale and stays zero
        scaled = (values - known.min(initial=np.inf)) / (spread or 1.0)
        beat[: len(scaled)] = scaled[:BEAT_LENGTH]  # scaled before the cut, as published: the extremes may be cut off
    return beat

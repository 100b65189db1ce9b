"""Windows of beats that somebody else cut, laid at their times into the lead that they were cut from."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstm_fcn.data.records import Record, check_length
from lstm_fcn.errors import DataError

_LONGEST_INTERVAL = 2.0
"""Seconds: the median interval of a record that has all its beats. Below 30 beats a minute some are left out."""

_SHORTEST_OVERLAP = 0.05
"""Seconds of two windows that are compared. The median of a few samples of a QRS complex says little."""

_DISAGREEMENT, _SHARE = 0.01, 0.1
"""Of the windows' median range; and of the overlaps, that may differ by more. On MIT-BIH, times that are rounded to
10 ms and windows that were resampled one by one stay below; windows with a scale or an offset of their own do not."""

_SAME, _FEWEST = 1e-4, 10
"""Relative difference of ranges that are the same; and windows that it takes to say so. On MIT-BIH 2 % are the same."""

_ONE_UNIT = "export windows in one unit and with one offset over the record (e.g. mV), padded with NULL, not zeros"


def record_of_windows(name: str, beats: pd.DataFrame, fs: float, lead: str) -> Record:
    """Put together what the windows of a record show of its lead; what none of them shows is missing.

    Parameters
    ----------
    name : str
    beats : DataFrame
        One row for each beat, in any order: `time_s` (of the R peak, from the beginning of the recording, s),
        `window` (float array, in a unit that is the same over the record, NaN where a sample is missing; None where
        all are), `before_s` (from the first sample of the window to the R peak, s), and optionally `symbol` (WFDB).
    fs : float
        Sampling frequency of the windows, Hz.
    lead : str
        Name of the lead.

    Returns
    -------
    Record
        From the time 0 to the end of the last window. Where windows overlap, the later one counts. Samples before the
        time 0 are left out.

    Raises
    ------
    DataError
        If a time is missing or impossible, two beats have one time, beats seem to be left out, an R peak is outside its
        window, only some beats have symbols, or the windows are in different units.
    """
    _check_times(beats["time_s"].to_numpy(np.float64))
    ordered = beats.sort_values("time_s", kind="stable")
    seconds, before = ordered["time_s"].to_numpy(np.float64), ordered["before_s"].to_numpy(np.float64)
    peaks: NDArray[Any] = np.rint(seconds * fs)
    windows = [np.empty(0, np.float32) if each is None else np.asarray(each, np.float32) for each in ordered["window"]]
    _check_order(peaks, seconds)
    _check_peaks(before, windows, fs)
    starts = peaks - np.rint(before * fs)
    end = int(max(peaks[-1] + 1, (starts + [len(window) for window in windows]).max()))
    check_length(end)
    signal, differences = _lay(starts.astype(np.int64), windows, end, round(_SHORTEST_OVERLAP * fs))
    _check_unit(windows, differences)
    return Record(name, signal, fs, lead, peaks.astype(np.int64), _symbols(ordered), "windows")


def _check_times(seconds: NDArray[np.float64]) -> None:
    odd = ~(np.isfinite(seconds) & (seconds >= 0))
    if odd.any():
        raise DataError(
            "expected the time_s of each R peak in seconds from the beginning of the recording, found "
            f"{odd.sum():,} that are NULL, negative or no numbers, of {len(seconds):,} beats"
        )


def _check_order(peaks: NDArray[Any], seconds: NDArray[np.float64]) -> None:
    intervals = np.diff(seconds)
    same = np.flatnonzero(np.diff(peaks) == 0)
    if len(same):
        raise DataError(
            f"two beats are at one time, {seconds[same[0]]:g} s: expected one row for each beat; where the rows are of "
            "several leads, give them a column 'lead'"
        )
    if len(intervals) and np.median(intervals) > _LONGEST_INTERVAL:
        raise DataError(
            f"expected all beats of the record, with time_s in seconds, found a median of {np.median(intervals):g} s "
            "from beat to beat: contexts need the neighbours of a beat"
        )


def _check_peaks(before: NDArray[np.float64], windows: Sequence[NDArray[np.float32]], fs: float) -> None:
    for seconds, window in zip(before, windows, strict=True):
        if len(window) and not 0 <= seconds * fs <= len(window):  # NaN too
            raise DataError(
                "expected before_s to be the seconds from the first sample of a window to its R peak, found "
                f"{seconds:g} with a window of {len(window) / fs:g} s"
            )


def _lay(
    starts: NDArray[np.int64], windows: Sequence[NDArray[np.float32]], length: int, shortest: int
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Lay windows into a lead, in order; return it, and the median difference of each to what was there before."""
    lead = np.full(length, np.nan, np.float32)
    differences = []
    for start, window in zip(starts, windows, strict=True):
        values = window[max(-start, 0) :]
        place = lead[max(start, 0) :][: len(values)]
        difference = values - place
        difference = difference[~np.isnan(difference)]
        if len(difference) >= shortest:
            differences.append(np.median(difference))
        np.copyto(place, values, where=~np.isnan(values))
    return lead, np.asarray(differences, np.float64)


def _check_unit(windows: Sequence[NDArray[np.float32]], differences: NDArray[np.float64]) -> None:
    """Refuse windows that overlap and disagree or, where none overlap, that were scaled by their own values."""
    known = [values for window in windows if len(values := window[~np.isnan(window)])]
    ranges = np.array([np.ptp(each) for each in known])
    if len(differences):
        disagreeing = np.abs(differences) > _DISAGREEMENT * np.median(ranges)
        if disagreeing.mean() > _SHARE:
            raise DataError(
                f"windows that overlap disagree: {disagreeing.sum():,} of {len(differences):,} overlaps differ by more "
                f"than {_DISAGREEMENT:.0%} of the range of a window, as where each was scaled by its own extremes or "
                f"padded with zeros; {_ONE_UNIT}"
            )
    elif _most_are_same(ranges) or _most_are_same(np.array([each.std() for each in known])):
        raise DataError(f"most windows have the same range, so each was scaled by its own values; {_ONE_UNIT}")


def _most_are_same(values: NDArray[Any]) -> bool:
    if len(values) < _FEWEST:
        return False
    middle = np.median(values)
    return bool(middle > 0 and (np.abs(values - middle) < _SAME * middle).mean() > 0.5)


def _symbols(beats: pd.DataFrame) -> list[str] | None:
    if "symbol" not in beats or beats["symbol"].isna().all():
        return None
    if beats["symbol"].isna().any():
        raise DataError(
            f"expected a symbol for each beat, or for none, found {beats['symbol'].isna().sum():,} of {len(beats):,} "
            "that are NULL"
        )
    return list(beats["symbol"])

"""Finding the beats of a record that has no annotation.

The detector is sleepecg's (Brunner and Hofer 2023, J. Open Source Softw. 8(86), 5411), a fast Pan-Tompkins detector. On
one lead of the 48 MIT-BIH records it misses small beats beside large ones, and takes sharp P and T waves for beats. So
it is run twice: on the frequencies of the QRS complex, and, for what is between its beats, on a signal in which small
waves count more. Then what is not steep enough for a beat is left out.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from lstm_fcn.errors import SettingsError

DETECTOR = "sleepecg"
"""What stands in the column `annotator` for beats that were detected."""

_QRS_BAND, _SHARP_BAND = (3.0, 20.0), (8.0, 25.0)
"""Hz: a QRS complex as a whole, and its steep parts, which P and T waves have not."""

_COMPRESSION = 0.5
"""Exponent of the second pass: the smaller, the more small waves count."""

_LONG_INTERVAL = 1.6
"""An interval so many times the usual one may hide a beat."""

_LEAST_HEIGHT = 0.2
"""Of a beat's steep parts, in terms of those of its neighbours."""

_CLOSE, _LEAST_HEIGHT_OF_CLOSE = 0.3, 0.7
"""Seconds between two beats that are hardly ever beats both (200 in a minute), and the least height then of each, in
terms of that of the other: what is lower is a P or T wave of it."""

_PIECE, _OVERLAP = 3600.0, 600.0
"""Seconds that are looked at together, so that a day needs little more memory than an hour; and beyond either end of
them: the detector's thresholds follow the beats, and can need minutes to forget where they began."""

_NEIGHBOURS = 10
_NOT_BEFORE, _AROUND = 0.25, 0.08
"""Seconds: between two beats at least, and from a beat on in which its height is measured."""


def detect_beats(signal: NDArray[Any], fs: float) -> NDArray[np.int64]:
    """Find the R peaks of one lead.

    Parameters
    ----------
    signal : (n,) float array
        In any unit; NaN where a sample is missing.
    fs : float
        Sampling frequency, Hz.

    Returns
    -------
    (m,) int array
        Their positions, ascending. There are none where the signal is missing or a flat line.

    Raises
    ------
    SettingsError
        If sleepecg is not installed.
    """
    length, overlap = int(_PIECE * fs), int(_OVERLAP * fs)
    found: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    for start in range(0, len(signal), length):
        first, stop = max(0, start - overlap), start + length
        beats = _beats_of_piece(signal[first : stop + overlap], fs) + first
        found.append(beats[(beats >= start) & (beats < stop)])
    return np.concatenate(found)


def _beats_of_piece(signal: NDArray[Any], fs: float) -> NDArray[np.int64]:
    missing = np.isnan(signal)
    if missing.all() or len(signal) < fs * 2:
        return np.empty(0, np.int64)
    at = np.arange(len(signal))
    filled = np.interp(at, at[~missing], signal[~missing].astype(np.float64))
    qrs, sharp = _band(filled, fs, _QRS_BAND), _band(filled, fs, _SHARP_BAND)
    scale = np.percentile(np.abs(sharp), 98)
    if not scale:
        return np.empty(0, np.int64)
    compressed = np.sign(sharp) * np.abs(sharp / scale) ** _COMPRESSION
    beats = _fill_long_intervals(_detect(qrs, fs), _detect(compressed, fs), fs)
    beats = _without_low(_without_waves_of_others(beats, sharp, fs), sharp, fs)
    found: NDArray[np.int64] = beats[~missing[beats]]
    return found


def _detect(signal: NDArray[np.float64], fs: float) -> NDArray[np.int64]:
    try:
        from sleepecg.heartbeats import detect_heartbeats
    except ModuleNotFoundError as error:
        raise SettingsError.not_installed("detecting beats", error) from error
    return np.asarray(detect_heartbeats(signal, fs), dtype=np.int64)


def _band(signal: NDArray[np.float64], fs: float, band: tuple[float, float]) -> NDArray[np.float64]:
    low, high = band
    sections = butter(2, [low, min(high, 0.45 * fs)], "bandpass", fs=fs, output="sos")
    filtered: NDArray[np.float64] = sosfiltfilt(sections, signal)
    return filtered


def _fill_long_intervals(beats: NDArray[np.int64], others: NDArray[np.int64], fs: float) -> NDArray[np.int64]:
    """Add those of the other detections that lie where the interval between two beats is unusually long."""
    if len(beats) < 2:
        return others
    intervals = np.diff(beats)
    is_long = intervals > _LONG_INTERVAL * _running_median(intervals, _NEIGHBOURS)
    before = np.searchsorted(beats, others) - 1
    inside = (before >= 0) & (before < len(intervals))
    before = np.clip(before, 0, len(intervals) - 1)
    apart = (others - beats[before] > _NOT_BEFORE * fs) & (beats[before + 1] - others > _NOT_BEFORE * fs)
    return np.sort(np.concatenate([beats, others[inside & is_long[before] & apart]]))


def _without_waves_of_others(beats: NDArray[np.int64], sharp: NDArray[np.float64], fs: float) -> NDArray[np.int64]:
    """Leave out what is close to a beat and lower than it."""
    height = _heights(beats, sharp, fs)
    close = np.diff(beats) < _CLOSE * fs
    low = np.zeros(len(beats), dtype=bool)
    low[1:] |= close & (height[1:] < _LEAST_HEIGHT_OF_CLOSE * height[:-1])
    low[:-1] |= close & (height[:-1] < _LEAST_HEIGHT_OF_CLOSE * height[1:])
    kept: NDArray[np.int64] = beats[~low]
    return kept


def _without_low(beats: NDArray[np.int64], sharp: NDArray[np.float64], fs: float) -> NDArray[np.int64]:
    """Leave out what is much lower than its neighbours."""
    if not len(beats):
        return beats
    height = _heights(beats, sharp, fs)
    high: NDArray[np.int64] = beats[height >= _LEAST_HEIGHT * _running_median(height, _NEIGHBOURS)]
    return high


def _heights(beats: NDArray[np.int64], sharp: NDArray[np.float64], fs: float) -> NDArray[np.float64]:
    """Measure the steep parts of beats."""
    reach = int(_AROUND * fs)
    return np.array([np.abs(sharp[max(0, beat - reach) : beat + reach]).max() for beat in beats])


def _running_median(values: NDArray[Any], reach: int) -> NDArray[np.float64]:
    """Compute the median of each value and up to `reach` on either side of it."""
    padded = np.pad(values.astype(np.float64), reach, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    return np.asarray(np.nanmedian(windows, axis=1), dtype=np.float64)

"""A lead at 120 Hz without its baseline, windows of it, and the beats that share their references."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from lstm_fcn.data.cutting import resample

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FREQUENCY = 120
"""Of the windows, Hz."""
BEFORE, AFTER = 48, 72
"""Samples of a window before, and from the R peak on: 0.4 and 0.6 s."""
_BAND = (0.5, 40.0)
"""Hz. Below it is the baseline's wander; above it what a signal at 128 Hz does not hold."""
_STEP, _REACH = 600.0, 1800.0
"""Seconds. References are taken anew every _STEP, over the beats within _REACH of the step's middle."""


def clean_lead(signal: NDArray[Any], fs: float) -> tuple[Floats, NDArray[np.bool_]]:
    """Bring a lead (n_samples,) to 120 Hz without its baseline, and return where it is missing.

    Missing samples are bridged by straight lines, which the filter needs.
    """
    lead = resample(signal.astype(np.float64), Fraction(FREQUENCY) / Fraction(str(fs)))
    missing = np.isnan(lead)
    if missing.all():
        return np.zeros(len(lead)), missing
    at = np.arange(len(lead))
    lead[missing] = np.interp(at[missing], at[~missing], lead[~missing])
    band: Any = butter(2, _BAND, "bandpass", fs=FREQUENCY, output="sos")
    filtered: Floats = sosfiltfilt(band, lead, padlen=min(27, len(lead) - 1))
    return filtered, missing


def cut_windows(lead: NDArray[Any], at: Ints) -> NDArray[Any]:
    """Cut the windows (n, BEFORE + AFTER) around samples of a lead; beyond its ends its last value goes on."""
    windows: NDArray[Any] = lead[np.clip(at[:, None] + np.arange(-BEFORE, AFTER), 0, len(lead) - 1)]
    return windows


@dataclass(frozen=True)
class Span:
    """Beats that share their references, and the beats that these are taken over.

    Attributes
    ----------
    beats, reference : slice
        Of the record's beats.
    """

    beats: slice
    reference: slice


def reference_spans(seconds: Floats) -> list[Span]:
    """Divide a record's beats (at these seconds) into steps of 10 minutes, each with the hour around it as reference.

    A record of up to 35 minutes is one span, with all of it as reference.
    """
    if seconds[-1] - seconds[0] <= _REACH + _STEP / 2:
        return [Span(slice(0, len(seconds)), slice(0, len(seconds)))]
    starts = np.arange(seconds[0], seconds[-1] + _STEP, _STEP)
    bounds = np.searchsorted(seconds, starts)
    spans = []
    for start, first, last in zip(starts[:-1], bounds[:-1], bounds[1:], strict=True):
        if first < last:
            middle = start + _STEP / 2
            low, high = np.searchsorted(seconds, [middle - _REACH, middle + _REACH])
            spans.append(Span(slice(first, last), slice(low, high)))
    return spans


def spread(values: list[Any], spans: list[Span]) -> Floats:
    """Give each beat the value (or the row of values) of its span."""
    return np.repeat(np.asarray(values, dtype=np.float64), [span.beats.stop - span.beats.start for span in spans], 0)

"""The record's template: what most of its beats look like, and each beat moved to where it fits it best."""

import numpy as np

from lstm_fcn.context.lead import BEFORE, FREQUENCY, Floats, Ints, Span, cut_windows, spread

QRS = slice(BEFORE - 14, BEFORE + 18)
"""Of a window: R - 117 ms to R + 150 ms."""
_SLACK = 6
"""Samples by which a beat may be moved to fit the template: 50 ms."""
_COST = 0.002
"""Of correlation, for each sample that a beat is moved."""
_MOST_BEATS = 2000
"""That a template is made of, evenly spaced."""


def align(lead: Floats, seconds: Floats, spans: list[Span]) -> tuple[Ints, Floats, Floats]:
    """Cut a window around each R peak where it fits the template of its span best.

    Returns
    -------
    at : (n,) int array
        Samples of the R peaks in the lead.
    windows, templates : (n, length) arrays
    """
    at = np.rint(seconds * FREQUENCY).astype(np.int64)
    for _ in range(2):
        at = at + _best_shift(lead, at, _templates(cut_windows(lead, at), spans))
    windows = cut_windows(lead, at)
    return at, windows, _templates(windows, spans)


def amplitudes(windows: Floats, spans: list[Span]) -> Floats:
    """Median height of the QRS complexes of each beat's span: (n,); 1 where the lead is flat."""
    heights = np.ptp(windows[:, QRS], axis=1)
    scale = spread([np.median(heights[span.reference]) for span in spans], spans)
    return np.where(scale > 0, scale, 1.0)


def correlation(a: Floats, b: Floats) -> Floats:
    """Correlation of each row of a (n, k) with that of b; 0 where one is flat."""
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    norm = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    found: Floats = np.divide((a * b).sum(axis=1), norm, out=np.zeros(len(norm)), where=norm > 0)
    return found


def _templates(windows: Floats, spans: list[Span]) -> Floats:
    return spread([_template(windows[span.reference]) for span in spans], spans)


def _template(windows: Floats) -> Floats:
    """Take the median of the half of the beats that are most like it, found in four rounds: (length,)."""
    some = windows[:: max(1, len(windows) // _MOST_BEATS)]
    middle: Floats = np.median(some, axis=0)
    for _ in range(4):
        distance = np.square(some - middle).sum(axis=1)
        middle = np.median(some[distance <= np.median(distance)], axis=0)
    return middle


def _best_shift(lead: Floats, at: Ints, templates: Floats) -> Ints:
    """Samples (n,) that bring each beat's QRS complex closest to the template's, by correlation."""
    shifts = np.arange(-_SLACK, _SLACK + 1)
    fits = [correlation(cut_windows(lead, at + shift)[:, QRS], templates[:, QRS]) for shift in shifts]
    best: Ints = (np.stack(fits, axis=1) - _COST * np.abs(shifts)).argmax(axis=1)
    return shifts[best]

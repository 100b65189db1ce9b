"""The contexts of all beats of a record."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.context.form import CONTEXT_LENGTH, FEATURES
from lstm_fcn.context.lead import clean_lead, cut_windows, reference_spans
from lstm_fcn.context.rhythm import rhythm
from lstm_fcn.context.shape import shape
from lstm_fcn.context.template import align, amplitudes


def record_context(signal: NDArray[Any], fs: float, peaks: NDArray[np.int64]) -> NDArray[np.float32]:
    """Describe every beat of a record by one lead of it.

    Parameters
    ----------
    signal : (n_samples,) float array
        In any unit; NaN where a sample is missing.
    fs : float
        Sampling frequency, Hz.
    peaks : (n,) int array
        Samples of the R peaks of all beats, ascending.

    Returns
    -------
    (n, CONTEXT_LENGTH) float32 array
        Of each beat, one after the other: the window around its R peak (0.4 s before to 0.6 s after, at 120 Hz, in
        units of the record's median QRS height, NaN where a sample is missing), the record's template in the same
        form, and the features by the names in `lstm_fcn.context.form.FEATURES`.

    Notes
    -----
    What is the record's is taken over an hour around the beat where a record is longer than 35 minutes.
    """
    if not len(peaks):
        return np.empty((0, CONTEXT_LENGTH), np.float32)
    lead, missing = clean_lead(signal, fs)
    seconds = peaks / fs
    spans = reference_spans(seconds)
    at, windows, templates = align(lead, seconds, spans)
    scale = amplitudes(windows, spans)[:, None]
    windows, templates = windows / scale, templates / scale
    columns = rhythm(seconds, spans) | shape(windows, templates, spans)
    windows[cut_windows(missing, at)] = np.nan
    features = [columns[name][:, None] for name in FEATURES]
    return np.concatenate([windows, templates, *features], axis=1).astype(np.float32)

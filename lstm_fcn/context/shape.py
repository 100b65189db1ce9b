"""The shape of a beat against its record's: likeness to the template and to the neighbours, widths. No sign counts."""

import numpy as np
from scipy.ndimage import uniform_filter1d

from lstm_fcn.context.form import WIDTHS
from lstm_fcn.context.lead import BEFORE, Floats, Span, spread
from lstm_fcn.context.template import QRS, correlation

_P_WAVE = slice(BEFORE - 36, BEFORE - 10)
"""Of a window: R - 300 ms to R - 83 ms."""
_T_WAVE = slice(BEFORE + 18, BEFORE + 60)
"""R + 150 ms to R + 500 ms."""
_WAVES = {"qrs": QRS, "p": _P_WAVE, "t": _T_WAVE}
_PARTS = _WAVES | {"all": slice(None)}


def shape(windows: Floats, templates: Floats, spans: list[Span]) -> dict[str, Floats]:
    """Describe the shape of each window (n, length) against its template: feature -> (n,)."""
    columns = _likeness(windows, templates, spans) | _neighbours(windows)
    own, usual = _widths(windows), _widths(templates)
    ratios = {f"{name}/template": np.log((own[name] + 0.01) / (usual[name] + 0.01)) for name in WIDTHS}
    return columns | own | ratios


def _likeness(windows: Floats, templates: Floats, spans: list[Span]) -> dict[str, Floats]:
    """Correlation, difference (root mean square), and difference by what is usual in the record; gains."""
    difference = windows - templates
    columns: dict[str, Floats] = {}
    for name, part in _PARTS.items():
        size = np.sqrt(np.square(difference[:, part]).mean(axis=1))
        usual = spread([np.median(size[span.reference]) for span in spans], spans)
        columns[f"{name}_corr"] = correlation(windows[:, part], templates[:, part])
        columns[f"{name}_diff"] = size
        columns[f"{name}_diff_rel"] = np.log(size / np.maximum(usual, 1e-6) + 1e-3)
    return columns | {
        "p_diff_ac": difference[:, _P_WAVE].std(axis=1),
        "p_gain": _gain(windows[:, _P_WAVE], templates[:, _P_WAVE]),
        "qrs_gain": _gain(windows[:, QRS], templates[:, QRS]),
        "height": np.log(np.ptp(windows[:, QRS], axis=1) + 1e-3),
    }


def _gain(a: Floats, b: Floats) -> Floats:
    """Factor (n,) by which each row of b comes closest to that of a, both without their means."""
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    gain: Floats = (a * b).sum(axis=1) / ((b * b).sum(axis=1) + 1e-6)
    return np.clip(gain, -3, 3)


def _neighbours(windows: Floats) -> dict[str, Floats]:
    """Correlation with the previous and the next beat, and the second best of those with the three on each side."""
    columns = {}
    for name, part in _WAVES.items():
        wave = windows[:, part]
        near = [correlation(wave, np.roll(wave, k, axis=0)) for k in (1, 2, 3, -1, -2, -3)]
        columns[f"{name}_prev"], columns[f"{name}_next"] = near[0], near[3]
        columns[f"{name}_near"] = np.sort(near, axis=0)[-2]
    return columns


def _widths(windows: Floats) -> dict[str, Floats]:
    """Measures of a QRS complex's width (n,).

    'slope_spread' is the standard deviation in time of the slope's energy (samples), 'slope_time' the samples in which
    it is high, 'area' that of the complex over its height, 'half_time' the samples above half the height, 'steepness'
    the steepest slope over the height.
    """
    around = windows[:, BEFORE - 24 : BEFORE + 30]
    energy = uniform_filter1d(np.square(np.diff(around, axis=1)), 3, axis=1)
    total = energy.sum(axis=1, keepdims=True) + 1e-9
    time = np.arange(energy.shape[1])
    middle = (energy * time).sum(axis=1, keepdims=True) / total
    height = np.ptp(around, axis=1) + 1e-3
    level = np.abs(around - np.median(windows, axis=1, keepdims=True))
    return {
        "slope_spread": np.sqrt((energy * np.square(time - middle)).sum(axis=1) / total[:, 0]),
        "slope_time": (energy > 0.1 * energy.max(axis=1, keepdims=True)).sum(axis=1).astype(np.float64),
        "area": level.sum(axis=1) / height,
        "half_time": (level > 0.5 * level.max(axis=1, keepdims=True)).sum(axis=1).astype(np.float64),
        "steepness": np.sqrt(energy.max(axis=1)) / height,
    }

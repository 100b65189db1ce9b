"""Simulated recordings, written as WFDB or EDF files, so that the way of the real ones can be tried anywhere.

Each beat is a sum of Gaussians for its P, Q, R, S and T waves, after McSharry et al. (2003), "A dynamical
model for generating synthetic electrocardiogram signals", IEEE Trans. Biomed. Eng. 50(3). The waves of each
class are drawn by hand to look like it. No figure that a model reaches on them says anything about patients.
"""

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.data.labels import CLASSES

_SYMBOL = {"N": "N", "S": "A", "V": "V", "F": "F", "Q": "/"}
_SHARE = {"N": 0.70, "S": 0.08, "V": 0.11, "F": 0.05, "Q": 0.06}

_NORMAL = [
    (-1.05, 0.12, 0.20),
    (-0.20, -0.10, 0.07),
    (0.0, 1.10, 0.07),
    (0.20, -0.25, 0.07),
    (1.50, 0.30, 0.35),
]
_VENTRICULAR = [(-0.3, -0.1, 0.15), (0.0, 1.6, 0.22), (0.55, -0.7, 0.3), (1.7, -0.4, 0.4)]
_WAVES: dict[str, list[tuple[float, float, float]]] = {
    "N": _NORMAL,
    "S": [(-0.65, -0.1, 0.12), (0.0, 0.95, 0.06), (0.18, -0.35, 0.06), (1.2, 0.22, 0.28)],
    "V": _VENTRICULAR,
    "F": [(at, height / 2, width) for at, height, width in _NORMAL + _VENTRICULAR],
    "Q": [(-0.12, 1.2, 0.02), (0.1, -1.3, 0.2), (1.6, 0.6, 0.4)],
}
"""Waves of a class: phase (rad, the R peak at 0), height (mV), width (rad)."""

_PREMATURE = {"S": 0.75, "V": 0.70}
"""The interval before such a beat, as a share of the usual one."""

_LEADS = ("MLII", "V1")
_EDF_RANGE = (-10.24, 10.23)
"""mV; so wide that a step is 1/3200 mV."""

_GAIN, _BASELINE = 200.0, 1024
"""ADC units per mV and at 0 mV, as in the MIT-BIH records."""


def write_records(
    folder: Path,
    records: int,
    seconds: int,
    seed: int,
    *,
    fs: int = 360,
    form: Literal["wfdb", "edf"] = "wfdb",
    unannotated: int = 0,
) -> list[str]:
    """Write simulated records s01, s02, ... with their annotations.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    records : int
        How many, each a patient of its own.
    seconds : int
        Length of each.
    seed : int
    fs : int
        Sampling frequency, Hz.
    form : 'wfdb' or 'edf'
    unannotated : int
        How many of them, the last ones, get no annotations.

    Returns
    -------
    list of str
        Their names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"s{number:02d}" for number in range(1, records + 1)]
    for number, (name, rng) in enumerate(zip(names, np.random.default_rng(seed).spawn(records), strict=True)):
        samples, classes = _rhythm(rng, seconds, fs)
        clean = _signal(rng, samples, classes, seconds, fs)
        channels = np.stack([_digitize(rng, clean), _digitize(rng, 0.6 * clean)], axis=1)
        symbols = [_SYMBOL[each] for each in classes] if number < records - unannotated else None
        (_write_wfdb if form == "wfdb" else _write_edf)(folder / name, channels, fs, samples, symbols)
    return names


def _write_wfdb(
    path: Path, channels: NDArray[np.int64], fs: int, samples: NDArray[np.int64], symbols: list[str] | None
) -> None:
    import wfdb

    where = str(path.parent)
    wfdb.wrsamp(
        path.name,
        fs=fs,
        units=["mV", "mV"],
        sig_name=list(_LEADS),
        d_signal=channels,
        fmt=["212", "212"],
        adc_gain=[_GAIN, _GAIN],
        baseline=[_BASELINE, _BASELINE],
        comments=["simulated"],
        write_dir=where,
    )
    if symbols is not None:
        at = np.concatenate([[samples[0] // 2], samples])
        notes = ["(N"] + [""] * len(samples)
        wfdb.wrann(path.name, "atr", sample=at, symbol=["+", *symbols], aux_note=notes, write_dir=where)


def _write_edf(
    path: Path, channels: NDArray[np.int64], fs: int, samples: NDArray[np.int64], symbols: list[str] | None
) -> None:
    import edfio

    millivolts = (channels - _BASELINE) / _GAIN
    signals = [
        edfio.EdfSignal(values, fs, label=f"ECG {lead}", physical_dimension="mV", physical_range=_EDF_RANGE)
        for lead, values in zip(_LEADS, millivolts.T, strict=True)
    ]
    notes = [edfio.EdfAnnotation(at / fs, None, each) for at, each in zip(samples, symbols or (), strict=False)]
    edfio.Edf(signals, annotations=notes).write(path.with_suffix(".edf"))


def _rhythm(rng: np.random.Generator, seconds: int, fs: int) -> tuple[NDArray[np.int64], list[str]]:
    """Draw the beats' R peaks (sample indices) and classes."""
    usual = rng.uniform(0.70, 0.95)  # s between two beats: 63 to 86 a minute
    shares = [_SHARE[name] for name in CLASSES]
    times, classes, time = [], [], usual
    while time < seconds - 1:
        name = str(rng.choice(CLASSES, p=shares))
        early = (1 - _PREMATURE.get(name, 1.0)) * usual
        times.append(time - early)
        classes.append(name)
        time += usual * rng.normal(1, 0.04)  # after an early beat, the next one comes when it was due
    return np.round(np.array(times) * fs).astype(np.int64), classes


def _signal(
    rng: np.random.Generator, samples: NDArray[np.int64], classes: list[str], seconds: int, fs: int
) -> NDArray[np.float64]:
    """Sum the waves of all beats over a wandering baseline: (seconds * fs,) in mV."""
    time = np.arange(seconds * fs)
    wander = 0.1 * np.sin(2 * np.pi * time / fs * rng.uniform(0.1, 0.3))
    signal: NDArray[np.float64] = wander
    interval = float(np.median(np.diff(samples)))
    patient = {name: rng.normal(1, 0.10, size=(len(waves), 2)) for name, waves in _WAVES.items()}
    for peak, name in zip(samples, classes, strict=True):
        near = slice(max(0, int(peak - interval)), int(peak + interval))
        phase = (time[near] - peak) * 2 * np.pi / interval
        for (at, height, width), (taller, wider) in zip(_WAVES[name], patient[name], strict=True):
            wave = height * taller * rng.normal(1, 0.05)
            signal[near] += wave * np.exp(-((phase - at) ** 2) / (2 * (width * wider) ** 2))
    return signal


def _digitize(rng: np.random.Generator, signal: NDArray[np.float64]) -> NDArray[np.int64]:
    """Add noise and convert mV to ADC units of 11 bits."""
    noisy = signal + rng.normal(0, 0.02, size=len(signal))
    return np.clip(np.round(noisy * _GAIN + _BASELINE), 0, 2047).astype(np.int64)

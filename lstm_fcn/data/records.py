"""What a record is: one lead of an ECG with the annotations of its beats; and which lead to take."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.errors import DataError

LOWEST_FREQUENCY, HIGHEST_FREQUENCY = 60.0, 2000.0
"""Sampling frequencies of an ECG that is taken, Hz."""

MOST_SAMPLES = 2**28
"""In a record: 12 days at 250 Hz, 1 GiB in float32. What is missing between segments counts too."""

Detect = Callable[[NDArray[Any], float], NDArray[np.int64]]
"""Finds the R peaks: signal (n,) and sampling frequency (Hz) -> their positions (m,), ascending."""

_PREFERRED = ("MLII", "II")
"""What the models were trained on, in most records."""

_NO_ECG = re.compile(
    r"\b(abp|art|bp|pap|cvp|icp|lap|rap|uap|uvp|pleth\w*|ppg|resp\w*|spo2|sao2|co2|etco2|eeg\w*|emg\w*|eog\w*|temp\w*|"
    r"flow|airflow|pressure|press|thor\w*|abdo\w*|chest|snore|pulse|hr|position|event|marker|edf annotations|ptt|sound|"
    r"gsr|acc\w*|x|y|z)\b",
    re.IGNORECASE,
)
_UNITS_OF_OTHERS = re.compile(r"mmhg|cmh2o|kpa|%|bpm|°?c|degc?|l/min|lpm|pm|ohm|g|m/s\^?2", re.IGNORECASE)


@dataclass(frozen=True)
class Record:
    """One lead of a recording, with the annotations of its beats.

    Attributes
    ----------
    name : str
        e.g. '100'.
    signal : (n_samples,) float array
        In any unit and with any offset, e.g. ADC samples; NaN where a sample is missing.
    fs : float
        Sampling frequency, Hz.
    lead : str
        Name of the lead, e.g. 'MLII'.
    samples : (n_annotations,) int array
        Index of each annotation in the signal, ascending; beats and non-beats.
    symbols : list of str or None
        WFDB symbol of each annotation; None where the beats were detected, and all are beats.
    annotator : str
        What the annotations are from, e.g. 'atr'.
    """

    name: str
    signal: NDArray[Any]
    fs: float
    lead: str
    samples: NDArray[np.int64]
    symbols: list[str] | None
    annotator: str


def choose_lead(names: Sequence[str], units: Sequence[str], wanted: Sequence[str] = ()) -> int:
    """Choose the signal of a recording that is taken as its ECG.

    Parameters
    ----------
    names, units : sequence of str
        Of all signals, e.g. 'MLII' and 'mV'.
    wanted : sequence of str
        Names or positions (from 0) in the order of preference. Without any: MLII or II, else the first signal that is
        an ECG by its name and its unit.

    Returns
    -------
    int
        Its position.

    Raises
    ------
    DataError
        If none of those that are wanted is there, or no signal is an ECG.
    """
    known, bare = [name.strip().lower() for name in names], [_bare(name) for name in names]
    listed = ", ".join(f"{i} {name} ({unit})" for i, (name, unit) in enumerate(zip(names, units, strict=True)))
    for each in wanted or _PREFERRED:
        for spelled in (known, bare):  # 'ECG II' is II too
            if each.strip().lower() in spelled:
                return spelled.index(each.strip().lower())
        if wanted and each.strip().isdigit() and int(each) < len(names):
            return int(each)
    if wanted:
        raise DataError(f"expected a lead {' or '.join(wanted)}, found {listed or 'no signal'}")
    for i, (name, unit) in enumerate(zip(names, units, strict=True)):
        if not _NO_ECG.search(name.replace("_", " ")) and not _UNITS_OF_OTHERS.fullmatch(unit.strip()):
            return i
    raise DataError(f"no signal is an ECG by its name and unit: {listed or 'there is none'}; choose one with --lead")


def _bare(name: str) -> str:
    return re.sub(r"^(ecg|ekg|lead)[\s_-]+", "", name.strip().lower())


def check_frequency(fs: float) -> None:
    """Refuse a sampling frequency that no ECG has.

    Raises
    ------
    DataError
    """
    if not LOWEST_FREQUENCY <= fs <= HIGHEST_FREQUENCY:  # NaN too
        raise DataError(
            f"expected a sampling frequency of {LOWEST_FREQUENCY:g} to {HIGHEST_FREQUENCY:g} Hz, found {fs:g} Hz"
        )


def check_length(samples: int) -> None:
    """Refuse a record without samples, or with more than may be put into memory at once.

    Raises
    ------
    DataError
    """
    if not 0 < samples <= MOST_SAMPLES:
        raise DataError(
            f"expected 1 to {MOST_SAMPLES:,} samples, found {samples:,}; give a longer one, and one with long gaps, as "
            "several records"
        )


def check_annotations(record: Record) -> None:
    """Refuse annotations that cannot be those of the signal.

    Raises
    ------
    DataError
    """
    if len(record.samples) and record.samples[-1] >= len(record.signal):
        raise DataError(
            f"the annotation at sample {record.samples[-1]} lies beyond the signal's end ({len(record.signal)} samples)"
        )
    if (np.diff(record.samples) < 0).any() or (record.samples < 0).any():
        raise DataError("the annotations are not in the order of time")

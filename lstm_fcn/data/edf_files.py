"""EDF, EDF+ and BDF files to a record: one lead, with the annotations of EDF+ that name WFDB symbols, or detected."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.data.detection import DETECTOR
from lstm_fcn.data.labels import LABEL_OF_SYMBOL
from lstm_fcn.data.records import Detect, Record, check_annotations, check_frequency, choose_lead
from lstm_fcn.errors import DataError, SettingsError

_HEADER_BYTES = 256
"""Of the recording, and of each signal."""


def read_edf(
    path: Path,
    leads: Sequence[str] = (),
    annotator: str | None = None,
    detect: Detect | None = None,
) -> Record:
    """Read a recording.

    Parameters
    ----------
    path : Path
        A local file.
    leads : sequence of str
        As `choose_lead` takes them.
    annotator : str, optional
        'edf' takes the file's annotations, 'detect' detects the beats; without it the annotations are taken where some
        name beats.
    detect : callable, optional
        Signal and sampling frequency -> R peaks.

    Raises
    ------
    DataError
        If the file is damaged or shorter than its header says, has no ECG, or no beats where they are asked for.
    """
    try:
        import edfio
    except ModuleNotFoundError as error:
        raise SettingsError.not_installed("reading EDF files", error) from error
    try:
        _check_size(path)
        is_bdf = path.suffix.lower() == ".bdf"
        read = edfio.read_bdf if is_bdf else edfio.read_edf
        recording = read(path, header_encoding="latin-1")
        if not recording.is_continuous:
            raise DataError("the recording has gaps (EDF+D), which are not read: give it as a table of signals")
        lead = choose_lead(
            [signal.label for signal in recording.signals],
            [signal.physical_dimension for signal in recording.signals],
            leads,
        )
        chosen = recording.signals[lead]
        fs = float(chosen.sampling_frequency)
        check_frequency(fs)
        signal = _values(chosen)
        name = chosen.label.strip()
        beats = [(each.onset, each.text.strip()) for each in recording.annotations]
    except DataError:
        raise
    except Exception as error:  # whatever the parsing of a damaged file runs into
        raise DataError(f"cannot be read: {type(error).__name__}: {' '.join(str(error).split())}") from error
    has_beats = any(text in LABEL_OF_SYMBOL for _, text in beats)
    if annotator not in (None, "edf", "detect"):
        raise DataError(f"an EDF file has no annotator {annotator}: expected edf (its own annotations) or detect")
    if annotator == "edf" and not has_beats:
        raise DataError("no annotation of the file names a beat by its WFDB symbol (N, V, A, ...)")
    if has_beats and annotator != "detect":
        beats.sort()
        samples = np.rint(np.array([onset for onset, _ in beats]) * fs).astype(np.int64)
        record = Record(path.stem, signal, fs, name, samples, [text for _, text in beats], "edf")
    elif detect is None:
        raise DataError("the file has no annotations of beats")
    else:
        record = Record(path.stem, signal, fs, name, detect(signal, fs), None, DETECTOR)
    check_annotations(record)
    return record


def _values(signal: Any) -> NDArray[np.float32]:
    """Return the digital values; a signal without a range of them has no scale."""
    if signal.physical_min == signal.physical_max or signal.digital_min == signal.digital_max:
        raise DataError(f"the signal {signal.label} has no range: its smallest and largest value are equal")
    values: NDArray[np.float32] = np.asarray(signal.digital, dtype=np.float32)
    return values


def _check_size(path: Path) -> None:
    """Refuse a file that is shorter than its header says, before anything is allocated for it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
        if len(head) < _HEADER_BYTES:
            raise DataError(f"the file ends in its header ({size:,} bytes)")
        signals, records, seconds = int(head[252:256]), int(head[236:244]), float(head[244:252])
        if signals < 1:
            raise DataError("the header names no signal")
        if not 0 < seconds < math.inf:
            raise DataError(f"expected the seconds of a data record in the header, found {seconds:g}")
        if size < _HEADER_BYTES * (1 + signals):
            raise DataError(f"the header promises {signals:,} signals, and the file ends in it ({size:,} bytes)")
        file.seek(_HEADER_BYTES + signals * 216)
        samples = [int(file.read(8)) for _ in range(signals)]
    expected = _HEADER_BYTES * (1 + signals) + max(records, 0) * sum(samples) * (3 if head[0] == 255 else 2)
    if size < expected:
        raise DataError(f"the file is short: expected {expected:,} bytes, found {size:,}")

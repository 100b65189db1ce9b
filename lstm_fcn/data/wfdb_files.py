"""WFDB files to a record: any format that `wfdb` reads, one lead, with annotations or without."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import wfdb
from numpy.typing import NDArray

from lstm_fcn.data.detection import DETECTOR
from lstm_fcn.data.records import Detect, Record, check_annotations, check_frequency, check_length, choose_lead
from lstm_fcn.data.splits import ORIGINAL_ANNOTATIONS
from lstm_fcn.errors import DataError, LstmFcnError

_BITS: dict[str, int] = {"8": 8, "16": 16, "24": 24, "32": 32, "61": 16, "80": 8, "160": 16, "212": 12}
_THREE_IN_FOUR_BYTES = ("310", "311")
_COMPRESSED = ("508", "516", "524")
_INVALID: dict[str, int] = {
    **dict.fromkeys(("16", "61", "160", "516"), -(2**15)),
    **dict.fromkeys(("24", "524"), -(2**23)),
    **dict.fromkeys(("80", "508"), -(2**7)),
    **dict.fromkeys(_THREE_IN_FOUR_BYTES, -(2**9)),
    "212": -(2**11),
    "32": -(2**31),
}
"""Format -> the value that stands for a missing sample (WFDB Applications Guide, signal(5)); format 8 has none."""

_FREQUENCY = r"\d+\.?\d*(/.*)?"
"""In a header; behind the stroke stands the counter's frequency, which is not needed."""

_FILE_NAME = re.compile(r"(?!\.{1,2}$|~$)[^/\\:]+")
"""Of a file in the header's own folder."""

_BLOCK = 2**22
"""Samples that are read at once, so that reading needs little more memory than the signal."""

_SEEKABLE = {*_BITS} - {"8"}
"""Formats of which a part can be read alone."""


def read_wfdb(
    folder: Path,
    name: str,
    *,
    leads: Sequence[str] = (),
    annotator: str | None = None,
    detect: Detect | None = None,
) -> Record:
    """Read a record from a local folder.

    Parameters
    ----------
    folder : Path
    name : str
        Of the header file, without `.hea`.
    leads : sequence of str
        As `choose_lead` takes them.
    annotator : str, optional
        Extension of the annotation file. Without it `atr`, where there is one.
    detect : callable, optional
        Signal and sampling frequency -> R peaks, where no annotation file is asked for and none is there, or where
        `annotator` is 'detect'.

    Raises
    ------
    DataError
        If a file is missing or damaged, the frequency is no ECG's, there is no ECG among the signals, the signal is
        shorter than its header says, or an annotation lies beyond its end.
    """
    try:
        _check_record_line(folder / f"{name}.hea")
        header = wfdb.rdheader(str(folder / name), rd_segments=True)
        names, units = _signals(header)
        lead = choose_lead(names, units, leads)
        signal, fs = _read_signal(folder, name, header, lead)
        record = Record(name, signal, fs, names[lead], np.empty(0, np.int64), [], "")
        record = _annotated(record, folder, float(header.fs), annotator, detect)
        check_annotations(record)
    except LstmFcnError:
        raise
    except FileNotFoundError as error:
        missing = Path(error.filename or str(error)).name
        raise DataError(f"{missing} is missing") from error
    except Exception as error:  # wfdb raises whatever its parsing runs into on a damaged file
        raise DataError(f"cannot be read: {type(error).__name__}: {_in_one_line(error)}") from error
    return record


def read_strip(
    folder: Path, name: str, sample: int, before: float, after: float, lead: str | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    """Read a piece of a lead of a record in its physical unit.

    Parameters
    ----------
    folder : Path
    name : str
    sample : int
        What to look at.
    before, after : float
        Seconds around it; less at the record's ends.
    lead : str, optional
        Without it the first signal.

    Returns
    -------
    (n,) array, (n,) array, str
        Time from the sample (ms), the values, and their unit.

    Raises
    ------
    DataError
        If the record cannot be read.
    """
    try:
        header = wfdb.rdheader(str(folder / name), rd_segments=True)
        start, stop = (sample + round(seconds * header.fs) for seconds in (-before, after))
        within = {"sampfrom": max(start, 0), "sampto": min(stop, header.sig_len)}
        channel = _signals(header)[0].index(lead) if lead is not None else 0
        strip = wfdb.rdrecord(str(folder / name), channels=[channel], **within)
    except Exception as error:  # wfdb raises whatever its parsing runs into
        raise DataError(f"record {name} in {folder} cannot be read: {type(error).__name__}: {error}") from error
    values: NDArray[np.float64] = strip.p_signal[:, 0]
    return (np.arange(len(values)) + max(start, 0) - sample) * 1000 / header.fs, values, strip.units[0]


def files_of_header(text: str) -> tuple[list[str], list[str]]:
    """List what a header names: its signal files, and, of a record of several segments, the segments' records.

    Parameters
    ----------
    text : str
        Of the header file.
    """
    lines = _lines(text)
    if not lines:
        return [], []
    several = re.match(r"\S+/\d+\s", lines[0]) is not None
    named = [each for each in dict.fromkeys(line.split()[0] for line in lines[1:]) if _FILE_NAME.fullmatch(each)]
    return ([], named) if several else (named, [])


def _signals(header: Any) -> tuple[list[str], list[str]]:
    """List the names and the units of all signals, also of a record of several segments."""
    if isinstance(header, wfdb.MultiRecord):  # the first segment describes the signals, of all or by itself
        header = next(segment for segment in header.segments if segment is not None)
    names = [name if name is not None else f"signal {i}" for i, name in enumerate(header.sig_name or [])]
    return names, [unit or "" for unit in header.units or []]


def _read_signal(folder: Path, name: str, header: Any, lead: int) -> tuple[NDArray[Any], float]:
    """Read one signal with NaN for what is missing, and its sampling frequency."""
    check_frequency(float(header.fs))
    if header.sig_len is not None:
        check_length(header.sig_len)
    if isinstance(header, wfdb.MultiRecord):
        return _read_segments(folder, header, _signals(header)[0][lead]), float(header.fs)
    _check_size(folder, header)
    a_frame = int(header.samps_per_frame[lead] or 1)
    fmt = header.fmt[lead]
    fs = float(header.fs) * a_frame
    check_frequency(fs)
    length = header.sig_len
    if not length:  # the header leaves it to the file
        return _read_block(folder / name, fmt, lead, 0, None), fs
    signal = np.empty(length * a_frame, _type_of(fmt))
    step = _BLOCK if fmt in _SEEKABLE else length
    for start in range(0, length, step):
        stop = min(start + step, length)
        block = _read_block(folder / name, fmt, lead, start, stop)
        if len(block) != (stop - start) * a_frame:
            raise DataError(f"{header.file_name[lead]} is short: expected {len(signal):,} samples of each signal")
        signal[start * a_frame : stop * a_frame] = block
    return signal, fs


def _type_of(fmt: str) -> type[np.floating[Any]]:
    return np.float64 if fmt == "32" else np.float32  # 24 bits are exact in float32


def _read_block(path: Path, fmt: str, lead: int, start: int, stop: int | None) -> NDArray[Any]:
    """Read a part of a signal, from one frame to before another, with NaN for what is missing."""
    part = wfdb.rdrecord(str(path), sampfrom=start, sampto=stop, physical=False, channels=[lead], smooth_frames=False)
    digital = part.e_d_signal[0]
    block: NDArray[Any] = digital.astype(_type_of(fmt))
    block[digital == _INVALID.get(fmt, np.iinfo(np.int64).min)] = np.nan
    return block


def _read_segments(folder: Path, header: Any, lead: str) -> NDArray[np.float32]:
    """Read a lead of all segments in its physical unit, since gains may differ; what is between them is missing."""
    check_length(sum(header.seg_len))
    parts = []
    for name, length, segment in zip(header.seg_name, header.seg_len, header.segments, strict=True):
        names = [] if segment is None or not length else _signals(segment)[0]
        if lead in names:
            _check_record_line(folder / f"{name}.hea")
            _check_size(folder, segment)
            own = (float(segment.fs), segment.sig_len)
            if own != (float(header.fs), length):
                raise DataError(f"the segment {name} has {own[1]} samples at {own[0]:g} Hz: its record says otherwise")
            part = wfdb.rdrecord(str(folder / name), channels=[names.index(lead)])
            parts.append(part.p_signal[:, 0].astype(np.float32))
        else:
            parts.append(np.full(length, np.nan, np.float32))
    return np.concatenate(parts)


def _lines(header: str) -> list[str]:
    return [line for line in header.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _check_record_line(file: Path) -> None:
    """Refuse a frequency or a length that is no number (`wfdb` takes 250 Hz then), and signals without a line."""
    lines = _lines(file.read_text(errors="replace"))
    if not lines:
        raise DataError("the header is empty")
    words = lines[0].split()
    if len(words) > 1 and words[1].isdigit() and "/" not in words[0] and int(words[1]) > len(lines) - 1:
        raise DataError(f"the header promises {words[1]} signals, and describes {len(lines) - 1}")
    for i, found in enumerate(words[2:4]):
        what, pattern = (("a sampling frequency", _FREQUENCY), ("a number of samples", r"\d+"))[i]
        if not re.fullmatch(pattern, found):
            raise DataError(f"expected {what} in the first line of the header, found {found!r}")


def _check_size(folder: Path, header: Any) -> None:
    """Refuse signal files that are shorter than the header says, before anything is allocated for them."""
    if not header.n_sig:
        raise DataError("the header names no signal")
    for file in dict.fromkeys(header.file_name):
        own = [i for i, each in enumerate(header.file_name) if each == file]
        fmt = header.fmt[own[0]]
        if fmt in _COMPRESSED:
            _check_compressed(folder / file, (header.sig_len or 0) * int(header.samps_per_frame[own[0]] or 1))
            continue
        found = (folder / file).stat().st_size
        samples = (header.sig_len or 0) * sum(int(header.samps_per_frame[i] or 1) for i in own)
        if fmt in _BITS:
            expected = -(-samples * _BITS[fmt] // 8)
        elif fmt in _THREE_IN_FOUR_BYTES:
            expected = -(-samples * 4 // 3)
        else:
            raise DataError(f"{file} has the format {fmt}, which is not one of WFDB's")
        expected += int(header.byte_offset[own[0]] or 0)
        if found < expected:
            raise DataError(f"{file} is short: expected {expected:,} bytes, found {found:,}")


def _check_compressed(file: Path, expected: int) -> None:
    import soundfile

    found = soundfile.info(str(file)).frames
    check_length(found)
    if found < expected:
        raise DataError(f"{file.name} is short: expected {expected:,} samples of each signal, found {found:,}")


def _annotated(
    record: Record,
    folder: Path,
    frame_fs: float,
    annotator: str | None,
    detect: Detect | None,
) -> Record:
    """Add the annotations of a file, or else the beats that are detected."""
    if annotator == "detect" or (annotator is None and not _annotation_file(folder, record.name, "atr").exists()):
        if detect is None:
            raise DataError(f"{record.name}.atr is missing")
        samples = detect(record.signal, record.fs)
        return Record(record.name, record.signal, record.fs, record.lead, samples, None, DETECTOR)
    extension = annotator or "atr"
    file = _annotation_file(folder, record.name, extension)
    if not file.exists():
        raise DataError(f"{file.name} is missing")
    if not file.stat().st_size:
        raise DataError(f"{file.name} is empty: remove it, or give --detect, and the beats are detected")
    # The format's own mark of the end; without it wfdb takes a file that was cut off for a shorter one.
    if not file.read_bytes().endswith(b"\0\0"):
        raise DataError(f"{file.name} is cut off: it does not end as an annotation file does")
    annotation = wfdb.rdann(str(file.with_suffix("")), extension)
    if not len(annotation.sample):
        raise DataError(f"{file.name} holds no annotation")
    at = annotation.sample.astype(np.float64) * (record.fs / float(annotation.fs or frame_fs))
    samples = np.rint(at).astype(np.int64)
    return Record(record.name, record.signal, record.fs, record.lead, samples, list(annotation.symbol), extension)


def _annotation_file(folder: Path, name: str, extension: str) -> Path:
    original = folder / f"{ORIGINAL_ANNOTATIONS.get(name, name)}.{extension}"
    return original if original.exists() else folder / f"{name}.{extension}"


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())

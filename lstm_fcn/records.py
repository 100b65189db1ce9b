"""WFDB records to beats: read one record from a local folder, cut it by the published recipe.

The recipe is the one behind `mitbih_train.csv` and `mitbih_test.csv` (Kachuee et al. 2018), recovered from
the records and equal to the published values in float32: see `cut_beats`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import wfdb
from numpy.typing import NDArray

from lstm_fcn.beats import BEAT_LENGTH
from lstm_fcn.errors import DataError
from lstm_fcn.labels import LABEL_OF_SYMBOL
from lstm_fcn.splits import ORIGINAL_ANNOTATIONS

SAMPLING_FREQUENCY = 360
"""Of the MIT-BIH records, Hz. The recipe counts in samples, so it holds at this frequency only."""

DECIMATION = 3
"""Every third sample is kept, without a filter: beats are at 120 Hz."""


@dataclass(frozen=True)
class Record:
    """One annotated recording.

    Attributes
    ----------
    name : str
        e.g. '100'.
    signal : (n_samples,) int array
        Raw ADC samples of the first channel.
    samples : (n_annotations,) int array
        Index of each annotation, ascending; beats and non-beats.
    symbols : list of str
        WFDB symbol of each annotation.
    """

    name: str
    signal: NDArray[np.int64]
    samples: NDArray[np.int64]
    symbols: list[str]


def read_record(folder: Path, name: str) -> Record:
    """Read a record's `.hea`, `.dat` and `.atr` files from a local folder.

    Raises
    ------
    DataError
        Naming the record, if a file is missing or damaged, if the signal is not at 360 Hz, is shorter than
        its header says, or if an annotation lies beyond its end.
    """
    try:
        header = wfdb.rdheader(str(folder / name))
        _check_header(folder, header)
        signal = wfdb.rdrecord(str(folder / name), physical=False, channels=[0]).d_signal[:, 0]
        annotator = ORIGINAL_ANNOTATIONS.get(name, name)
        stem = annotator if (folder / f"{annotator}.atr").exists() else name
        _check_annotation_file(folder / f"{stem}.atr")
        annotation = wfdb.rdann(str(folder / stem), "atr")
    except DataError as error:
        raise DataError(f"record {name}: {error}") from error
    except FileNotFoundError as error:
        missing = Path(error.filename or str(error)).name
        raise DataError(f"record {name}: {missing} is missing") from error
    except Exception as error:  # wfdb raises whatever its parsing runs into on a damaged file
        raise DataError(f"record {name} cannot be read: {type(error).__name__}: {error}") from error
    record = Record(name, signal.astype(np.int64), annotation.sample.astype(np.int64), annotation.symbol)
    _check_annotations(record)
    return record


def read_strip(
    folder: Path, name: str, sample: int, before: float, after: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    """Read a piece of a record's first channel in its physical unit.

    Parameters
    ----------
    folder : Path
    name : str
    sample : int
        What to look at.
    before, after : float
        Seconds around it; less at the record's ends.

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
        header = wfdb.rdheader(str(folder / name))
        start, stop = (sample + round(seconds * header.fs) for seconds in (-before, after))
        within = {"sampfrom": max(start, 0), "sampto": min(stop, header.sig_len)}
        strip = wfdb.rdrecord(str(folder / name), channels=[0], **within)
    except Exception as error:  # wfdb raises whatever its parsing runs into
        raise DataError(f"record {name} in {folder} cannot be read: {type(error).__name__}: {error}") from error
    values: NDArray[np.float64] = strip.p_signal[:, 0]
    return (np.arange(len(values)) + max(start, 0) - sample) * 1000 / header.fs, values, strip.units[0]


def _check_header(folder: Path, header: wfdb.Record) -> None:
    if header.fs != SAMPLING_FREQUENCY:
        raise DataError(f"expected a sampling frequency of {SAMPLING_FREQUENCY} Hz, found {header.fs:g} Hz")
    if not header.n_sig or not header.sig_len:
        raise DataError("the header names no signal or no length")
    signal_file, fmt = header.file_name[0], header.fmt[0]
    if fmt not in _BITS_PER_SAMPLE:
        raise DataError(f"expected signal format {', '.join(_BITS_PER_SAMPLE)}, found {fmt}")
    interleaved = header.file_name.count(signal_file)
    expected = -(-header.sig_len * interleaved * _BITS_PER_SAMPLE[fmt] // 8)
    found = (folder / signal_file).stat().st_size
    if found < expected:
        raise DataError(f"{signal_file} is short: expected {expected:,} bytes, found {found:,}")


_BITS_PER_SAMPLE: dict[str, int] = {"212": 12, "16": 16, "61": 16, "80": 8, "24": 24, "32": 32}


def _check_annotation_file(path: Path) -> None:
    # The format's own mark of the end; without it wfdb takes a file that was cut off for a shorter one.
    if not path.read_bytes().endswith(b"\0\0"):
        raise DataError(f"{path.name} is cut off: it does not end as an annotation file does")


def _check_annotations(record: Record) -> None:
    if len(record.samples) and record.samples[-1] >= len(record.signal):
        raise DataError(
            f"record {record.name}: the annotation at sample {record.samples[-1]} lies beyond the signal's "
            f"end ({len(record.signal)} samples)"
        )
    if (np.diff(record.samples) < 0).any() or (record.samples < 0).any():
        raise DataError(f"record {record.name}: the annotations are not in the order of time")


def cut_beats(record: Record) -> pd.DataFrame:
    """Cut a record into beats by the recipe of the published table.

    With annotation indices a[0..K-1] and a[K] the signal's end, the beat at annotation i <= K-2 is every
    third sample from a[i] up to a[i+1] + 0.2 (a[i+2] - a[i+1]), scaled to [0, 1] by its own extremes, cut
    or zero-padded to 187 values. Beats start ON the R annotation and reach into the next beat.

    Returns
    -------
    DataFrame
        One row a beat: `sample` (int64), `symbol`, `label` (int32), `length` (int32, values before the cut
        or the padding), `beat` (float32 array of 187 values).
    """
    bounds = np.append(record.samples, len(record.signal))
    rows = []
    for i, symbol in enumerate(record.symbols[:-1]):
        if symbol not in LABEL_OF_SYMBOL:
            continue
        start, stop = bounds[i], bounds[i + 1] + int(0.2 * (bounds[i + 2] - bounds[i + 1]))
        values = record.signal[start:stop:DECIMATION]
        rows.append((start, symbol, LABEL_OF_SYMBOL[symbol], len(values), _scale_and_pad(values)))
    table = pd.DataFrame(rows, columns=["sample", "symbol", "label", "length", "beat"])
    return table.astype({"sample": "int64", "label": "int32", "length": "int32"})


def _scale_and_pad(values: NDArray[np.int64]) -> NDArray[np.float32]:
    beat = np.zeros(BEAT_LENGTH, dtype=np.float32)
    spread = np.ptp(values) if len(values) else 0
    if spread:  # a flat line has no shape to scale and stays zero
        scaled = (values - values.min()) / spread  # before the cut, as published: the extremes may be cut off
        beat[: len(scaled)] = scaled[:BEAT_LENGTH]
    return beat

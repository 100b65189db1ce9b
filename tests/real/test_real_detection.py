"""Detected beats against the annotated ones of the real records, as EC57 compares them."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lstm_fcn.data.detection import detect_beats
from lstm_fcn.data.labels import LABEL_OF_SYMBOL
from lstm_fcn.data.wfdb_files import read_wfdb
from lstm_fcn.evaluation.detection import match_beats


@pytest.mark.nightly
@pytest.mark.parametrize(("variable", "records", "aim"), [("MITDB", 48, 0.995), ("SVDB", 39, 0.997)])
def test_beats_are_found_and_nothing_else(variable: str, records: int, aim: float):
    folder = Path(os.environ.get(variable) or "nowhere")
    if not folder.is_dir():
        pytest.skip(f"{variable} does not name a folder of records")
    counts = np.array([count(folder, file.stem) for file in sorted(folder.glob("*.hea"))])
    matched, annotated, found = counts.sum(axis=0)
    print(f"Se {matched / annotated:.4f} +P {matched / found:.4f}")  # noqa: T201, for those who look (-rP)
    assert len(counts) == records
    assert matched / annotated >= aim
    assert matched / found >= aim


def count(folder: Path, name: str) -> tuple[int, int, int]:
    """Beats that are matched, annotated and found, without ventricular flutter, in which nobody annotated any."""
    record = read_wfdb(folder, name, leads=("0",))
    symbols = np.array(record.symbols)
    flutter = list(zip(record.samples[symbols == "["], record.samples[symbols == "]"], strict=True))

    def outside(samples: NDArray[np.int64]) -> NDArray[np.float64]:
        inside = [(samples >= start) & (samples <= stop) for start, stop in flutter]
        return samples[~np.any(inside, axis=0)] / record.fs if flutter else samples / record.fs

    beats = outside(record.samples[[symbol in LABEL_OF_SYMBOL for symbol in symbols]])
    found = outside(detect_beats(record.signal, record.fs))
    return len(match_beats(beats, found).reference), len(beats), len(found)

from pathlib import Path

import edfio
import numpy as np
import pytest

from lstm_fcn.data.edf_files import read_edf
from lstm_fcn.errors import DataError


def write(path: Path, *labels: str, beats: bool = True) -> Path:
    rng = np.random.default_rng(0)
    signals = [edfio.EdfSignal(rng.normal(size=2500), 250, label=label, physical_dimension="mV") for label in labels]
    notes = [edfio.EdfAnnotation(2.0, None, "V"), edfio.EdfAnnotation(1.0, None, "N")] if beats else []
    edfio.Edf(signals, annotations=[*notes, edfio.EdfAnnotation(5.0, None, "Sleep stage W")]).write(path)
    return path


def test_annotations_that_name_wfdb_symbols_are_beats(tmp_path: Path):
    record = read_edf(write(tmp_path / "a.edf", "Resp", "ECG II"))
    assert (record.fs, record.lead, record.annotator) == (250, "ECG II", "edf")
    assert record.samples.tolist() == [250, 500, 1250]
    assert record.symbols == ["N", "V", "Sleep stage W"]


def test_without_beats_they_are_detected(tmp_path: Path):
    path = write(tmp_path / "a.edf", "ECG", beats=False)
    record = read_edf(path, detect=lambda *_: np.array([1, 2]))
    assert (record.samples.tolist(), record.symbols, record.annotator) == ([1, 2], None, "sleepecg")
    with pytest.raises(DataError, match="no annotation of the file names a beat"):
        read_edf(path, annotator="edf")


def test_the_values_are_those_that_were_written(tmp_path: Path):
    path = write(tmp_path / "a.edf", "ECG")
    signal = edfio.read_edf(path).signals[0]
    np.testing.assert_array_equal(read_edf(path).signal, signal.digital)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: content[:-10], "the file is short: expected"),
        (lambda content: content[:100], r"the file ends in its header \(100 bytes\)"),
        (lambda content: content[:252] + b"9999" + content[256:], "the header promises 9,999 signals"),
        (lambda content: content[:236] + b"99999999" + content[244:], "the file is short: expected"),
        (lambda _: b"rubbish" * 100, "cannot be read|the header|the file"),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path: Path, spoil, message: str):
    path = write(tmp_path / "a.edf", "ECG")
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match=message) as raised:
        read_edf(path)
    assert "\n" not in str(raised.value)

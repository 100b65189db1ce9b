import shutil
from pathlib import Path

import numpy as np
import pytest
import wfdb

from lstm_fcn.data.records import choose_lead
from lstm_fcn.data.wfdb_files import files_of_header, read_strip, read_wfdb
from lstm_fcn.errors import DataError


@pytest.fixture
def copy(records: Path, tmp_path: Path) -> Path:
    for file in records.glob("s01.*"):
        shutil.copy(file, tmp_path)
    return tmp_path


def test_a_record_is_read_as_it_was_written(copy: Path):
    found = read_wfdb(copy, "s01")
    written = wfdb.rdrecord(str(copy / "s01"), physical=False)
    np.testing.assert_array_equal(found.signal, written.d_signal[:, 0])
    assert found.symbols[0] == "+"
    assert len(found.samples) == len(found.symbols) > 30


def test_a_missing_signal_file_is_named(copy: Path):
    (copy / "s01.dat").unlink()
    with pytest.raises(DataError, match=r"s01\.dat is missing"):
        read_wfdb(copy, "s01")


def test_a_short_signal_file_is_named_with_both_sizes(copy: Path):
    content = (copy / "s01.dat").read_bytes()
    (copy / "s01.dat").write_bytes(content[:-1])
    with pytest.raises(DataError, match=r"s01\.dat is short: expected 43,200 bytes, found 43,199"):
        read_wfdb(copy, "s01")


def edit_header(folder: Path, old: str, new: str) -> None:
    header = folder / "s01.hea"
    text = header.read_text()
    assert old in text
    header.write_text(text.replace(old, new))


def test_an_annotation_beyond_the_end_is_named(copy: Path):
    wfdb.wrann("s01", "atr", np.array([100, 14_400]), ["N", "N"], write_dir=str(copy))
    with pytest.raises(DataError, match="the annotation at sample 14400 lies beyond"):
        read_wfdb(copy, "s01")


def test_a_header_of_rubbish_is_named(copy: Path):
    (copy / "s01.hea").write_bytes(b"\x00\xff rubbish")
    with pytest.raises(DataError, match="cannot be read"):
        read_wfdb(copy, "s01")


@pytest.mark.parametrize(("keep", "what"), [(0, "empty"), (10, "cut off"), (-2, "cut off")])
def test_annotations_that_were_cut_off_are_named(copy: Path, keep: int, what: str):
    content = (copy / "s01.atr").read_bytes()
    (copy / "s01.atr").write_bytes(content[:keep])
    with pytest.raises(DataError, match=rf"s01\.atr is {what}"):
        read_wfdb(copy, "s01")


def test_annotations_of_rubbish_are_named(copy: Path):
    (copy / "s01.atr").write_bytes(b"\x07")
    with pytest.raises(DataError, match="is cut off"):
        read_wfdb(copy, "s01")


def test_a_strip_is_in_millivolts_around_its_sample(records: Path):
    ms, values, unit = read_strip(records, "s01", 3600, before=0.4, after=1.6)
    assert (unit, len(ms), len(values)) == ("mV", 720, 720)
    assert (ms[0], ms[144]) == (-400, 0)
    whole = read_wfdb(records, "s01").signal
    header = wfdb.rdheader(str(records / "s01"))
    expected = (whole[3456:4176] - header.baseline[0]) / header.adc_gain[0]
    np.testing.assert_allclose(values, expected)


def test_a_strip_ends_where_the_record_does(records: Path):
    ms, values, _ = read_strip(records, "s01", 36, before=0.4, after=0.1)
    assert ms[0] == -100
    assert len(values) == 36 + 36


def test_a_strip_of_a_record_that_is_not_there_is_an_error(records: Path):
    with pytest.raises(DataError, match="record s99 in .* cannot be read"):
        read_strip(records, "s99", 36, 0.1, 0.1)


def write(folder: Path, fmt: str, fs: float = 250, **options: object) -> np.ndarray:
    """A record 'x' of two leads in a format; the digital samples."""
    digital = np.stack([np.arange(-100, 100), np.arange(200) % 50], axis=1)
    given = {"fmt": [fmt, fmt], "adc_gain": [200.0, 200.0], "baseline": [0, 0], "units": ["mV", "mV"]} | options
    wfdb.wrsamp("x", fs=fs, sig_name=["V5", "MLII"], d_signal=digital, write_dir=str(folder), **given)
    wfdb.wrann("x", "atr", np.array([20, 100, 150]), ["N", "V", "N"], write_dir=str(folder))
    return digital


@pytest.mark.parametrize("fmt", ["16", "24", "32", "80", "212"])
def test_every_format_is_read_and_mlii_is_taken(tmp_path: Path, fmt: str):
    digital = write(tmp_path, fmt)
    record = read_wfdb(tmp_path, "x")
    assert (record.fs, record.lead, record.annotator) == (250, "MLII", "atr")
    np.testing.assert_array_equal(record.signal, digital[:, 1])
    assert record.samples.tolist() == [20, 100, 150]


@pytest.mark.parametrize(("fmt", "invalid"), [("212", -2048), ("16", -32768), ("80", -128), ("24", -(2**23))])
def test_the_invalid_value_of_a_format_is_a_missing_sample(tmp_path: Path, fmt: str, invalid: int):
    digital = np.stack([np.arange(100), np.arange(100)], axis=1)
    digital[40:43, 0] = invalid
    wfdb.wrsamp(
        "x",
        fs=360,
        units=["mV", "mV"],
        sig_name=["II", "V1"],
        d_signal=digital,
        fmt=[fmt, fmt],
        adc_gain=[200.0, 200.0],
        baseline=[0, 0],
        write_dir=str(tmp_path),
    )
    wfdb.wrann("x", "atr", np.array([20, 50]), ["N", "N"], write_dir=str(tmp_path))
    assert np.flatnonzero(np.isnan(read_wfdb(tmp_path, "x").signal)).tolist() == [40, 41, 42]


def test_annotations_at_another_resolution_are_converted_to_samples(tmp_path: Path):
    write(tmp_path, "16", fs=360)
    wfdb.wrann("x", "atr", np.array([10, 50, 75]), ["N", "V", "N"], fs=180, write_dir=str(tmp_path))
    assert read_wfdb(tmp_path, "x").samples.tolist() == [20, 100, 150]


def test_segments_are_put_together(tmp_path: Path):
    for name, start in (("x_1", 0), ("x_2", 500)):
        digital = np.arange(start, start + 100)[:, None]
        wfdb.wrsamp(
            name,
            fs=250,
            units=["mV"],
            sig_name=["II"],
            d_signal=digital,
            fmt=["16"],
            adc_gain=[1.0],
            baseline=[0],
            write_dir=str(tmp_path),
        )
    (tmp_path / "x.hea").write_text("x/3 1 250 250\nx_1 100\n~ 50\nx_2 100\n")
    wfdb.wrann("x", "atr", np.array([20, 180]), ["N", "N"], write_dir=str(tmp_path))
    record = read_wfdb(tmp_path, "x")
    assert record.signal[[0, 99, 150, 249]].tolist() == [0, 99, 500, 599]
    assert np.isnan(record.signal[100:150]).all()


def test_a_signal_with_several_samples_a_frame_is_read_at_its_own_frequency(tmp_path: Path):
    samples = np.zeros((100, 3), "<i2")
    samples[:, :2] = np.arange(200).reshape(100, 2)  # two samples a frame of the first signal, one of the second
    samples.tofile(tmp_path / "x.dat")
    (tmp_path / "x.hea").write_text("x 2 125 100\nx.dat 16x2 200/mV 16 0 0 0 0 II\nx.dat 16 1/mmHg 16 0 0 0 0 ABP\n")
    wfdb.wrann("x", "atr", np.array([20, 50]), ["N", "N"], write_dir=str(tmp_path))
    record = read_wfdb(tmp_path, "x")
    assert record.fs == 250
    np.testing.assert_array_equal(record.signal, np.arange(200))
    assert record.samples.tolist() == [40, 100]


@pytest.mark.parametrize(
    ("names", "units", "wanted", "expected"),
    [
        (["V5", "MLII"], ["mV", "mV"], [], 1),
        (["ECG1", "ECG2"], ["mV", "mV"], [], 0),
        (["ABP", "ECG II"], ["mmHg", "mV"], [], 1),
        (["PLETH", "RESP", "V"], ["NU", "NU", "mV"], [], 2),
        (["I", "II", "V1"], ["mV"] * 3, ["V9", "v1", "I"], 2),
        (["I", "II", "V1"], ["mV"] * 3, ["0"], 0),
    ],
)
def test_the_lead_is_chosen_by_name_and_unit(names: list[str], units: list[str], wanted: list[str], expected: int):
    assert choose_lead(names, units, wanted) == expected


def test_without_an_ecg_all_signals_are_named():
    with pytest.raises(DataError, match=r"no signal is an ECG by its name and unit: 0 ABP \(mmHg\), 1 Resp \(\)"):
        choose_lead(["ABP", "Resp"], ["mmHg", ""])
    with pytest.raises(DataError, match=r"expected a lead V1 or 7, found 0 II \(mV\)"):
        choose_lead(["II"], ["mV"], ["V1", "7"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("x 2 250", "x 2 5000", "expected a sampling frequency of 60 to 2000 Hz, found 5000 Hz"),
        ("x 2 250", "x 2 nan", "cannot be read|sampling frequency"),
        ("x 2 250 200", "x 2 250 2147483647", "expected 1 to 268,435,456 samples, found 2,147,483,647"),
        ("x 2 250 200", "x 2 250 200000000", r"x\.dat is short: expected 800,000,000 bytes, found 800"),
        ("x 2 250", "x 9 250", "the header promises 9 signals, and describes 2"),
    ],
)
def test_a_header_that_promises_what_is_not_there_is_one_line(tmp_path: Path, old: str, new: str, message: str):
    write(tmp_path, "16")
    header = (tmp_path / "x.hea").read_text()
    assert old in header
    (tmp_path / "x.hea").write_text(header.replace(old, new))
    with pytest.raises(DataError, match=message) as raised:
        read_wfdb(tmp_path, "x")
    assert "\n" not in str(raised.value)


def test_without_annotations_the_beats_are_detected_or_the_missing_file_is_named(tmp_path: Path):
    write(tmp_path, "16")
    (tmp_path / "x.atr").unlink()
    record = read_wfdb(tmp_path, "x", detect=lambda *_: np.array([5, 50]))
    assert (record.samples.tolist(), record.symbols, record.annotator) == ([5, 50], None, "sleepecg")
    with pytest.raises(DataError, match=r"x\.qrs is missing"):
        read_wfdb(tmp_path, "x", annotator="qrs", detect=lambda *_: np.array([5, 50]))


def test_a_header_names_its_files_and_its_segments():
    text = "# a comment\nx 2 360 100\nx.dat 212\nx.dat 212\ny.dat 16\n# note\n"
    assert files_of_header(text) == (["x.dat", "y.dat"], [])
    assert files_of_header("x/3 2 360 100\nx_1 50\n~ 10\nx_2 50\n") == ([], ["x_1", "x_2"])


@pytest.mark.parametrize("other", ["../secret.dat", "/etc/passwd", "https://host/x.dat"])
@pytest.mark.parametrize("name", ["x", "y"])
def test_a_header_or_a_segment_that_names_a_file_elsewhere_is_refused(tmp_path: Path, name: str, other: str):
    folder = tmp_path / "records"
    folder.mkdir()
    write(folder, "16")
    shutil.copy(folder / "x.dat", tmp_path / "secret.dat")
    (folder / "x.hea").write_text((folder / "x.hea").read_text().replace("x.dat", other))
    (folder / "y.hea").write_text("y/1 2 250 200\nx 200\n")
    with pytest.raises(DataError, match="cannot be read: HeaderSyntaxError"):
        read_wfdb(folder, name)


@pytest.mark.parametrize("promised", [2_000_000_200, 200])
def test_a_gap_that_no_memory_holds_is_refused_before_it_is_made(tmp_path: Path, promised: int):
    write(tmp_path, "16")
    (tmp_path / "y.hea").write_text(f"y/2 2 250 {promised}\nx 200\n~ 2000000000\n")
    with pytest.raises(DataError, match="expected 1 to 268,435,456 samples, found 2,000,000,200"):
        read_wfdb(tmp_path, "y")


@pytest.mark.parametrize("said", ["y/1 2 360 200\nx 200\n", "y/1 2 250 150\nx 150\n"])
def test_a_segment_that_is_not_as_its_record_says_is_refused(tmp_path: Path, said: str):
    write(tmp_path, "16")
    (tmp_path / "y.hea").write_text(said)
    with pytest.raises(DataError, match="the segment x has 200 samples at 250 Hz: its record says otherwise"):
        read_wfdb(tmp_path, "y")

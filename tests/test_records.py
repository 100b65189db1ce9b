import shutil
from pathlib import Path

import numpy as np
import pytest
import wfdb

from lstm_fcn.errors import DataError
from lstm_fcn.records import Record, cut_beats, read_record, read_strip


def record(signal: list[int], samples: list[int], symbols: list[str]) -> Record:
    return Record("x", np.array(signal), np.array(samples), symbols)


def test_a_beat_runs_from_its_annotation_past_the_next_by_a_fifth_of_the_interval_after():
    signal = list(range(100))
    beats = cut_beats(record(signal, [10, 40, 70], ["N", "V", "N"]))
    # 10 + 30 + int(0.2 * 30) = 46: samples 10, 13, ..., 43; then 40 + 30 + int(0.2 * 30) = 76: 40, ..., 73
    assert beats["length"].tolist() == [12, 12]
    assert beats["sample"].tolist() == [10, 40]
    np.testing.assert_array_equal(beats["beat"][0][:12], (np.arange(12) / 11).astype(np.float32))
    assert not beats["beat"][0][12:].any()


def test_the_last_annotation_makes_no_beat_and_the_signals_end_bounds_the_last_interval():
    beats = cut_beats(record(list(range(100)), [10, 40], ["N", "N"]))
    assert beats["sample"].tolist() == [10]
    assert beats["length"].tolist() == [len(range(10, 10 + 30 + int(0.2 * 60), 3))]


def test_an_annotation_that_is_no_beat_makes_no_row_but_bounds_its_neighbour():
    beats = cut_beats(record(list(range(100)), [10, 20, 40, 70], ["N", "+", "/", "N"]))
    assert beats["symbol"].tolist() == ["N", "/"]
    assert beats["label"].tolist() == [0, 4]
    assert beats["length"][0] == len(range(10, 10 + 10 + int(0.2 * 20), 3))


def test_a_long_beat_is_scaled_by_extremes_that_the_cut_may_take_away():
    signal = [0] * 300 + [1] * 600 + [4] * 300
    beats = cut_beats(record(signal, [0, 1190, 1195], ["N", "N", "N"]))
    assert beats["length"][0] == len(range(0, 1190 + 1, 3))
    assert beats["beat"][0].shape == (187,)
    assert beats["beat"][0].max() == np.float32(0.25)


def test_a_flat_line_is_all_zero_not_nan():
    beats = cut_beats(record([7] * 100, [10, 40, 70], ["N", "N", "N"]))
    assert beats["length"][0] == 12
    assert not beats["beat"][0].any()


def test_two_annotations_on_one_sample_make_an_empty_beat():
    beats = cut_beats(record(list(range(100)), [10, 10, 12, 70], ["N", "N", "N", "N"]))
    assert beats["length"][0] == 0
    assert not beats["beat"][0].any()


def test_the_columns_have_the_tables_types():
    types = cut_beats(record(list(range(100)), [10, 40, 70], ["N", "V", "N"])).dtypes
    assert types[["sample", "label", "length"]].astype(str).tolist() == ["int64", "int32", "int32"]


@pytest.fixture
def copy(records: Path, tmp_path: Path) -> Path:
    for file in records.glob("s01.*"):
        shutil.copy(file, tmp_path)
    return tmp_path


def test_a_record_is_read_as_it_was_written(copy: Path):
    found = read_record(copy, "s01")
    written = wfdb.rdrecord(str(copy / "s01"), physical=False)
    np.testing.assert_array_equal(found.signal, written.d_signal[:, 0])
    assert found.symbols[0] == "+"
    assert len(found.samples) == len(found.symbols) > 30


def test_a_missing_signal_file_is_named(copy: Path):
    (copy / "s01.dat").unlink()
    with pytest.raises(DataError, match=r"record s01: s01\.dat is missing"):
        read_record(copy, "s01")


def test_a_short_signal_file_is_named_with_both_sizes(copy: Path):
    content = (copy / "s01.dat").read_bytes()
    (copy / "s01.dat").write_bytes(content[:-1])
    with pytest.raises(DataError, match=r"record s01: s01\.dat is short: expected 43,200 bytes, found 43,199"):
        read_record(copy, "s01")


def edit_header(folder: Path, old: str, new: str) -> None:
    header = folder / "s01.hea"
    text = header.read_text()
    assert old in text
    header.write_text(text.replace(old, new))


def test_an_unknown_signal_format_is_named(copy: Path):
    edit_header(copy, "s01.dat 212", "s01.dat 999")
    with pytest.raises(DataError, match=r"record s01: expected signal format 212, .*, found 999"):
        read_record(copy, "s01")


def test_another_sampling_frequency_is_refused(copy: Path):
    edit_header(copy, "s01 2 360", "s01 2 250")
    with pytest.raises(DataError, match="record s01: expected a sampling frequency of 360 Hz, found 250 Hz"):
        read_record(copy, "s01")


def test_an_annotation_beyond_the_end_is_named(copy: Path):
    wfdb.wrann("s01", "atr", np.array([100, 14_400]), ["N", "N"], write_dir=str(copy))
    with pytest.raises(DataError, match="record s01: the annotation at sample 14400 lies beyond"):
        read_record(copy, "s01")


def test_a_header_of_rubbish_is_named(copy: Path):
    (copy / "s01.hea").write_bytes(b"\x00\xff rubbish")
    with pytest.raises(DataError, match="record s01"):
        read_record(copy, "s01")


@pytest.mark.parametrize("keep", [0, 10, -2])
def test_annotations_that_were_cut_off_are_named(copy: Path, keep: int):
    content = (copy / "s01.atr").read_bytes()
    (copy / "s01.atr").write_bytes(content[:keep])
    with pytest.raises(DataError, match=r"record s01: s01\.atr is cut off"):
        read_record(copy, "s01")


def test_annotations_of_rubbish_are_named(copy: Path):
    (copy / "s01.atr").write_bytes(b"\x07")
    with pytest.raises(DataError, match="record s01"):
        read_record(copy, "s01")


def test_a_strip_is_in_millivolts_around_its_sample(records: Path):
    ms, values, unit = read_strip(records, "s01", 3600, before=0.4, after=1.6)
    assert (unit, len(ms), len(values)) == ("mV", 720, 720)
    assert (ms[0], ms[144]) == (-400, 0)
    whole = read_record(records, "s01").signal
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

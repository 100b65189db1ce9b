import tracemalloc
from pathlib import Path

import pytest

from lstm_fcn.data.cutting import cut_beats
from lstm_fcn.data.edf_files import read_edf
from lstm_fcn.data.wfdb_files import read_wfdb
from lstm_fcn.errors import DataError
from tests.hostile_records import SPOILED, write_edf, write_wfdb

MOST = 10_000_000
"""Bytes that a record of some kilobytes may take."""


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_record_is_one_line_and_takes_no_memory(tmp_path: Path, name: str):
    write, message = SPOILED[name]
    write(tmp_path, name)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=message) as raised:
            read_edf(tmp_path / f"{name}.edf") if name.startswith("edf") else read_wfdb(tmp_path, name)
        assert tracemalloc.get_traced_memory()[1] < MOST
    finally:
        tracemalloc.stop()
    assert "\n" not in str(raised.value)


def test_a_wfdb_gain_of_0_means_that_nobody_measured_it_and_the_beats_are_the_same(tmp_path: Path):
    write_wfdb(tmp_path, "good")
    write_wfdb(tmp_path, "zero", header=("200.0(0)/mV", "0(0)/mV"))
    good, zero = (cut_beats(read_wfdb(tmp_path, name)) for name in ("good", "zero"))
    assert [each.tolist() for each in zero["beat"]] == [each.tolist() for each in good["beat"]]


def test_an_edf_file_has_a_frequency_for_each_signal(tmp_path: Path):
    record = read_edf(write_edf(tmp_path, "two", other_fs=25))
    assert (record.lead, record.fs, len(record.signal)) == ("ECG II", 250, 2500)
    assert record.samples.tolist() == [100, 1000, 1500, 2000]
    with pytest.raises(DataError, match="expected a sampling frequency of 60 to 2000 Hz, found 25 Hz"):
        read_edf(tmp_path / "two.edf", leads=("Resp",))

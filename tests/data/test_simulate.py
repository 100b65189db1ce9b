from pathlib import Path

import pandas as pd

from lstm_fcn.data.cutting import cut_beats
from lstm_fcn.data.simulate import write_records
from lstm_fcn.data.wfdb_files import read_wfdb


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path):
    for name in ("a", "b"):
        write_records(tmp_path / name, records=2, seconds=15, seed=5)
    write_records(tmp_path / "c", records=2, seconds=15, seed=6)
    files = [{file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in "abc"]
    assert files[0] == files[1]
    assert files[0]["s01.dat"] != files[2]["s01.dat"]
    assert files[0]["s01.dat"] != files[0]["s02.dat"]


def test_records_hold_beats_of_every_class_at_a_human_rate(tmp_path: Path):
    names = write_records(tmp_path, records=2, seconds=120, seed=0)
    beats = pd.concat([cut_beats(read_wfdb(tmp_path, name)) for name in names])
    assert set(beats["label"]) == {0, 1, 2, 3, 4}
    assert 60 < len(beats) / len(names) / 2 < 90


def test_the_annotations_are_on_the_r_peaks_of_normal_beats(records: Path):
    record = read_wfdb(records, "s01")
    normal = [sample for sample, symbol in zip(record.samples, record.symbols, strict=True) if symbol == "N"]
    heights = [record.signal[sample] - record.signal[sample - 40 : sample + 40].mean() for sample in normal[1:-1]]
    assert min(heights) > 100  # half a millivolt

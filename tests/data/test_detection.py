import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from lstm_fcn.data.detection import detect_beats
from lstm_fcn.data.simulate import write_records
from lstm_fcn.data.wfdb_files import read_wfdb
from lstm_fcn.evaluation.detection import match_beats


@pytest.mark.parametrize("fs", [128, 360, 1000])
def test_simulated_beats_are_found_at_any_frequency_and_in_any_unit(tmp_path: Path, fs: int):
    write_records(tmp_path, records=1, seconds=120, seed=1, fs=fs)
    record = read_wfdb(tmp_path, "s01")
    beats = record.samples[1:] / fs
    for signal in (record.signal, record.signal * -0.001 + 7):
        found = detect_beats(signal, fs) / fs
        pairs = match_beats(beats, found)
        assert len(pairs.reference) > 0.97 * len(beats)
        assert len(pairs.detected) > 0.97 * len(found)


def test_there_are_no_beats_where_the_signal_is_missing_or_flat(tmp_path: Path):
    write_records(tmp_path, records=1, seconds=60, seed=1)
    record = read_wfdb(tmp_path, "s01")
    signal = record.signal.copy()
    signal[3600:7200] = np.nan
    found = detect_beats(signal, 360)
    assert not ((found >= 3600) & (found < 7200)).any()
    assert len(found) > 0.7 * len(detect_beats(record.signal, 360))
    for nothing in (np.full(7200, np.nan), np.zeros(7200), np.zeros(10)):
        assert len(detect_beats(nothing, 360)) == 0


def test_six_hours_take_little_more_memory_than_one_and_no_beat_is_lost_or_doubled_between_two_hours(tmp_path: Path):
    write_records(tmp_path, records=1, seconds=600, seed=1, fs=100)
    record = read_wfdb(tmp_path, "s01")
    once = detect_beats(record.signal, 100)
    signal = np.tile(record.signal, 36)  # six hours
    tracemalloc.start()
    try:
        found = detect_beats(signal, 100)
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()
    assert abs(len(found) - 36 * len(once)) <= 36
    assert np.diff(found).min() > 20


def test_a_sharp_p_wave_is_no_beat():
    time = np.arange(60 * 250) / 250
    beats = np.arange(1, 59, 0.9)
    qrs, p_wave = (
        sum(height * np.exp(-(((time - beat - after) / 0.012) ** 2)) for beat in beats)
        for height, after in ((1, 0), (0.6, -0.24))
    )
    found = detect_beats(qrs + p_wave, 250) / 250
    assert len(match_beats(beats, found, 0.1).reference) == len(found) == len(beats)

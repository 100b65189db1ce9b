from fractions import Fraction

import numpy as np
import pytest

from lstm_fcn.data.cutting import cut_beats, resample
from lstm_fcn.data.records import Record


def record(signal: list[float], samples: list[int], symbols: list[str] | None, fs: float = 360) -> Record:
    return Record("x", np.array(signal, np.float32), fs, "MLII", np.array(samples), symbols, "atr")


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
    assert types[["sample", "label", "length"]].astype(str).tolist() == ["int64", "Int32", "int32"]


def test_time_lead_and_annotator_stand_beside_a_beat():
    beats = cut_beats(record(list(range(100)), [10, 40, 70], ["N", "V", "N"], fs=180))
    assert beats["time_s"].tolist() == [10 / 180, 40 / 180]
    assert beats[["fs", "lead", "annotator"]].drop_duplicates().to_numpy().tolist() == [[180, "MLII", "atr"]]


def test_detected_beats_have_no_symbol_and_no_label():
    beats = cut_beats(record(list(range(100)), [10, 40, 70], None))
    assert beats["sample"].tolist() == [10, 40]
    assert beats["symbol"].isna().all()
    assert beats["label"].isna().all()


def test_a_missing_sample_is_missing_in_the_beat_and_the_others_are_scaled_without_it():
    signal = [float(i) for i in range(100)]
    signal[13] = np.nan
    (beat, other) = cut_beats(record(signal, [10, 40, 70], ["N", "N", "N"]))["beat"]
    assert np.flatnonzero(np.isnan(beat)).tolist() == [1]
    assert (beat[0], beat[11]) == (0, 1)
    assert not np.isnan(other).any()


def test_a_beat_of_nothing_but_missing_samples_is_missing_whole():
    beats = cut_beats(record([1.0] * 10 + [np.nan] * 60 + [1.0] * 30, [10, 20, 40, 90], ["N"] * 4))
    assert np.isnan(beats["beat"][0][: beats["length"][0]]).all()


@pytest.mark.parametrize("fs", [125, 250, 257, 500, 1000, 249.89])
def test_a_record_of_another_frequency_gives_the_beats_of_360_hz(fs: float):
    def wave(rate: float, seconds: float = 20) -> tuple[list[float], list[int]]:
        time = np.arange(int(seconds * rate)) / rate
        peaks = np.arange(1, seconds - 1, 0.8)
        signal = sum(
            np.exp(-(((time - peak) / 0.02) ** 2)) + 0.3 * np.exp(-(((time - peak - 0.3) / 0.06) ** 2))
            for peak in peaks
        )
        return signal.tolist(), np.rint(peaks * rate).astype(int).tolist()

    signal, samples = wave(360)
    other, other_samples = wave(fs)
    expected = np.stack(cut_beats(record(signal, samples, ["N"] * len(samples)))["beat"])
    found = cut_beats(record(other, other_samples, ["N"] * len(samples), fs))
    assert np.abs(np.stack(found["beat"]) - expected).mean() < 0.005  # the R peak may lie between two samples
    assert found["sample"].tolist() == other_samples[:-1]


def test_what_is_above_half_the_new_frequency_does_not_come_back_as_something_else():
    time = np.arange(5000) / 1000
    high = np.sin(2 * np.pi * 300 * time)  # at 360 Hz it would look like 60 Hz
    assert np.abs(resample(high, Fraction(360, 1000))[100:-100]).max() < 0.01


def test_a_resampled_signal_keeps_its_gaps_and_its_level_at_both_ends():
    signal = np.full(1000, 5.0)
    signal[400:500] = np.nan
    found = resample(signal, Fraction(36, 25))
    assert np.flatnonzero(np.isnan(found)).tolist() == list(range(576, 720))
    np.testing.assert_allclose(found[~np.isnan(found)], 5)

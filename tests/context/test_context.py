from pathlib import Path

import numpy as np
import pytest

from lstm_fcn.context.form import CONTEXT_LENGTH, FEATURES, WINDOW
from lstm_fcn.context.record import record_context
from lstm_fcn.data.simulate import write_records
from lstm_fcn.data.wfdb_files import read_wfdb


@pytest.fixture(scope="module")
def ecg(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Four minutes at 360 Hz, with R peaks and symbols."""
    folder: Path = tmp_path_factory.mktemp("ecg")
    write_records(folder, records=1, seconds=240, seed=5)
    record = read_wfdb(folder, "s01", annotator="atr")
    assert record.symbols is not None
    kept = [i for i, symbol in enumerate(record.symbols) if symbol != "+"]
    return np.asarray(record.signal, float), record.samples[kept], [record.symbols[i] for i in kept]


def feature(contexts: np.ndarray, name: str) -> np.ndarray:
    values: np.ndarray = contexts[:, 2 * WINDOW + FEATURES.index(name)]
    return values


def test_the_form_has_as_many_values_as_it_says_and_each_feature_once():
    assert len(set(FEATURES)) == len(FEATURES) == 68
    assert CONTEXT_LENGTH == 308


def test_windows_are_in_units_of_the_records_height_and_hold_the_p_wave(ecg: tuple[np.ndarray, np.ndarray, list[str]]):
    signal, peaks, symbols = ecg
    contexts = record_context(signal, 360.0, peaks)
    assert contexts.shape == (len(peaks), CONTEXT_LENGTH)
    assert np.isfinite(contexts).all()
    normal = contexts[np.array(symbols) == "N"]
    windows = normal[:, :WINDOW]
    assert np.ptp(windows[:, 34:66], axis=1).mean() == pytest.approx(1, abs=0.15)
    assert np.abs(windows[:, 24:84].argmax(axis=1) + 24 - 48).max() <= 6  # the R peak, 0.4 s into the window
    template = normal[0, WINDOW : 2 * WINDOW]
    p_wave = template[12:38]
    assert p_wave.max() > template[:8].max() + 0.05


def test_an_early_beat_has_a_short_interval_before_it_and_a_ventricular_one_another_shape(
    ecg: tuple[np.ndarray, np.ndarray, list[str]],
):
    signal, peaks, symbols = ecg
    contexts, kinds = record_context(signal, 360.0, peaks), np.array(symbols)
    early, normal, wide = kinds == "A", kinds == "N", kinds == "V"
    assert np.median(feature(contexts, "pre/mean")[early]) < -0.2
    assert abs(np.median(feature(contexts, "pre/mean")[normal])) < 0.1
    assert np.median(feature(contexts, "pre/post")[early]) < -0.3
    assert np.median(feature(contexts, "qrs_corr")[wide]) < np.median(feature(contexts, "qrs_corr")[normal]) - 0.02
    assert np.median(feature(contexts, "half_time/template")[wide]) > 0.3


@pytest.mark.parametrize(("gain", "offset"), [(-1.0, 0.0), (250.0, -3000.0)])
def test_no_feature_depends_on_the_leads_sign_unit_or_offset(
    ecg: tuple[np.ndarray, np.ndarray, list[str]], gain: float, offset: float
):
    signal, peaks, _ = ecg
    one, other = record_context(signal, 360.0, peaks), record_context(signal * gain + offset, 360.0, peaks)
    np.testing.assert_allclose(other[:, 2 * WINDOW :], one[:, 2 * WINDOW :], atol=1e-3)
    np.testing.assert_allclose(other[:, :WINDOW], np.sign(gain) * one[:, :WINDOW], atol=1e-4)


def test_the_sampling_frequency_makes_hardly_a_difference(ecg: tuple[np.ndarray, np.ndarray, list[str]]):
    from fractions import Fraction

    from lstm_fcn.data.cutting import resample

    signal, peaks, _ = ecg
    slower = resample(signal, Fraction(257, 360))
    one = record_context(signal, 360.0, peaks)
    other = record_context(slower, 257.0, np.rint(peaks * 257 / 360).astype(np.int64))
    middle = slice(3, -3)
    assert np.median(np.abs(one[middle, :WINDOW] - other[middle, :WINDOW])) < 0.02
    assert np.quantile(np.abs(feature(one, "pre/mean") - feature(other, "pre/mean")), 0.99) < 0.02


def test_windows_that_touch_missing_samples_have_them_missing_and_no_others(
    ecg: tuple[np.ndarray, np.ndarray, list[str]],
):
    signal, peaks, _ = ecg
    broken = signal.copy()
    broken[peaks[50] + 40 : peaks[50] + 60] = np.nan
    missing = np.isnan(record_context(broken, 360.0, peaks))
    assert missing[50, :WINDOW].any()
    touched = np.flatnonzero(missing.any(axis=1))
    assert set(touched) <= {49, 50, 51}
    assert not missing[:, WINDOW:].any()


def test_a_pause_and_the_records_ends_are_flagged(ecg: tuple[np.ndarray, np.ndarray, list[str]]):
    signal, peaks, _ = ecg
    kept = np.delete(peaks, range(100, 106))
    contexts = record_context(signal, 360.0, kept)
    assert np.flatnonzero(feature(contexts, "gap_before")).tolist() == [0, 100]
    assert np.flatnonzero(feature(contexts, "gap_after")).tolist() == [99, len(kept) - 1]


@pytest.mark.parametrize("beats", [0, 1, 2, 3])
def test_records_of_few_beats_have_contexts(ecg: tuple[np.ndarray, np.ndarray, list[str]], beats: int):
    signal, peaks, _ = ecg
    contexts = record_context(signal[:4000], 360.0, peaks[:beats])
    assert contexts.shape == (beats, CONTEXT_LENGTH)
    assert np.isfinite(contexts).all()


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_flat_or_missing_lead_has_no_shape_and_is_no_error(value: float):
    contexts = record_context(np.full(4000, value), 250.0, np.array([100, 300, 500, 750]))
    assert not np.nan_to_num(contexts[:, :WINDOW]).any()
    assert np.isfinite(contexts[:, 2 * WINDOW :]).all()


def test_in_a_long_record_references_are_those_of_the_hour_around():
    slow, fast = np.arange(2, 7200, 2.0), np.arange(7200, 14400, 1.0)
    seconds = np.concatenate([slow, fast])
    signal = np.random.default_rng(0).normal(size=14_410 * 60)
    contexts = record_context(signal, 60.0, np.rint(seconds * 60).astype(np.int64))
    ratio = feature(contexts, "pre/mean")
    early, late = ratio[seconds < 3600], ratio[seconds > 10_800]
    assert np.abs(early[1:]).max() < 0.02
    assert np.abs(late).max() < 0.02

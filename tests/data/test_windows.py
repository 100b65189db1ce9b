from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lstm_fcn.data.records import Record
from lstm_fcn.data.wfdb_files import read_wfdb
from lstm_fcn.data.windows import record_of_windows
from lstm_fcn.errors import DataError
from tests.cut_windows import only_beats, own_extremes, windows_around, windows_to_the_next

FS = 100


@pytest.fixture(scope="module")
def whole(records: Path) -> Record:
    return only_beats(read_wfdb(records, "s01"))


def lay(beats: pd.DataFrame, fs: float = FS) -> Record:
    return record_of_windows("a", beats, fs, "MLII")


def rows(*beats: tuple[float | None, list[float] | None, float]) -> pd.DataFrame:
    """Beats of time, window and seconds before the R peak."""
    windows = [None if window is None else np.array(window, np.float32) for _, window, _ in beats]
    return pd.DataFrame(
        {"time_s": [time for time, _, _ in beats], "window": windows, "before_s": [before for _, _, before in beats]}
    )


def test_windows_in_any_order_give_the_signal_back_with_gaps_where_none_is(whole: Record):
    beats = windows_around(whole, 0.2, 0.3)
    found = lay(beats.sample(frac=1, random_state=1), whole.fs)
    covered = np.zeros(len(whole.signal), bool)
    for sample in whole.samples:
        covered[max(sample - 72, 0) : sample + 108] = True
    end = min(whole.samples[-1] + 108, len(covered))
    assert not covered[:end].all()
    np.testing.assert_array_equal(found.signal, np.where(covered, whole.signal, np.nan)[:end])
    np.testing.assert_array_equal(found.samples, whole.samples)
    assert (found.symbols, found.fs, found.annotator) == (whole.symbols, whole.fs, "windows")


def test_windows_that_reach_into_the_next_beat_leave_no_gap(whole: Record):
    found = lay(windows_to_the_next(whole), whole.fs)
    first = whole.samples[0]
    assert np.isnan(found.signal[:first]).all()
    np.testing.assert_array_equal(found.signal[first:], whole.signal[first : len(found.signal)])


def test_each_window_lies_where_its_own_r_peak_says():
    found = lay(rows((0.05, [1, 2, 3], 0), (0.1, [4, 5], 0.02), (0.12, [6, 7], 0.01)))
    np.testing.assert_array_equal(found.signal, [np.nan] * 5 + [1, 2, 3, 4, 5, np.nan, 6, 7])
    assert found.samples.tolist() == [5, 10, 12]
    assert found.symbols is None


def test_r_peaks_between_two_samples_move_all_windows_alike():
    # 0.125 s are 12.5 samples; rounded with the time they would be 12 of one beat and 13 of the next
    found = lay(rows(*((0.2 + i / 100, [float(i)], 0.0) for i in range(9)))).signal
    moved = lay(rows(*((0.2 + i / 100, [float(i)] + [np.nan] * 12, 0.125) for i in range(9)))).signal
    np.testing.assert_array_equal(moved[8:17], found[20:29])


def test_a_window_that_begins_before_the_recording_is_cut_off():
    found = lay(rows((0.01, [1, 2, 3, 4], 0.03)))
    np.testing.assert_array_equal(found.signal, [3, 4])


def test_a_sample_that_one_window_lacks_is_taken_from_the_other():
    nan = float("nan")
    found = lay(rows((0.0, [1, nan, 3, 4, nan], 0), (0.02, [nan, 4, 5], 0)))
    np.testing.assert_array_equal(found.signal, [1, nan, 3, 4, 5])


def test_a_beat_without_a_window_is_a_beat_whose_samples_are_missing():
    found = lay(rows((0.0, [1, 2], 0), (0.5, None, 0)))
    np.testing.assert_array_equal(found.signal, [1, 2] + [np.nan] * 49)
    assert found.samples.tolist() == [0, 50]


def padded(values: np.ndarray) -> np.ndarray:
    return np.append(values - np.float32(1024), np.zeros(200, np.float32))


@pytest.mark.parametrize("scale", [own_extremes, padded, lambda values: values - values.mean()])
def test_windows_that_overlap_and_disagree_are_refused(whole: Record, scale):
    with pytest.raises(DataError, match="windows that overlap disagree: .* in one unit and with one offset"):
        lay(windows_to_the_next(whole, scale), whole.fs)


def test_times_that_are_rounded_are_no_disagreement(whole: Record):
    beats = windows_around(whole, 0.5, 0.7)
    found = lay(beats.assign(time_s=beats["time_s"].round(2)), whole.fs)
    assert np.abs(found.samples - whole.samples).max() == 2


@pytest.mark.parametrize("scale", [own_extremes, lambda values: (values - values.mean()) / values.std()])
def test_windows_with_a_scale_of_their_own_are_refused_where_none_overlap(whole: Record, scale):
    assert lay(windows_around(whole, 0, 0.3), whole.fs).samples.tolist() == whole.samples.tolist()
    with pytest.raises(DataError, match="most windows have the same range"):
        lay(windows_around(whole, 0, 0.3, scale), whole.fs)


@pytest.mark.parametrize(
    ("beats", "message"),
    [
        (rows((None, [1], 0), (0.5, [1], 0)), "found 1 that are NULL, negative or no numbers, of 2 beats"),
        (rows((-0.1, [1], 0)), "expected the time_s of each R peak in seconds"),
        (rows((np.inf, [1], 0)), "expected the time_s of each R peak in seconds"),
        (rows((0.5, [1], 0), (1.2, [1], 0), (0.5, [1], 0)), "two beats are at one time, 0.5 s: .* a column 'lead'"),
        (rows((1, [1], 0), (361, [1], 0), (722, [1], 0)), "expected all beats .* a median of 360.5 s from beat to"),
        (rows((1, [1, 2], 0.03)), "expected before_s .* found 0.03 with a window of 0.02 s"),
        (rows((1, [1, 2], -0.01)), "expected before_s"),
        (rows((1, [1, 2], np.nan)), "expected before_s"),
        (
            rows((1, [1], 0), (2, [1], 0)).assign(symbol=["N", None]),
            "a symbol for each beat, or for none, found 1 of 2",
        ),
        (rows((2.7e6, [1], 0)), "expected 1 to 268,435,456 samples"),
    ],
)
def test_what_is_no_record_is_refused(beats: pd.DataFrame, message: str):
    with pytest.raises(DataError, match=message):
        lay(beats)


def test_symbols_that_are_all_missing_are_none():
    assert lay(rows((1, [1], 0)).assign(symbol=[None])).symbols is None

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lstm_fcn.data.beats import BEAT_LENGTH, read_beats
from lstm_fcn.data.series import beat_lengths, count_lengths, stack_series
from lstm_fcn.errors import DataError


def table(rows: int = 4, **columns: object) -> pd.DataFrame:
    beat = [np.full(BEAT_LENGTH, i, dtype=np.float32) for i in range(rows)]
    standard = {"record": "100", "sample": range(rows), "label": 0, "split": "train", "beat": beat}
    return pd.DataFrame({**standard, **columns})


def test_rows_come_in_the_order_of_record_and_sample_however_the_table_is_cut(tmp_path: Path):
    rows = table(4, record=["b", "a", "b", "a"], sample=[1, 9, 0, 3], label=[0, 1, 2, 3])
    rows[:1].to_parquet(tmp_path / "2.parquet")
    rows[1:].to_parquet(tmp_path / "1.parquet")
    beats = read_beats(str(tmp_path), "split", "train")
    assert beats.labels.tolist() == [3, 1, 2, 0]
    assert beats.series[:, 0].tolist() == [3.0, 1.0, 2.0, 0.0]


def test_only_the_asked_side_of_the_split_is_read(tmp_path: Path):
    table(3, split=["train", "test", None], label=[0, 1, 2]).to_parquet(tmp_path / "t.parquet")
    assert read_beats(str(tmp_path), "split", "train").labels.tolist() == [0]
    assert read_beats(str(tmp_path), "split", "test").labels.tolist() == [1]


def test_the_fingerprint_changes_with_a_value_and_with_a_label(tmp_path: Path):
    def fingerprint(rows: pd.DataFrame) -> str:
        rows.to_parquet(tmp_path / "t.parquet")
        return read_beats(str(tmp_path), "split", "train").fingerprint()

    original = fingerprint(table())
    assert fingerprint(table()) == original
    assert fingerprint(table(label=[0, 0, 0, 1])) != original
    changed = table()
    changed["beat"][0][5] = 0.5
    assert fingerprint(changed) != original


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (table().drop(columns="beat"), "has no column 'beat'; found: record, sample, label, split"),
        (table(beat="x"), "expected column 'beat' to be a list of float or double, found"),
        (table(label=0.5), "expected labels 0 to 4, found 0.5"),
        (table(label=7), "expected labels 0 to 4, found 7"),
        (table(label=pd.array([0, None, 1, 2], "Int32")), "expected labels 0 to 4, found NULL"),
        (table(split="test"), "has no row with split = 'train'; found 'test'. .*--test-records"),
        (table(beat=[[1.0], *table()["beat"][1:]]), "1 x expected 187 values, found 1"),
        (table(beat=[None, *table()["beat"][1:]]), "1 x the beat is NULL"),
        (
            table(beat=[np.full(BEAT_LENGTH, np.nan, np.float32), *table()["beat"][1:]]),
            "1 x the beat holds NULL, NaN or inf",
        ),
    ],
)
def test_a_table_that_cannot_be_trained_on_is_refused(tmp_path: Path, rows: pd.DataFrame, message: str):
    rows.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=message):
        read_beats(str(tmp_path), "split", "train")


def test_no_table_is_refused(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no beat table at .*: the folder holds no Parquet file"):
        read_beats(str(tmp_path / "empty"))
    with pytest.raises(DataError, match="no beat table at"):
        read_beats(str(tmp_path / "nothing"), "split", "train")


def test_stacking_keeps_good_rows_in_order_and_says_why_others_stay_out():
    infinite = np.ones(3)
    infinite[1] = np.inf
    column = pd.Series([np.ones(3), None, np.ones(2), infinite, np.zeros(3)])
    series, errors = stack_series(column, 3)
    assert series.tolist() == [[1, 1, 1], [0, 0, 0]]
    assert series.dtype == np.float32
    assert errors.tolist() == [
        "",
        "the beat is NULL",
        "expected 3 values, found 2",
        "the beat holds NULL, NaN or infinity",
        "",
    ]


def test_nothing_stacks_to_nothing():
    series, errors = stack_series(pd.Series([], dtype=object), 3)
    assert series.shape == (0, 3)
    assert errors.shape == (0,)


def test_a_beat_ends_with_its_last_value_that_is_not_zero():
    series = np.array([[0, 1, 0, 2, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0], [5, 0, 0, 0, 0]], np.float32)
    assert beat_lengths(series).tolist() == [4, 5, 0, 1]
    odd = np.array([[0, 0, 0, 0, 3], [-0.0, 1, np.nan, 0, -0.0]], np.float32)
    assert beat_lengths(odd).tolist() == [5, 3]


def test_lengths_fall_into_equal_bins():
    series = np.zeros((3, 20), np.float32)
    series[0, 1], series[1, 2], series[2, 19] = 1, 1, 1  # lengths 2, 3 and 20 of 20
    assert count_lengths(series) == [1, 1, 0, 0, 0, 0, 0, 0, 0, 1]

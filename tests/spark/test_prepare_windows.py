"""A table of beats that somebody else cut: contexts of what it shows, and plain words on what it does not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from lstm_fcn.context.form import RHYTHM_FEATURES, WINDOW
from lstm_fcn.data.records import Record
from lstm_fcn.data.wfdb_files import read_wfdb
from lstm_fcn.errors import DataError
from lstm_fcn.spark.prepare.records import Reading, beats_of_record
from lstm_fcn.spark.prepare.windows import beats_of_windows
from tests.cut_windows import only_beats, own_extremes, windows_around, windows_to_the_next
from tests.processes import JobHere

COLUMNS = "record string, fs double, time_s double, window array<float>, before_s double, symbol string"
FILTERED = 5.0
"""Seconds after which the filter of the lead (0.5 Hz) has forgotten where the lead begins or ends."""


@pytest.fixture(scope="module")
def whole(records: Path) -> Record:
    return only_beats(read_wfdb(records, "s01"))


def table(spark: SparkSession, windows: pd.DataFrame) -> DataFrame:
    rows = windows.assign(window=windows["window"].map(np.ndarray.tolist))
    return spark.createDataFrame(list(rows.itertuples(index=False)), COLUMNS)


def contexts(beats: pd.DataFrame) -> np.ndarray:
    found: np.ndarray = np.stack(beats.sort_values("sample")["context_1"])
    return found


def test_contexts_are_those_of_the_record_itself(spark: SparkSession, whole: Record):
    begin = whole.samples[0] - 180
    shown = replace(whole, signal=whole.signal[begin : whole.samples[-1] + 252], samples=whole.samples - begin)
    expected = beats_of_record("s01", shown, ())
    windows = windows_around(shown, 0.5, 0.7).sample(frac=1, random_state=0)
    found = beats_of_windows(table(spark, windows)).toPandas().sort_values("sample")
    for column in ("record", "sample", "symbol", "label", "length", "fs"):
        assert found[column].tolist() == expected[column].tolist()
    np.testing.assert_array_equal(np.stack(found["beat"]), np.stack(expected["beat"]))
    # All samples are there, so nothing but the rounding of float32 may differ.
    np.testing.assert_allclose(contexts(found), contexts(expected), atol=1e-6)


def test_what_is_missing_before_the_first_window_is_missing_and_changes_little_of_the_rest(
    spark: SparkSession, whole: Record
):
    found = contexts(beats_of_windows(table(spark, windows_to_the_next(whole))).toPandas())
    expected = contexts(beats_of_record("s01", whole, ()))
    assert np.isnan(found).any(axis=1).tolist() == [True] + [False] * (len(found) - 1)
    seconds = whole.samples[:-1] / whole.fs
    inner = (seconds > FILTERED) & (seconds < seconds[-1] - FILTERED)
    assert inner.sum() > 25
    # The template, and what is compared with it, is a median over all beats, also over the first one.
    difference = np.abs(found - expected)[inner]
    assert difference[:, :WINDOW].max() < 1e-4
    assert difference[:, 2 * WINDOW :][:, : len(RHYTHM_FEATURES)].max() < 1e-6


def test_what_no_window_shows_is_counted_with_the_way_out_where_it_is_most(
    whole: Record, tmp_path: Path, job_here: JobHere
):
    for name, before, after, line in (
        (
            "short",
            0,
            0.3,
            "WARNING stage=prepare of 45 beats 45 lack samples of their window in context_1: 45 of the 0.4 s before "
            "the R peak, 45 of the 0.6 s after it; 45 lack samples of beat; a model that takes contexts scores none of "
            "these. Give windows from 0.5 s before to 0.7 s after the R peak",
        ),
        ("wide", 0.5, 0.7, "INFO stage=prepare of 45 beats 0 lack samples"),
    ):
        windows_around(whole, before, after).to_parquet(tmp_path / f"{name}.parquet")
        done = job_here("prepare", "--windows", tmp_path / f"{name}.parquet", "--output", tmp_path / name)
        assert done.returncode == 0, done.stderr
        assert line in done.stderr
        beats = pd.read_parquet(tmp_path / name)
        assert np.isnan(contexts(beats)).any(axis=1).all() == (name == "short")


def test_windows_with_a_scale_of_their_own_are_refused_record_by_record(
    whole: Record, tmp_path: Path, job_here: JobHere
):
    scaled = windows_around(whole, 0.5, 0.7, own_extremes).assign(record="scaled")
    pd.concat([windows_around(whole, 0.5, 0.7), scaled]).to_parquet(tmp_path / "both.parquet")
    arguments = ["--windows", tmp_path / "both.parquet", "--output", tmp_path / "beats"]
    refused = job_here("prepare", *arguments)
    assert refused.returncode == 3
    assert "  scaled: windows that overlap disagree: " in refused.stderr
    assert not (tmp_path / "beats").exists()
    done = job_here("prepare", *arguments, "--max-failed-records", "1")
    assert done.returncode == 0, done.stderr
    assert set(pd.read_parquet(tmp_path / "beats")["record"]) == {"s01"}


def test_the_lead_is_chosen_and_the_symbols_may_be_missing(spark: SparkSession, whole: Record):
    windows = windows_around(whole, 0.5, 0.7)
    flat = windows.assign(window=[np.zeros_like(window) for window in windows["window"]], lead="V1")
    both = pd.concat([flat, windows.assign(lead="II")]).drop(columns="symbol")
    rows = both.assign(window=both["window"].map(np.ndarray.tolist))
    columns = COLUMNS.replace("symbol", "lead")
    source = spark.createDataFrame(list(rows.itertuples(index=False)), columns)
    found = beats_of_windows(source).select("lead", "symbol", "label", "annotator", "failure").distinct().collect()
    assert [tuple(row) for row in found] == [("II", None, None, "windows", None)]
    with pytest.raises(DataError, match="the table of windows has no column 'before_s'"):
        beats_of_windows(source.drop("before_s"), Reading())

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from lstm_fcn.data.cutting import cut_beats
from lstm_fcn.data.detection import detect_beats
from lstm_fcn.data.wfdb_files import read_wfdb
from lstm_fcn.errors import DataError
from lstm_fcn.spark.prepare.records import Reading
from lstm_fcn.spark.prepare.signals import beats_of_signals
from tests.signals import signals_example, write_signals

BEGIN = datetime(2026, 1, 1)


@pytest.mark.both_sparks
def test_the_readmes_example_takes_a_table_of_signals_to_predictions(spark: SparkSession, tmp_path: Path):
    signals, expected = write_signals(tmp_path)
    spark.sql("CREATE DATABASE ecg")
    spark.read.parquet(str(signals)).write.format("parquet").saveAsTable("ecg.signals")
    names = {"spark": spark}
    exec(signals_example(), names)  # noqa: S102
    rows = names["predictions"].orderBy("record", "sample").select("record", "sample", "predicted_class").collect()
    spark.sql("DROP DATABASE ecg CASCADE")
    assert [list(row) for row in rows] == expected


def test_segments_are_put_together_by_time_or_by_number_and_annotations_count_from_the_first(
    spark: SparkSession, records: Path
):
    record = read_wfdb(records, "s01")
    expected = cut_beats(record)
    half = len(record.signal) // 2
    parts = [record.signal[half:].tolist(), record.signal[:half].tolist()]
    marks = zip(["a"] * len(record.samples), record.samples.tolist(), record.symbols or (), strict=True)
    annotations = spark.createDataFrame(list(marks), "record string, sample int, symbol string")
    starts = [BEGIN + timedelta(seconds=half / 360), BEGIN]
    for order, kind in ((starts, "start timestamp"), ([2, 1], "segment int")):
        rows = [("a", 360, part, at) for part, at in zip(parts, order, strict=True)]
        signals = spark.createDataFrame(rows, f"record string, fs int, signal array<double>, {kind}")
        found = beats_of_signals(signals, annotations).toPandas().sort_values("sample")
        assert found["sample"].tolist() == expected["sample"].tolist()
        np.testing.assert_array_equal(np.stack(found["beat"]), np.stack(expected["beat"]))


def test_what_is_between_two_segments_is_missing(spark: SparkSession, records: Path):
    signal = read_wfdb(records, "s01").signal
    later = BEGIN + timedelta(seconds=10 + len(signal) / 360)
    rows = [("a", 360.0, signal.tolist(), BEGIN), ("a", 360.0, signal.tolist(), later)]
    signals = spark.createDataFrame(rows, "record string, fs double, signal array<float>, start timestamp")
    found = beats_of_signals(signals).toPandas()["sample"].to_numpy()
    both = np.concatenate([signal, np.full(3600, np.nan), signal])
    assert sorted(found) == detect_beats(both, 360)[:-1].tolist()
    assert not ((found >= len(signal)) & (found < len(signal) + 3600)).any()


def test_the_lead_is_chosen_among_the_rows(spark: SparkSession, records: Path):
    signal = read_wfdb(records, "s01").signal.tolist()
    rows = [("a", 360.0, signal, "V1"), ("a", 360.0, [0.0] * 720, "II"), ("b", 360.0, signal, "V1")]
    signals = spark.createDataFrame(rows, "record string, fs double, signal array<float>, lead string")
    found = beats_of_signals(signals, reading=Reading(leads=("V1",), only=("a",))).select("record", "lead")
    assert {tuple(row) for row in found.distinct().collect()} == {("a", "V1")}


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        (
            [("a", 250.0, [0.0]), ("a", 250.0, [0.0])],
            "",
            "it has 2 rows of one lead, and no column 'start' or 'segment'",
        ),
        ([("a", 250.0, [0.0], 1), ("a", 250.0, [0.0], 1)], ", segment int", "have the same segment"),
        ([("a", 250.0, [0.0] * 9, BEGIN), ("a", 250.0, [0.0], BEGIN)], ", start timestamp", "overlap in time"),
        (
            [("a", 250.0, [0.0], 1), ("a", 500.0, [0.0], 2)],
            ", segment int",
            "expected one sampling frequency, found 250, 500",
        ),
    ],
)
def test_rows_that_are_no_one_record_are_a_failure(spark: SparkSession, rows: list[tuple], columns: str, message: str):
    signals = spark.createDataFrame(rows, f"record string, fs double, signal array<float>{columns}")
    (row,) = beats_of_signals(signals).collect()
    assert message in row["failure"]


def test_a_table_without_a_signal_is_refused(spark: SparkSession):
    with pytest.raises(DataError, match="no column 'signal'|has no column"):
        beats_of_signals(spark.createDataFrame([("a", 250.0)], "record string, fs double"))

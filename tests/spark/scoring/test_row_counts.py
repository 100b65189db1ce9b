import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from lstm_fcn.evaluation.metrics import metric_rows
from lstm_fcn.model.file import Model
from lstm_fcn.model.header import Header
from lstm_fcn.spark.metrics import count_confusion, metrics_table
from lstm_fcn.spark.scoring.counts import count_predictions
from tests.spark.frames import frame_of

SCHEMA = "label int, prediction int, error string"


def predictions(spark: SparkSession, *rows: tuple[int | None, int | None, str | None]) -> DataFrame:
    """Scored rows have class 'N' or 'S', the probability .6 for it, and a beat of as many values as their number."""
    whole = [
        (label, predicted, error, "NS"[(predicted or 0) % 2], [0.6, 0.4], None if error else number + 1)
        for number, (label, predicted, error) in enumerate(rows)
    ]
    return frame_of(spark, whole, f"{SCHEMA}, predicted_class string, probability array<double>, beat_length int")


@pytest.fixture
def header(model: Model) -> Header:
    return model.header


def test_the_confusion_is_by_true_and_predicted_class(spark: SparkSession, header: Header):
    rows = [(0, 0, None)] * 5 + [(0, 1, None)] * 2 + [(1, 1, None)] * 3 + [(0, None, "short")]
    _, confusion = count_predictions(predictions(spark, *rows), header, "label")
    assert confusion[:2, :2].tolist() == [[5, 2], [0, 3]]
    assert confusion.sum() == 10


def test_labels_need_not_be_positions(spark: SparkSession, header: Header):
    rows = [(7, 7, None)] * 2 + [(7, 3, None), (5, 3, None), (0, 3, None)]
    other = header.model_copy(update={"classes": ["A", "B", "C"], "labels": [3, 5, 7]})
    assert other.predictions == [3, 5, 7]
    _, confusion = count_predictions(predictions(spark, *rows), other, "label")
    assert confusion.tolist() == [[0, 0, 0], [1, 0, 0], [1, 0, 2]]


def test_rows_that_were_not_scored_are_counted_by_reason(spark: SparkSession, header: Header):
    rows = [(0, 0, None), (0, None, "short"), (1, None, "short"), (1, None, "NULL")]
    counts, _ = count_predictions(predictions(spark, *rows), header, "label")
    assert (counts.rows, counts.scored, counts.failed) == (4, 1, 3)
    assert counts.errors == {"short": 2, "NULL": 1}
    assert counts.predicted == {"N": 1}


def test_failed_rows_are_all_counted_however_many_reasons_there_are(spark: SparkSession, header: Header):
    rows = [(0, None, f"reason {i}") for i in range(50)]
    counts, _ = count_predictions(predictions(spark, *rows), header, "label")
    assert counts.failed == 50
    assert len(counts.errors) == 20


def test_labels_that_the_model_does_not_know_are_counted_and_stay_out(spark: SparkSession, header: Header):
    table = predictions(spark, (0, 0, None), (7, 0, None), (7, 1, None), (-1, 0, None), (None, 1, None))
    counts, confusion = count_predictions(table, header, "label")
    assert confusion.sum() == 1
    assert counts.unknown_labels == {"7": 2, "None": 1, "-1": 1}


@pytest.mark.parametrize(("made_for", "unknown"), [("known records", 23), ("new records", 0)])
def test_records_that_a_model_for_known_ones_does_not_know_are_counted(
    spark: SparkSession, header: Header, made_for: str, unknown: int
):
    table = predictions(spark, *[(0, 0, None)] * 98, (0, None, "short"), (0, 0, None)).selectExpr(
        "*", "IF(beat_length > 90, NULL, concat('r', int(coalesce(beat_length, 1) % 25))) AS record"
    )
    data = header.training_data.model_copy(update={"records": ["r0", "r1"], "made_for": made_for})
    counts, _ = count_predictions(table, header.model_copy(update={"training_data": data}), "label")
    assert (counts.rows, counts.scored, counts.unknown_record_count) == (100, 99, unknown)
    assert list(counts.unknown_records.items())[:2] == [("r10", 4), ("r11", 4)][:unknown]
    assert len(counts.unknown_records) == min(unknown, 20)


def test_what_was_predicted_is_counted_by_class_and_by_length(spark: SparkSession, header: Header):
    counts, _ = count_predictions(predictions(spark, *[(0, i % 2, None) for i in range(187)]), header, None)
    assert counts.predicted == {"N": 94, "S": 93}
    expected = np.bincount(np.arange(187) * 10 // 187)
    assert counts.lengths == expected.tolist()
    assert counts.mean_confidence == pytest.approx(0.6)


def test_a_table_without_rows_has_counts(spark: SparkSession, header: Header):
    counts, _ = count_predictions(predictions(spark, (0, 0, None)).limit(0), header, "label")
    assert (counts.rows, counts.mean_confidence, sum(counts.lengths)) == (0, None, 0)


def test_the_metrics_table_is_long_with_null_for_what_is_not_defined(spark: SparkSession):
    rows = metric_rows(np.array([[3, 0], [0, 0]]), "NS")
    table = metrics_table(spark, "run", "m@1", [("day", "2026-01-01", row) for row in rows])
    assert table.columns == [
        *("run_id", "model", "group_by", "group", "class", "metric", "value", "low", "high", "support")
    ]
    assert {row[:4] for row in table.collect()} == {("run", "m@1", "day", "2026-01-01")}
    found = {(row["class"], row["metric"]): row["value"] for row in table.collect()}
    assert found["N", "Se"] == 1.0
    assert found["S", "Se"] is None
    assert found["N", "predicted_N"] == 3.0


def test_a_confusion_is_counted_by_the_values_of_columns_in_their_order(spark: SparkSession):
    rows = [("b", 0, 1), ("a", 1, 1), ("b", 0, 1), ("b", 1, 0)]
    found = count_confusion(spark.createDataFrame(rows, "day string, _true int, _predicted int"), 2, by=["day"])
    assert [(key, counts.tolist()) for key, counts in found.items()] == [
        (("a",), [[0, 0], [0, 1]]),
        (("b",), [[0, 2], [1, 0]]),
    ]

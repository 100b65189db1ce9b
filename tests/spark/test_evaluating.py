from pyspark.sql import SparkSession

from lstm_fcn.metrics import measures
from lstm_fcn.spark.evaluating import count_predictions, metrics_table

SCHEMA = "label int, prediction int, error string"


def test_counts_are_by_true_and_predicted_class(spark: SparkSession):
    rows = [(0, 0, None)] * 5 + [(0, 1, None)] * 2 + [(1, 1, None)] * 3
    counts = count_predictions(spark.createDataFrame(rows, SCHEMA), "label", [0, 1])
    assert counts.rows == 10
    assert counts.confusion.tolist() == [[5, 2], [0, 3]]
    assert counts.errors == {}
    assert counts.unknown_labels == {}


def test_rows_that_were_not_scored_are_counted_by_reason_and_stay_out(spark: SparkSession):
    rows = [(0, 0, None), (0, None, "short"), (1, None, "short"), (1, None, "NULL")]
    counts = count_predictions(spark.createDataFrame(rows, SCHEMA), "label", [0, 1])
    assert (counts.rows, counts.failed) == (4, 3)
    assert counts.errors == {"short": 2, "NULL": 1}
    assert counts.confusion.tolist() == [[1, 0], [0, 0]]


def test_failed_rows_are_all_counted_however_many_reasons_there_are(spark: SparkSession):
    rows = [(0, None, f"reason {i}") for i in range(50)]
    counts = count_predictions(spark.createDataFrame(rows, SCHEMA), "label", [0, 1])
    assert counts.failed == 50
    assert len(counts.errors) == 20


def test_labels_that_the_model_does_not_know_are_counted_and_stay_out(spark: SparkSession):
    rows = [(0, 0, None), (7, 0, None), (7, 1, None), (-1, 0, None), (None, 1, None)]
    counts = count_predictions(spark.createDataFrame(rows, SCHEMA), "label", [0, 1])
    assert counts.confusion.tolist() == [[1, 0], [0, 0]]
    assert counts.unknown_labels == {"7": 2, "None": 1, "-1": 1}


def test_without_labels_only_rows_are_counted(spark: SparkSession):
    counts = count_predictions(spark.createDataFrame([(0, 0, None)], SCHEMA), None, [0, 1])
    assert counts.rows == 1
    assert counts.confusion is None


def test_the_metrics_table_is_long_with_null_for_what_is_not_defined(spark: SparkSession):
    counts = count_predictions(spark.createDataFrame([(0, 0, None)] * 3, SCHEMA), "label", [0, 1])
    table = metrics_table(spark, measures(counts.confusion, "NS"), "run", "m@1")
    assert table.columns == ["run_id", "model", "class", "metric", "value", "support"]
    found = {(row["class"], row["metric"]): row["value"] for row in table.collect()}
    assert found["N", "Se"] == 1.0
    assert found["S", "Se"] is None
    assert found["N", "predicted_N"] == 3.0


def test_labels_need_not_be_positions(spark: SparkSession):
    rows = [(7, 7, None)] * 2 + [(7, 3, None), (5, 3, None), (0, 3, None)]
    counts = count_predictions(spark.createDataFrame(rows, SCHEMA), "label", [3, 5, 7])
    assert counts.confusion.tolist() == [[0, 0, 0], [1, 0, 0], [1, 0, 2]]
    assert counts.unknown_labels == {"0": 1}

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from lstm_fcn.header import Header
from lstm_fcn.metrics import measures
from lstm_fcn.modelfile import Model
from lstm_fcn.spark.evaluating import count_confusion, count_predictions, metrics_table

SCHEMA = "label int, prediction int, error string"


def predictions(spark: SparkSession, *rows: tuple[int | None, int | None, str | None]) -> DataFrame:
    """Scored rows have class 'N' or 'S', the probability .6 for it, and a beat of as many values as their number."""
    whole = [
        (label, called, error, "NS"[called or 0], [0.6, 0.4], None if error else number + 1)
        for number, (label, called, error) in enumerate(rows)
    ]
    return spark.createDataFrame(
        whole, f"{SCHEMA}, predicted_class string, probability array<double>, beat_length int"
    ).coalesce(1)


@pytest.fixture
def header(model: Model) -> Header:
    return model.header


def test_the_confusion_is_by_true_and_predicted_class(spark: SparkSession):
    rows = [(0, 0, None)] * 5 + [(0, 1, None)] * 2 + [(1, 1, None)] * 3 + [(0, None, "short")]
    assert count_confusion(predictions(spark, *rows), "label", [0, 1]).tolist() == [[5, 2], [0, 3]]


def test_labels_need_not_be_positions(spark: SparkSession):
    rows = [(7, 7, None)] * 2 + [(7, 3, None), (5, 3, None), (0, 3, None)]
    table = spark.createDataFrame(rows, SCHEMA)
    assert count_confusion(table, "label", [3, 5, 7]).tolist() == [[0, 0, 0], [1, 0, 0], [1, 0, 2]]


def test_rows_that_were_not_scored_are_counted_by_reason(spark: SparkSession, header: Header):
    rows = [(0, 0, None), (0, None, "short"), (1, None, "short"), (1, None, "NULL")]
    figures = count_predictions(predictions(spark, *rows), header, "label")
    assert (figures.rows, figures.scored, figures.failed) == (4, 1, 3)
    assert figures.errors == {"short": 2, "NULL": 1}
    assert figures.predicted == {"N": 1}


def test_failed_rows_are_all_counted_however_many_reasons_there_are(spark: SparkSession, header: Header):
    rows = [(0, None, f"reason {i}") for i in range(50)]
    figures = count_predictions(predictions(spark, *rows), header, "label")
    assert figures.failed == 50
    assert len(figures.errors) == 20


def test_labels_that_the_model_does_not_know_are_counted_and_stay_out(spark: SparkSession, header: Header):
    table = predictions(spark, (0, 0, None), (7, 0, None), (7, 1, None), (-1, 0, None), (None, 1, None))
    assert count_confusion(table, "label", header.predictions).sum() == 1
    assert count_predictions(table, header, "label").unknown_labels == {"7": 2, "None": 1, "-1": 1}


def test_what_was_predicted_is_counted_by_class_and_by_length(spark: SparkSession, header: Header):
    figures = count_predictions(predictions(spark, *[(0, i % 2, None) for i in range(187)]), header, None)
    assert figures.predicted == {"N": 94, "S": 93}
    expected = np.bincount(np.arange(187) * 10 // 187)
    assert figures.lengths == expected.tolist()
    assert figures.mean_confidence == pytest.approx(0.6)


def test_a_table_without_rows_has_figures(spark: SparkSession, header: Header):
    figures = count_predictions(predictions(spark, (0, 0, None)).limit(0), header, "label")
    assert (figures.rows, figures.mean_confidence, sum(figures.lengths)) == (0, None, 0)


def test_the_metrics_table_is_long_with_null_for_what_is_not_defined(spark: SparkSession):
    table = metrics_table(spark, measures(np.array([[3, 0], [0, 0]]), "NS"), "run", "m@1")
    assert table.columns == ["run_id", "model", "class", "metric", "value", "support"]
    found = {(row["class"], row["metric"]): row["value"] for row in table.collect()}
    assert found["N", "Se"] == 1.0
    assert found["S", "Se"] is None
    assert found["N", "predicted_N"] == 3.0

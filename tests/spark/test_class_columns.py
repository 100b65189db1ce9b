"""Class columns go by name: whatever their numbers, in the predictions as in the table that holds the labels."""

import pytest
from pyspark.sql import Row, SparkSession

from lstm_fcn.errors import DataError
from lstm_fcn.model.config import Optimization
from lstm_fcn.model.header import Header, Scaling, TrainingData
from lstm_fcn.spark.columns import (
    gather_beat,
    gather_labels,
    gather_probabilities,
    rename_class_columns,
    spread_predictions,
)
from tests.spark.frames import frame_of


def header(classes: list[str], task: str = "multiclass", labels: list | None = None) -> Header:
    return Header(
        name="m",
        network={"length": 3, "classes": len(classes), "task": task},
        optimization=Optimization(),
        scaling=Scaling(),
        classes=classes,
        class_names=classes,
        labels=list(range(len(classes))) if labels is None else labels,
        sampling_frequency=None,
        training_data=TrainingData(source="s", rows="all", class_counts=[1] * len(classes), fingerprint="0" * 64),
        metrics={},
        versions={},
    )


FROM_ZERO = header(["y_0", "y_1", "y_2"])
PREDICTIONS = "id int, prediction int, predicted_class string, probability array<float>"


def test_predictions_are_called_as_their_classes(spark: SparkSession):
    table = spark.createDataFrame([(1, 1, "y_1", [0.25, 0.5, 0.125])], PREDICTIONS)
    row = spread_predictions(table, FROM_ZERO).collect()[0].asDict()
    assert (row["y_0"], row["y_1"], row["y_2"]) == (0, 1, 0)
    assert (row["p_0"], row["p_1"], row["p_2"]) == (0.25, 0.5, 0.125)
    assert "y_3" not in row
    assert row[row["predicted_class"]] == 1


def test_other_classes_are_numbered_from_one(spark: SparkSession):
    table = spark.createDataFrame([(1, 0, "N", [0.5, 0.25])], PREDICTIONS)
    row = spread_predictions(table, header(["N", "S"])).collect()[0]
    assert (row["y_1"], row["y_2"], row["p_1"], row["p_2"]) == (1, 0, 0.5, 0.25)


def test_probabilities_are_gathered_by_the_classes_names(spark: SparkSession):
    table = frame_of(spark, [(0.5, 0.25, 0.125)], "p_2 float, p_0 float, p_1 float")
    row = gather_probabilities(table, "probability", ["y_0", "y_1", "y_2"]).collect()[0]
    assert row["probability"] == [0.25, 0.125, 0.5]


def test_one_hot_columns_are_the_label(spark: SparkSession):
    rows = [(0, 1, 0, 1), (0, 0, 1, 2), (0, 0, 0, 3), (1, 1, 0, 4), (None, 1, 0, 5)]
    table = frame_of(spark, rows, "y_2 int, y_0 int, y_1 int, id int")
    found = {row["id"]: row["label"] for row in gather_labels(table, FROM_ZERO, "label").collect()}
    assert found == {1: 0, 2: 1, 3: None, 4: None, 5: 0}


def test_one_hot_columns_of_text_and_doubles_are_the_models_labels(spark: SparkSession):
    model = header(["y_1", "y_2"], labels=[7, 3])
    for kind, rows in (("string", [("0", "1.0")]), ("double", [(0.0, 1.0)]), ("boolean", [(False, True)])):
        table = frame_of(spark, rows, f"y_1 {kind}, y_2 {kind}")
        assert gather_labels(table, model, "label").collect()[0]["label"] == 3, kind


@pytest.mark.parametrize("odd", ["0.7", "2.0", "NaN"])
def test_one_hot_columns_of_other_values_are_refused(spark: SparkSession, odd: str):
    table = frame_of(spark, [("0.0", None, "1.0"), ("0.0", odd, "1.0")], "y_0 string, y_1 string, y_2 string")
    for kind in ("double", "string"):
        values = table.selectExpr(*(f"CAST({name} AS {kind}) AS {name}" for name in table.columns))
        with pytest.raises(DataError, match=f"expected 0 or 1 in column 'y_1', found '{odd}'; --label none"):
            gather_labels(values, FROM_ZERO, "label")


def test_a_label_that_is_there_stays(spark: SparkSession):
    table = frame_of(spark, [(5, 0, 1, 0)], "label int, y_0 int, y_1 int, y_2 int")
    assert gather_labels(table, FROM_ZERO, "label").collect()[0]["label"] == 5
    assert "label" not in gather_labels(table.drop("label", "y_1"), FROM_ZERO, "label").columns


def test_the_inputs_class_columns_get_out_of_the_way(spark: SparkSession):
    table = frame_of(spark, [(1, 0, 2, 3.0)], "y_0 int, Y_1 int, id int, p_2 double")
    renamed = rename_class_columns(table, FROM_ZERO)
    assert renamed.columns == ["true_y_0", "true_Y_1", "id", "true_p_2"]
    with pytest.raises(DataError, match="has the columns y_0 and true_y_0: drop one of them"):
        rename_class_columns(spark.createDataFrame([], "y_0 int, true_y_0 int"), FROM_ZERO)


def test_values_are_gathered_whatever_their_columns_are_called(spark: SparkSession):
    table = spark.createDataFrame([(1.0, 2.0, 9)], ["x_1", " x_2", "id"])
    assert gather_beat(table, "x").collect() == [Row(id=9, beat=[1.0, 2.0])]
    table = spark.createDataFrame([(1.0, 2.0, 9)], ["ecg.1", "ecg.2", "id"])
    assert gather_beat(table, "ecg.").collect() == [Row(id=9, beat=[1.0, 2.0])]


def test_a_label_among_the_gathered_columns_is_left_out(spark: SparkSession):
    table = frame_of(spark, [(0.5, 0.25, 4.0)], "_c0 double, _c1 double, _c2 double")
    assert gather_beat(table, "_c", "_c2").collect() == [Row(_c2=4.0, beat=[0.5, 0.25])]


def test_text_is_gathered_only_where_it_is_asked_for(spark: SparkSession):
    table = frame_of(spark, [("0.5", "x")], "x_1 string, x_2 string")
    assert gather_beat(table, "x", is_text=True).collect() == [Row(beat=[0.5, None])]
    with pytest.raises(DataError, match="expected column 'x_1' to be .* or double, found string"):
        gather_beat(table, "x")


def test_a_single_column_is_no_series(spark: SparkSession):
    with pytest.raises(DataError, match="of the columns x_1, x_2, ... the table has only x_1; found: x_1, a"):
        gather_beat(spark.createDataFrame([], "x_1 float, a int"), "x")

import pytest
from pyspark.sql import Row, SparkSession

from lstm_fcn.errors import DataError
from lstm_fcn.model.config import Optimization
from lstm_fcn.model.header import Header, Scaling, TrainingData
from lstm_fcn.spark.columns import gather_beat, spread_predictions

pytestmark = pytest.mark.both_sparks


def header(task: str, labels: list) -> Header:
    return Header(
        name="m",
        network={"length": 3, "classes": 3, "task": task},
        optimization=Optimization(),
        scaling=Scaling(),
        classes=["a", "b", "c"],
        class_names=["a", "b", "c"],
        labels=labels,
        sampling_frequency=None,
        training_data=TrainingData(source="s", rows="all", class_counts=[1, 1, 1], fingerprint="0" * 64),
        metrics={},
        versions={},
    )


@pytest.mark.parametrize("names", [["x_1", "x_10", "x_2"], ["x1", "x2", "x3"]])
def test_values_are_gathered_by_their_numbers(spark: SparkSession, names: list[str]):
    if "x_10" in names:
        names = [*names, *(f"x_{i}" for i in range(3, 10))]
    numbers = [int(name.lstrip("x_")) for name in names]
    table = spark.createDataFrame([(*map(float, numbers), 7)], [*names, "id"])
    row = gather_beat(table, "x").collect()[0]
    assert row == Row(id=7, beat=[float(i) for i in sorted(numbers)])


def test_a_value_that_is_missing_stays_missing(spark: SparkSession):
    table = spark.createDataFrame([(1.0, None)], "x_1 double, x_2 int")
    assert gather_beat(table, "x").collect() == [Row(beat=[1.0, None])]


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("a int", "has no columns x_1, x_2, ...; found: a"),
        ("x_1 float, x_3 float", "of the columns x_1 to x_3 number 2 is missing"),
        ("x_1 float, x_2 string", "expected column 'x_2' to be .* or double, found string"),
        ("x_1 float, x1 float", "has both columns x_1 and x1"),
        ("x_1 float, beat int", "has a column 'beat' beside x_1"),
    ],
)
def test_columns_that_are_no_series_are_refused(spark: SparkSession, schema: str, message: str):
    with pytest.raises(DataError, match=message):
        gather_beat(spark.createDataFrame([], schema), "x")


def test_predictions_spread_over_columns(spark: SparkSession):
    rows = [(1, 4, [0.1, 0.7, 0.2]), (2, None, None)]
    table = spark.createDataFrame(rows, "id int, prediction int, probability array<float>")
    first, second = spread_predictions(table, header("multiclass", [3, 4, 5])).orderBy("id").collect()
    assert (first["y_1"], first["y_2"], first["y_3"]) == (0, 1, 0)
    assert [first[f"p_{i}"] for i in (1, 2, 3)] == pytest.approx([0.1, 0.7, 0.2])
    assert second.asDict() == {**dict.fromkeys(first.asDict()), "id": 2}


def test_several_labels_spread_over_columns(spark: SparkSession):
    table = spark.createDataFrame([([1, 0, 1], [0.9, 0.2, 0.8])], "prediction array<int>, probability array<float>")
    row = spread_predictions(table, header("multilabel", [0, 1, 2])).collect()[0]
    assert (row["y_1"], row["y_2"], row["y_3"]) == (1, 0, 1)


def test_columns_that_are_there_already_are_not_written_over(spark: SparkSession):
    table = spark.createDataFrame([], "Y_2 int, prediction int, probability array<float>")
    with pytest.raises(DataError, match="already has the columns Y_2"):
        spread_predictions(table, header("multiclass", [0, 1, 2]))

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from pyspark.errors import PythonException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.data.beats import Beats
from lstm_fcn.data.labels import CLASSES
from lstm_fcn.errors import DataError, ModelError, SettingsError
from lstm_fcn.inference.calibration import calibrate
from lstm_fcn.inference.engine import Engine
from lstm_fcn.model.file import Model, parse_model, read_model, serialize
from lstm_fcn.spark import register, score, udf
from lstm_fcn.spark.errors import first_line, own_errors_of_tasks

pytestmark = pytest.mark.both_sparks

ARROW_BATCH = "spark.sql.execution.arrow.maxRecordsPerBatch"


def table(spark: SparkSession, beats: Beats) -> DataFrame:
    rows = list(zip(range(len(beats)), beats.labels.tolist(), beats.series.tolist(), strict=True))
    return spark.createDataFrame(rows, "id long, label int, beat array<float>").repartition(3)


@pytest.fixture
def arrow_batch(spark: SparkSession, request: pytest.FixtureRequest) -> Iterator[int]:
    before = spark.conf.get(ARROW_BATCH)
    spark.conf.set(ARROW_BATCH, request.param)
    yield request.param
    spark.conf.set(ARROW_BATCH, before)


@pytest.mark.parametrize("arrow_batch", [1, 7, 10_000], indirect=True)
@pytest.mark.parametrize("batch_size", [1, 7, 10_000])
def test_predictions_equal_the_networks_own_on_the_driver(
    spark: SparkSession, model: Model, beats: Beats, arrow_batch: int, batch_size: int
):
    with torch.inference_mode():
        expected = model.network()(torch.from_numpy(beats.series)).numpy()
    rows = score(table(spark, beats), model, "run", batch_size=batch_size).toPandas().sort_values("id")
    np.testing.assert_allclose(np.stack(rows["probability"]), expected, atol=1e-5)
    assert rows["prediction"].tolist() == expected.argmax(axis=1).tolist()
    assert rows["predicted_class"].tolist() == ["NSVFQ"[label] for label in expected.argmax(axis=1)]
    assert rows["error"].isna().all()


def test_all_columns_but_the_series_are_carried_along(spark: SparkSession, model: Model, beats: Beats):
    scored = score(table(spark, beats), model, "run-7")
    assert scored.dtypes == [
        ("id", "bigint"),
        ("label", "int"),
        ("prediction", "int"),
        ("predicted_class", "string"),
        ("probability", "array<float>"),
        ("error", "string"),
        ("beat_length", "int"),
        ("model", "string"),
        ("run_id", "string"),
    ]
    row = scored.first()
    assert row["model"] == model.reference
    assert row["run_id"] == "run-7"


def test_a_row_that_cannot_be_scored_stays_with_its_reason(spark: SparkSession, model: Model):
    good = [0.5] * 186 + [0.25]
    beats = [good, None, good[1:], good + good, [], [*good[:-1], None], [*good[:-1], float("nan")]]
    beats += [[float("-inf"), *good[1:]], [0.5] * 187, [0.0] * 187, [100 * value for value in good], good]
    rows = spark.createDataFrame(list(enumerate(beats)), "id long, beat array<float>").repartition(2)
    found = score(rows, model, "run").orderBy("id").collect()
    data, bad_value = model.header.training_data, "the beat holds NULL, NaN or infinity"
    assert [row["error"] for row in found] == [
        None,
        "the beat is NULL",
        "expected 187 values, found 186",
        "expected 187 values, found 374",
        "expected 187 values, found 0",
        bad_value,
        bad_value,
        bad_value,
        "the beat is a flat line",
        "the beat is a flat line",
        f"values outside those of training ({data.lowest:g} to {data.highest:g})",
        None,
    ]
    for row in found:
        scored = row["error"] is None
        assert (row["prediction"] is not None) == scored
        assert (row["predicted_class"] is not None) == scored
        assert (row["probability"] is not None) == scored
        assert (row["beat_length"] is not None) == scored


def test_a_table_of_nothing_but_bad_rows_and_one_without_rows(spark: SparkSession, model: Model):
    bad = spark.createDataFrame([(None,)] * 3, "beat array<float>")
    assert [row["prediction"] for row in score(bad, model, "run").collect()] == [None] * 3
    assert score(bad.limit(0), model, "run").collect() == []


def test_doubles_are_scored_as_floats(spark: SparkSession, model: Model, beats: Beats):
    single = table(spark, beats)
    double = single.withColumn("beat", F.col("beat").cast("array<double>"))
    one, other = (score(rows, model, "run").orderBy("id").collect() for rows in (single, double))
    assert one == other


def test_the_series_may_have_another_name(spark: SparkSession, model: Model, beats: Beats):
    renamed = table(spark, beats).withColumnRenamed("beat", "ecg")
    scored = score(renamed, model, "run", beat="ecg")
    assert "ecg" not in scored.columns
    assert scored.where("prediction IS NULL").count() == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop("beat"), "has no column 'beat'; found: id, label"),
        (
            lambda rows: rows.withColumn("beat", F.lit("x")),
            "expected column 'beat' to be array<float> or array<double>, found string",
        ),
        (lambda rows: rows.withColumn("Error", F.lit("x")), "already has the columns Error"),
        (lambda rows: rows.withColumn("_score", F.lit("x")), "already has the columns _score"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(spark: SparkSession, model: Model, beats: Beats, change, message: str):
    with pytest.raises(DataError, match=message):
        score(change(table(spark, beats)), model, "run")


def test_columns_with_odd_names_are_carried_along(spark: SparkSession, model: Model, beats: Beats):
    odd = table(spark, beats).withColumnRenamed("id", "a.b `c`")
    assert score(odd, model).first()["a.b `c`"] is not None


def test_each_scoring_gets_a_run_id_of_its_own(spark: SparkSession, model: Model, beats: Beats):
    first, second = (score(table(spark, beats), model).select("run_id").distinct().collect() for _ in range(2))
    assert len(first) == len(second) == 1
    assert first != second


def test_a_model_can_be_named_and_scoring_be_a_step_of_a_chain(spark: SparkSession, model_file: Path, beats: Beats):
    from_file = table(spark, beats).transform(score, str(model_file)).where("error IS NULL")
    assert from_file.count() == len(beats)
    assert table(spark, beats).transform(score, "mitbih").first()["model"].startswith("mitbih@")
    with pytest.raises(ModelError, match="did you mean 'mitbih'?"):
        score(table(spark, beats), "mitbi")


def test_in_sql_a_model_is_a_function(spark: SparkSession, model: Model, beats: Beats):
    register(spark, model)
    rows = table(spark, beats).union(spark.createDataFrame([(999, 0, None)], "id long, label int, beat array<float>"))
    rows.createOrReplaceTempView("some_beats")
    spark.sql("CREATE OR REPLACE TEMPORARY VIEW scored AS SELECT id, lstm_fcn(beat) AS found FROM some_beats")
    expected = {row["id"]: row for row in score(rows, model).collect()}
    for kind in ("float", "double"):
        query = f"SELECT id, lstm_fcn(CAST(beat AS array<{kind}>)) AS found FROM some_beats"  # noqa: S608
        for row in spark.sql(query).collect():
            assert row["found"]["prediction"] == expected[row["id"]]["prediction"]
            if row["id"] != 999:
                # How rows fall into batches decides the last digits.
                assert row["found"]["probability"] == pytest.approx(expected[row["id"]]["probability"], abs=1e-6)
    assert spark.sql("SELECT found.error FROM scored WHERE id = 999").first()[0] == "the beat is NULL"
    assert spark.sql("SELECT * FROM scored WHERE found.prediction >= 0").count() == len(beats)


@pytest.mark.parametrize("argument", ["beat[0]", "named_struct('beat', beat)", "transform(beat, x -> 'a')"])
def test_in_sql_what_is_no_array_of_numbers_is_one_line(spark: SparkSession, model: Model, beats: Beats, argument: str):
    register(spark, model)
    table(spark, beats).createOrReplaceTempView("some_beats")
    with pytest.raises(PythonException) as raised:
        spark.sql(f"SELECT lstm_fcn({argument}).error FROM some_beats").collect()  # noqa: S608
    assert "DataError: expected a series to be an array of numbers, found " in first_line(raised.value)


def test_the_order_of_rows_and_the_number_of_tasks_do_not_change_a_prediction(
    spark: SparkSession, model: Model, beats: Beats
):
    rows = table(spark, beats)
    whole = score(rows.coalesce(1), model, "run").orderBy("id").collect()
    for other in (rows.repartition(17), rows.orderBy(F.desc("id"))):
        assert [row["prediction"] for row in score(other, model, "run").orderBy("id").collect()] == [
            row["prediction"] for row in whole
        ]


def test_the_length_of_a_beat_ends_where_its_padding_begins(spark: SparkSession, model: Model, beats: Beats):
    found = score(table(spark, beats), model).orderBy("id").collect()
    expected = [int(np.flatnonzero(series)[-1]) + 1 for series in beats.series]
    assert [row["beat_length"] for row in found] == expected


def test_a_filter_on_the_prediction_does_not_score_twice(spark: SparkSession, model: Model, beats: Beats):
    filtered = score(table(spark, beats), model, "run").where("prediction = 0 AND error IS NULL")
    plan = filtered._jdf.queryExecution().executedPlan().toString()
    assert plan.count("ArrowEvalPython [lstm_fcn") == 1


def test_a_python_worker_builds_the_network_once_for_all_its_tasks(
    spark: SparkSession, model: Model, beats: Beats, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shipped, folder = model, tmp_path

    def leave_a_mark_and_return_the_model() -> Model:
        (folder / f"{os.getpid()}-{os.urandom(4).hex()}").touch()
        return shipped

    monkeypatch.setattr(udf, "_ship", lambda *_: leave_a_mark_and_return_the_model)
    monkeypatch.setattr(Model, "sha256", "0" * 64)  # one that no worker has built yet
    many_tasks = table(spark, beats).repartition(12)
    assert score(many_tasks, model, "run").where("prediction >= 0").count() == len(beats)
    workers = [mark.name.split("-")[0] for mark in tmp_path.iterdir()]
    assert 1 <= len(workers) <= 2  # local[2]: at most two workers
    assert len(set(workers)) == len(workers)


def test_several_labels_a_series_are_predicted_as_arrays(
    spark: SparkSession, save_model: Callable[..., Path], beats: Beats
):
    model = read_model(save_model(hidden_size=4, filters_1=4, filters_2=4, filters_3=4, task="multilabel"))
    good = table(spark, beats)
    rows = good.union(spark.createDataFrame([(999, 0, None)], good.schema))
    *scored, bad = score(rows, model, "run").orderBy("id").collect()
    expected = Engine(model).probabilities(beats.series)
    assert 0 < (expected > 0.5).mean() < 1
    for row, probabilities in zip(scored, expected, strict=True):
        np.testing.assert_allclose(row["probability"], probabilities, atol=1e-6)
        assert row["prediction"] == [int(p > 0.5) for p in probabilities]
        assert row["predicted_class"] == [c for c, p in zip(CLASSES, probabilities, strict=True) if p > 0.5]
    assert (bad["prediction"], bad["predicted_class"], bad["error"]) == (None, None, "the beat is NULL")


def test_a_prediction_is_the_label_that_the_model_was_trained_on(spark: SparkSession, model: Model, beats: Beats):
    header = model.header.model_copy(update={"labels": [10, 20, 30, 40, 50]})
    relabelled = parse_model(serialize(model.network(), header), "here")
    one, other = (score(table(spark, beats), m, "run").orderBy("id").collect() for m in (model, relabelled))
    assert [row["prediction"] for row in other] == [10 * row["prediction"] + 10 for row in one]


def test_int8_gives_the_labels_of_float32(spark: SparkSession, model: Model, beats: Beats):
    calibrated = calibrate(model, beats.series)
    rough, exact = (
        score(table(spark, beats), calibrated, precision=precision).toPandas().sort_values("id")
        for precision in ("int8", "float32")
    )
    assert rough["prediction"].tolist() == exact["prediction"].tolist()
    assert 0 < abs(np.stack(rough["probability"]) - np.stack(exact["probability"])).max() < 0.01


def test_int8_with_a_model_that_is_not_calibrated_is_refused_at_once(spark: SparkSession, model: Model, beats: Beats):
    with pytest.raises(ModelError, match="not calibrated for int8"):
        score(table(spark, beats), model, precision="int8")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_that_an_executor_lacks_is_one_line(spark: SparkSession, model: Model, beats: Beats, tmp_path: Path):
    with pytest.raises(SettingsError) as raised, own_errors_of_tasks():
        score(table(spark, beats), model, device="cuda").write.parquet(str(tmp_path / "scored"))
    assert str(raised.value) == "--device cuda: torch finds no CUDA device here; use --device cpu"

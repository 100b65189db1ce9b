import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs import evaluate, prepare, score
from lstm_fcn.context.form import CONTEXT_FORM, CONTEXT_LENGTH, WINDOW
from lstm_fcn.errors import DataError
from lstm_fcn.inference.engine import Engine
from lstm_fcn.model.file import Model, write_model
from lstm_fcn.spark import register
from lstm_fcn.spark import score as score_table
from tests.models import context_model


@pytest.fixture(scope="module")
def model() -> Model:
    return context_model()


@pytest.fixture(scope="module")
def model_file(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("model") / "contexts.safetensors"
    write_model(path, model.any_network(), model.header)
    return path


@pytest.fixture(scope="module")
def prepared(spark: SparkSession, records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("prepared") / "beats"
    prepare.main(["--records", str(records), "--output", str(path), "--test-records", "s03"])
    return path


def test_prepared_beats_have_the_contexts_of_their_record(prepared: Path):
    rows = pd.read_parquet(prepared)
    contexts = np.stack(rows[CONTEXT_FORM])
    assert contexts.shape == (len(rows), CONTEXT_LENGTH)
    assert np.isfinite(contexts).all()
    for _, of_record in rows.groupby("record"):
        templates = np.stack(of_record[CONTEXT_FORM])[:, WINDOW : 2 * WINDOW]
        assert (templates == templates[0]).all()
    assert rows.groupby("record")[CONTEXT_FORM].first().map(tuple).nunique() == 3


def test_records_without_annotations_have_contexts_too(spark: SparkSession, records: Path, tmp_path: Path):
    prepare.main(["--records", str(records), "--output", str(tmp_path / "beats"), "--detect"])
    assert spark.read.parquet(str(tmp_path / "beats")).where(f"size({CONTEXT_FORM}) = {CONTEXT_LENGTH}").count() > 60


@pytest.mark.both_sparks
def test_the_model_says_which_column_is_scored_and_neither_series_nor_context_is_carried(
    spark: SparkSession, prepared: Path, model: Model
):
    beats = spark.read.parquet(str(prepared))
    scored = score_table(beats, model)
    assert not {"beat", CONTEXT_FORM} & set(scored.columns)
    rows = scored.toPandas().sort_values(["record", "sample"])
    contexts = np.stack(beats.toPandas().sort_values(["record", "sample"])[CONTEXT_FORM]).astype(np.float32)
    np.testing.assert_allclose(np.stack(rows["probability"]), Engine(model).probabilities(contexts), atol=1e-5)
    assert rows["error"].isna().all()
    assert rows["beat_length"].isna().all()


def test_a_model_of_series_does_not_carry_the_contexts(
    spark: SparkSession, prepared: Path, save_model: Callable[..., Path]
):
    scored = score_table(spark.read.parquet(str(prepared)), str(save_model(hidden_size=4, filters_1=4, filters_2=4)))
    assert CONTEXT_FORM not in scored.columns


def test_the_sql_function_takes_contexts(spark: SparkSession, prepared: Path, model: Model):
    register(spark, model, "of_contexts")
    spark.read.parquet(str(prepared)).createOrReplaceTempView("with_contexts")
    rows = spark.sql("SELECT of_contexts(context_1).error AS error FROM with_contexts").toPandas()
    assert rows["error"].isna().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda beats: beats.drop(CONTEXT_FORM), "has no contexts: the model contexts takes the column context_1"),
        (
            lambda beats: beats.withColumnRenamed(CONTEXT_FORM, "context_0"),
            "has context_0, of another version: the model contexts takes the column context_1. Prepare the records",
        ),
        (lambda beats: beats.withColumn(CONTEXT_FORM, F.lit("x")), "expected column 'context_1' to be array"),
    ],
    ids=["none", "other version", "other type"],
)
def test_tables_without_these_contexts_are_refused(
    spark: SparkSession, prepared: Path, model: Model, change: Callable, message: str
):
    with pytest.raises(DataError, match=message):
        score_table(change(spark.read.parquet(str(prepared))), model)


@pytest.mark.both_sparks
def test_contexts_that_cannot_be_scored_are_rows_with_a_reason(spark: SparkSession, model: Model):
    good = np.random.default_rng(0).normal(size=CONTEXT_LENGTH)
    missing, flat = good.copy(), good.copy()
    missing[20], flat[:WINDOW] = np.nan, 0
    rows = [(0, good.tolist()), (1, missing.tolist()), (2, flat.tolist()), (3, None), (4, good.tolist()[:-1])]
    table = spark.createDataFrame(rows, f"id int, {CONTEXT_FORM} array<double>")
    errors = score_table(table, model).toPandas().set_index("id")["error"].to_dict()
    assert errors == {
        0: None,
        1: "the beat holds NULL, NaN or infinity",
        2: "the beat is a flat line",
        3: "the beat is NULL",
        4: "expected 308 values, found 307",
    }


def test_the_job_scores_and_evaluates_a_model_of_contexts(prepared: Path, model_file: Path, tmp_path: Path):
    scored = tmp_path / "scored"
    score.main(["--beats", str(prepared), "--model", str(model_file), "--output", str(scored)])
    (run,) = (scored / "runs").glob("*.json")
    manifest = json.loads(run.read_text())
    assert manifest["counts"]["scored"] == manifest["counts"]["rows"] > 60
    assert manifest["settings"]["beat"] == CONTEXT_FORM
    report = ["--predictions", str(scored), "--model", str(model_file), "--beats", str(prepared), "--draws", "100"]
    evaluate.main([*report, "--output", str(tmp_path / "report")])
    page = (tmp_path / "report" / "report.html").read_text()
    assert "308 values of context_1" in page


def test_a_prefix_is_refused_for_a_model_of_contexts(prepared: Path, model_file: Path, tmp_path: Path):
    with pytest.raises(DataError, match="takes the column context_1, and no --beat-prefix"):
        score.main(
            [
                *("--beats", str(prepared), "--model", str(model_file)),
                *("--output", str(tmp_path / "scored"), "--beat-prefix", "x"),
            ]
        )

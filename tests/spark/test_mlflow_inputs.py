"""The MLflow model takes series in every form that people hand them over in."""

from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from pyspark.sql import SparkSession

from lstm_fcn.data.beats import BEAT_LENGTH, Beats
from lstm_fcn.inference.engine import Engine
from lstm_fcn.inference.mlflow_export import save_model
from lstm_fcn.model.file import Model


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, model: Model) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        path = tmp_path_factory.mktemp("saved") / "model"
        save_model(model, path)
        yield str(path)


def test_series_of_any_form_are_scored(saved: str, model: Model, beats: Beats):
    loaded, x = mlflow.pyfunc.load_model(saved), beats.series
    expected = Engine(model).probabilities(x)
    lists = x.tolist()
    names = [f"x_{i + 1}" for i in range(BEAT_LENGTH)]
    forms = {
        "float32": x,
        "float64": x.astype(np.float64),
        "one channel": x[:, None, :],
        "lists": lists,
        "dict of arrays": {"beat": x.astype(np.float64)},
        "dict of lists": {"beat": lists},
        "records": [{"beat": row} for row in lists],
        "a column of arrays": pd.DataFrame({"record": "a", "beat": list(x)}),
        "a column of lists": pd.DataFrame({"beat": lists}),
        "one column a value": pd.DataFrame(x.astype(np.float64), columns=names),
        "a column of another name": pd.DataFrame({"0": lists}),
    }
    for name, form in forms.items():
        np.testing.assert_allclose(loaded.predict(form), expected, rtol=0, atol=1e-6, err_msg=name)
    for single in (x[0], lists[0]):
        np.testing.assert_allclose(loaded.predict(single), expected[:1], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("form", "found"),
    [
        (np.zeros((3, 100)), r"\(3, 100\) does not match expected shape \(-1, 187\)"),
        (np.zeros((3, 2, BEAT_LENGTH)), r"\(3, 2, 187\) does not match expected shape"),
        (pd.DataFrame(np.zeros((3, 188))), "found DataFrame: 188 columns"),
        ({"x": np.zeros((3, BEAT_LENGTH))}, "found dict: the names x"),
        ([["a"] * BEAT_LENGTH], "expected series of 187 numbers"),
        (np.ma.masked_less(np.linspace(0, 1, BEAT_LENGTH)[None], 0.1), "1 x the beat holds NULL, NaN or infinity"),
        ([[0.5] * 100], "1 x expected 187 values, found 100"),
    ],
)
def test_what_is_no_series_is_refused_with_what_was_found(saved: str, form: object, found: str):
    with pytest.raises(MlflowException, match=found):
        mlflow.pyfunc.load_model(saved).predict(form)


def test_spark_takes_arrays_of_doubles(spark: SparkSession, saved: str, model: Model, beats: Beats, tmp_path: Path):
    rows = pd.DataFrame({"id": range(len(beats)), "beat": beats.series.tolist()})
    table = spark.createDataFrame(rows, "id int, beat array<double>")
    scored = table.select("id", mlflow.pyfunc.spark_udf(spark, saved, env_manager="local")("beat").alias("p"))
    found = scored.toPandas().sort_values("id")
    np.testing.assert_allclose(np.stack(found["p"]), Engine(model).probabilities(beats.series), rtol=0, atol=1e-5)

"""A model in MLflow: logged to a store of files, scored by pyfunc, Spark and MLflow's server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from numpy.typing import NDArray
from pyspark.sql import SparkSession

from lstm_fcn.data.beats import Beats
from lstm_fcn.errors import SettingsError, StorageError
from lstm_fcn.inference.engine import Engine
from lstm_fcn.inference.mlflow_export import log_model, save_model
from lstm_fcn.model.file import Model, parse_model, read_model, serialize
from tests.beat_tables import series_of
from tests.models import SMALL, make_network, model_of
from tests.processes import Started, environment, free_port


@pytest.fixture(scope="module", autouse=True)
def settings_of_mlflow() -> Iterator[None]:
    """Let MLflow write to a folder, which it does unwillingly, and let it report to nobody."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        yield


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory, model: Model) -> str:
    """A model that was logged and registered."""
    return log_model(model, str(tmp_path_factory.mktemp("store") / "mlruns"), "ecg")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, model: Model) -> Path:
    path = tmp_path_factory.mktemp("saved") / "new" / "model"
    save_model(model, path)
    return path


@pytest.fixture(scope="module")
def expected(model: Model, beats: Beats) -> NDArray[np.float32]:
    return Engine(model).probabilities(beats.series)


def test_a_registered_model_gives_the_engines_probabilities(uri: str, beats: Beats, expected: NDArray[np.float32]):
    assert uri == "models:/ecg/1"
    loaded = mlflow.pyfunc.load_model(uri)
    column = pd.DataFrame({"record": "100", "beat": list(beats.series)})
    for form in (beats.series, {"beat": beats.series}, column):
        np.testing.assert_allclose(loaded.predict(form), expected, rtol=0, atol=1e-6)


def test_the_run_holds_hyperparameters_and_metrics_and_the_model_its_classes(uri: str, model: Model):
    info = mlflow.models.get_model_info(uri)
    assert info.metadata["sha256"] == model.sha256
    assert info.metadata["classes"] == ["N", "S", "V", "F", "Q"]
    assert info.metadata["input"].startswith("series of 187 numbers each: an array (n, 187) or ")
    run = mlflow.get_run(info.run_id)
    assert run.data.metrics == model.header.metrics
    assert (run.data.params["filters_2"], run.data.params["lr"]) == ("16", "0.01")


def test_logged_again_it_is_the_next_version(uri: str, model: Model):
    store = mlflow.get_tracking_uri()
    assert log_model(model, store, "ecg") == "models:/ecg/2"
    assert log_model(model, store).startswith("models:/m-")


def test_spark_scores_a_column_of_arrays(
    spark: SparkSession, uri: str, beats: Beats, expected: NDArray[np.float32], tmp_path: Path
):
    rows = pd.DataFrame({"id": range(len(beats)), "beat": beats.series.tolist()})
    table = spark.createDataFrame(rows, "id int, beat array<float>").repartition(2)
    probability = mlflow.pyfunc.spark_udf(spark, uri, env_manager="local")
    scored = table.select("id", probability("beat").alias("probability"))
    assert dict(scored.dtypes) == {"id": "int", "probability": "array<float>"}
    scored.write.parquet(str(tmp_path / "scored"))
    found = pd.read_parquet(tmp_path / "scored").sort_values("id")
    np.testing.assert_allclose(np.stack(found["probability"]), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.nan, "1 x the beat holds NULL, NaN or infinity"),
        (100, r"1 x values outside those of training \(\S+ to \S+\)"),
    ],
)
def test_a_beat_that_cannot_be_scored_is_refused_with_the_reason(uri: str, beats: Beats, value: float, reason: str):
    series = beats.series[:3].copy()
    series[1, 5] = value
    with pytest.raises(MlflowException, match=f"beats that cannot be scored: {reason}. Leave them out"):
        mlflow.pyfunc.load_model(uri).predict(series)


def test_series_of_another_length_are_refused(uri: str, beats: Beats):
    with pytest.raises(MlflowException, match=r"\(3, 100\) does not match expected shape \(-1, 187\)"):
        mlflow.pyfunc.load_model(uri).predict(beats.series[:3, :100])


def test_threads_share_a_loaded_model(folder: Path, beats: Beats, expected: NDArray[np.float32]):
    loaded = mlflow.pyfunc.load_model(str(folder))
    parts = [slice(i, i + 40) for i in range(0, 160, 4)] * 3
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda rows: loaded.predict(beats.series[rows]), parts))
    for rows, probabilities in zip(parts, found, strict=True):
        np.testing.assert_allclose(probabilities, expected[rows], rtol=0, atol=1e-5)


def test_several_labels_a_series_go_the_same_way(tmp_path: Path):
    model, series = model_of(make_network(**SMALL, task="multilabel", classes=3, length=60)), series_of([60] * 5, 60)
    data = model.header.training_data.model_copy(update={"lowest": None, "highest": None})
    header = model.header.model_copy(update={"training_data": data})
    save_model(parse_model(serialize(model.network(), header), "m"), tmp_path / "m")
    found = mlflow.pyfunc.load_model(str(tmp_path / "m")).predict(series)
    np.testing.assert_allclose(found, Engine(model).probabilities(series), rtol=0, atol=1e-6)


def test_the_folder_holds_the_model_file_and_no_pickle(folder: Path, model: Model):
    assert read_model(folder / "data" / "model.safetensors").content == model.content
    assert list(folder.parent.iterdir()) == [folder]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix in (".pkl", ".pickle", ".pyc")]
    assert not [path for path in files if path.suffix != ".safetensors" and path.read_bytes()[:1] == b"\x80"]
    required = [line.split("==") for line in (folder / "requirements.txt").read_text().split()]
    assert {name for name, _ in required} >= {"mlflow-skinny", "torch"}
    assert not [version for _, version in required if "+" in version]


def test_another_process_loads_it_with_the_code_it_holds(
    folder: Path, beats: Beats, expected: NDArray[np.float32], tmp_path: Path
):
    np.save(tmp_path / "beats.npy", beats.series)
    code = (
        "import sys, mlflow, numpy as np\n"
        "loaded = mlflow.pyfunc.load_model(sys.argv[1])\n"
        "np.save('found.npy', loaded.predict(np.load('beats.npy')))\n"
        "import lstm_fcn; print(lstm_fcn.__file__)"
    )
    environment = {**os.environ, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(folder / "code" / "lstm_fcn" / "__init__.py")
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), expected, rtol=0, atol=1e-6)


def ask(port: int, path: str, body: object = None) -> tuple[int, str]:
    """Send a body as JSON, or just get the path; give the answer's status and text."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST" if body else "GET", path, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


@pytest.fixture
def server(folder: Path, tmp_path: Path) -> Iterator[int]:
    """The port of MLflow's own server, started by `mlflow models serve`."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # MLflow looks for uvicorn there
    arguments = ["--model-uri", str(folder), "--port", str(port)]
    process = Started(*command, *arguments, cwd=tmp_path, env=environment(PATH=path))
    try:
        process.wait_until(lambda: answers(port))
        yield port
    finally:
        process.stop()


def answers(port: int) -> bool:
    try:
        return bool(ask(port, "/ping"))
    except ConnectionError:
        return False


def test_the_server_takes_json(server: int, folder: Path, beats: Beats, expected: NDArray[np.float32]):
    two = beats.series[:2].tolist()
    records, split = [{"beat": beat} for beat in two], {"columns": ["beat"], "data": [[beat] for beat in two]}
    for form in ({"inputs": two}, {"instances": two}, {"dataframe_records": records}, {"dataframe_split": split}):
        _, text = ask(server, "/invocations", form)
        np.testing.assert_allclose(json.loads(text)["predictions"], expected[:2], rtol=0, atol=1e-5)
    example = json.loads((folder / "serving_input_example.json").read_text())
    assert ask(server, "/invocations", example)[0] == 200
    status, text = ask(server, "/invocations", {"inputs": [[0.5] * 187]})
    assert (status, "1 x the beat is a flat line" in text) == (400, True)


def test_nothing_that_is_there_is_written_over(model: Model, tmp_path: Path):
    (tmp_path / "m").mkdir()
    with pytest.raises(SettingsError, match=r"expected nothing at .*/m yet; name another folder, or remove it"):
        save_model(model, tmp_path / "m")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match=r"cannot write the MLflow model .*/file/m"):
        save_model(model, tmp_path / "file" / "m")


def test_a_store_that_mlflow_refuses_is_one_line(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE")
    with pytest.raises(StorageError, match=r"^cannot log the model to .*: .*MLFLOW_ALLOW_FILE_STORE=true.*$"):
        log_model(model, str(tmp_path / "other"))
    assert not (tmp_path / "other").exists()

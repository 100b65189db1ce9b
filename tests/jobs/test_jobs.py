"""The jobs as their users start them: as processes, with exit codes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from jobs import score
from lstm_fcn.errors import DataError

ROOT = Path(__file__).parents[2]
SPARK_SUBMIT = Path(sys.executable).with_name("spark-submit")


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYSPARK", "SPARK"))}
    return subprocess.run(
        [str(part) for part in command], env={**inherited, **environment}, capture_output=True, text=True, check=False
    )


def job(name: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, ROOT / "jobs" / f"{name}.py", *arguments, **environment)


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder, with a space in its name, in which the whole way was gone: records, beats, model, predictions."""
    folder = tmp_path_factory.mktemp("the whole way")
    steps = [
        job("simulate", "--output", folder / "records", "--records", "3", "--seconds", "120"),
        job("prepare", "--records", folder / "records", "--output", folder / "beats", "--test-records", "s03"),
        job(
            "train",
            *("--beats", folder / "beats", "--model", folder / "m.safetensors"),
            *("--epochs", "2", "--batch-size", "8", "--filters-2", "16"),
        ),
        job(
            "score",
            *("--beats", folder / "beats", "--where", "split = 'test'", "--pictures", folder / "pictures"),
            *("--model", folder / "m.safetensors", "--output", folder / "scored"),
        ),
    ]
    for step in steps:
        assert step.returncode == 0, step.stderr
    (folder / "printed.txt").write_text(steps[-1].stdout)
    return folder


def test_every_test_beat_gets_a_prediction(way: Path):
    beats = pd.read_parquet(way / "beats").query("split == 'test'")
    predictions = pd.read_parquet(way / "scored" / "predictions")
    keys = ["record", "sample"]
    pd.testing.assert_frame_equal(
        predictions[keys].sort_values(keys, ignore_index=True), beats[keys].sort_values(keys, ignore_index=True)
    )
    assert predictions["prediction"].notna().all()
    assert len(set(predictions["run_id"])) == 1


def test_the_metrics_are_those_of_the_predictions_that_were_written(way: Path):
    predictions = pd.read_parquet(way / "scored" / "predictions")
    metrics = pd.read_parquet(way / "scored" / "metrics")
    accuracy = metrics.query("metric == 'accuracy'").iloc[0]
    assert accuracy["value"] == pytest.approx((predictions["prediction"] == predictions["label"]).mean())
    assert accuracy["support"] == len(predictions)
    assert f"accuracy                {accuracy['value']:.4f}" in (way / "printed.txt").read_text()


def test_the_pictures_are_there(way: Path):
    assert {file.name for file in (way / "pictures").iterdir()} == {"confusion.png"}
    kept = {"history.jsonl", "beats.png", "classes.png", "training.png", "confusion.png"}
    assert {file.name for file in (way / "m.run").iterdir()} == kept


def test_the_predictions_are_judged_with_a_report_that_shows_them(way: Path, tmp_path: Path):
    done = job(
        "evaluate",
        *("--predictions", way / "scored", "--output", tmp_path / "report", "--draws", "100"),
        *("--model", way / "m.safetensors", "--beats", way / "beats", "--records", way / "records"),
    )
    assert done.returncode == 0, done.stderr
    predictions = pd.read_parquet(way / "scored" / "predictions")
    accuracy = (predictions["prediction"] == predictions["label"]).mean()
    assert ["accuracy", f"{accuracy:.3f}"] in [line.split()[:2] for line in done.stdout.splitlines()]
    report = (tmp_path / "report" / "report.html").read_text()
    assert "Wrong, and sure of it" in report
    assert "The amplitude is scaled" not in report  # it is in mV, from the records
    metrics = pd.read_parquet(tmp_path / "report" / "metrics")
    assert metrics.query("metric == 'accuracy' and group_by.isna()")["value"].item() == pytest.approx(accuracy)


def test_what_cannot_be_judged_exits_with_3(way: Path, tmp_path: Path):
    done = job("evaluate", "--predictions", way / "beats", "--output", tmp_path / "report")
    assert done.returncode == 3
    assert "has no column 'prediction'; found: record, sample" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "report").exists()


def test_spark_submit_scores_the_same(way: Path, tmp_path: Path):
    import pyspark

    done = run(
        *(SPARK_SUBMIT, "--master", "local[1]", ROOT / "jobs" / "score.py"),
        *("--beats", way / "beats", "--where", "split = 'test'"),
        *("--model", way / "m.safetensors", "--output", tmp_path / "scored"),
        PYSPARK_PYTHON=sys.executable,
        SPARK_HOME=str(Path(pyspark.__file__).parent),  # which Spark's script does not find below a path with a space
    )
    assert done.returncode == 0, done.stderr
    assert (way / "printed.txt").read_text() in done.stdout  # which spark-submit mixes with the log


def test_spark_connect_scores_the_same(way: Path, tmp_path: Path):
    import pyspark

    if pyspark.__version__.startswith("3."):
        pytest.skip("pyspark 3.5 does not ship the Spark Connect server")
    done = job(
        "score",
        *("--beats", way / "beats", "--where", "split = 'test'"),
        *("--model", way / "m.safetensors", "--output", tmp_path / "scored"),
        SPARK_REMOTE="local[1]",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == (way / "printed.txt").read_text()


def test_a_condition_that_does_not_fit_exits_with_2_under_spark_connect_too(way: Path, tmp_path: Path):
    import pyspark

    if pyspark.__version__.startswith("3."):
        pytest.skip("pyspark 3.5 does not ship the Spark Connect server")
    done = job(
        *("score", "--beats", way / "beats", "--where", "nothing = 1"),
        *("--model", way / "m.safetensors", "--output", tmp_path / "scored"),
        SPARK_REMOTE="local[1]",
    )
    assert done.returncode == 2
    assert "error: --where 'nothing = 1' does not fit the table" in done.stderr


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("split", "expected column 'split' to be tinyint or smallint or int or bigint, found string"),
        ("labels", "has no column 'labels'; found: record, sample, symbol, label"),
    ],
)
def test_a_label_that_does_not_fit_exits_with_3_before_any_scoring(
    spark: SparkSession, way: Path, tmp_path: Path, label: str, message: str
):
    arguments = ["--beats", way / "beats", "--model", way / "m.safetensors", "--output", tmp_path / "o"]
    with pytest.raises(DataError, match=message):
        score.main([*map(str, arguments), "--label", label])
    assert not (tmp_path / "o").exists()


def test_a_table_without_labels_is_scored_without_metrics(
    spark: SparkSession, way: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    spark.read.parquet(str(way / "beats")).select("beat").limit(3).write.parquet(str(tmp_path / "beats"))
    with caplog.at_level("WARNING"):
        arguments = ["--beats", tmp_path / "beats", "--model", way / "m.safetensors", "--output", tmp_path / "o"]
        score.main([str(argument) for argument in arguments])
    assert "no column 'label'" in caplog.text
    assert len(pd.read_parquet(tmp_path / "o" / "predictions")) == 3
    assert "accuracy" not in set(pd.read_parquet(tmp_path / "o" / "metrics")["metric"])


def test_an_extra_that_is_missing_is_named(tmp_path: Path):
    (tmp_path / "wfdb.py").write_text("raise ModuleNotFoundError(\"No module named 'wfdb'\", name='wfdb')")
    done = job("simulate", "--output", tmp_path / "records", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == "error: this needs wfdb, which is not installed: pip install 'lstm-fcn[records]'\n"


def test_a_calibrated_model_scores_in_int8_with_the_labels_of_float32(way: Path, tmp_path: Path):
    calibrated = Path(shutil.copy(way / "m.safetensors", tmp_path / "m.safetensors"))
    arguments = ("--beats", way / "beats", "--where", "split = 'test'", "--precision", "int8")
    refused = job("score", *arguments, "--model", way / "m.safetensors", "--output", tmp_path / "no")
    assert refused.returncode == 4
    assert refused.stderr.splitlines()[-1] == (
        "error: the model 'm' is not calibrated for int8; do it with: "
        "python jobs/calibrate.py --model FILE --beats BEATS --output FILE"
    )
    done = job("calibrate", "--model", calibrated, "--beats", way / "beats", "--output", calibrated)
    assert done.returncode == 0, done.stderr
    done = job("score", *arguments, "--model", calibrated, "--output", tmp_path / "scored")
    assert done.returncode == 0, done.stderr
    keys = ["record", "sample"]
    rough, exact = (
        pd.read_parquet(path / "predictions").sort_values(keys, ignore_index=True)
        for path in (tmp_path / "scored", way / "scored")
    )
    pd.testing.assert_series_equal(rough["prediction"], exact["prediction"])
    assert 0 < abs(np.stack(rough["probability"]) - np.stack(exact["probability"])).max() < 0.1


def test_beats_of_another_length_do_not_calibrate(way: Path, tmp_path: Path):
    (tmp_path / "short.csv").write_text("0.1,0.5,0\n0.2,0.4,1\n")
    done = job("calibrate", "--model", "mitbih", "--beats", tmp_path / "short.csv", "--output", tmp_path / "m")
    assert done.returncode == 4
    assert done.stderr == "error: model mitbih takes series of 187 values, found 2\n"


def test_a_second_run_replaces_the_first(way: Path, tmp_path: Path):
    scored = Path(shutil.copytree(way / "scored", tmp_path / "scored"))
    done = job("score", *("--beats", way / "beats", "--model", way / "m.safetensors", "--output", scored))
    assert done.returncode == 0, done.stderr
    assert len(pd.read_parquet(scored / "predictions")) == len(pd.read_parquet(way / "beats"))
    assert len(list((scored / "runs").iterdir())) == 2


def test_a_setting_that_is_wrong_exits_with_2_before_spark_starts():
    done = job("score", "--beats", "b", "--model", "m", "--output", "o", "--batch-size", "0")
    assert done.returncode == 2
    assert done.stderr.startswith("error: --batch-size (beats the network takes at once): Input should be greater")
    assert len(done.stderr.splitlines()) == 1


def test_a_model_that_is_a_pickle_exits_with_4(way: Path, tmp_path: Path):
    import torch

    torch.save({"weights": 1}, tmp_path / "m.pt")
    done = job("score", "--beats", way / "beats", "--model", tmp_path / "m.pt", "--output", tmp_path / "scored")
    assert done.returncode == 4
    assert "m.pt is a pickle" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "scored").exists()


def test_a_broken_record_exits_with_3_and_leaves_no_table(way: Path, tmp_path: Path):
    records = Path(shutil.copytree(way / "records", tmp_path / "records"))
    (records / "s02.dat").write_bytes(b"short")
    done = job("prepare", "--records", records, "--output", tmp_path / "beats")
    assert done.returncode == 3
    assert "error: record s02: s02.dat is short: expected 129,600 bytes, found 5" in done.stderr.splitlines()
    assert not list((tmp_path / "beats").glob("*.parquet"))


def test_preparing_again_exits_with_3_and_replaces_where_it_is_told_to(way: Path, tmp_path: Path):
    given = ("--records", way / "records", "--output", tmp_path / "beats")
    assert job("prepare", *given).returncode == 0
    again = job("prepare", *given)
    assert again.returncode == 3
    assert again.stderr.splitlines()[-1].endswith(
        "beats is there already: remove it, write somewhere else, or --replace it"
    )
    assert job("prepare", *given, "--replace", "--test-records", "s01").returncode == 0
    assert set(pd.read_parquet(tmp_path / "beats").query("split == 'test'")["record"]) == {"s01"}


def test_training_on_what_is_no_table_exits_with_3(tmp_path: Path):
    done = job("train", "--beats", tmp_path / "none", "--model", tmp_path / "m.safetensors")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("error: no beat table at")

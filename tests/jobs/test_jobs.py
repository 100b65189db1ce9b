"""The whole way from records to a report as its user goes it, in processes; and what each job refuses."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pyspark.sql import SparkSession

from jobs import score
from lstm_fcn.data.beats import Beats
from lstm_fcn.errors import DataError
from tests.beat_tables import write_days
from tests.processes import ROOT, SPARK_HOME, JobHere, job, run

SPARK_SUBMIT = Path(sys.executable).with_name("spark-submit")


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
            *("--beats", folder / "beats", "--where", "split = 'test'"),
            *("--model", folder / "m.safetensors", "--output", folder / "scored"),
        ),
    ]
    for step in steps:
        assert step.returncode == 0, step.stderr
    (folder / "printed.txt").write_text(steps[-1].stdout)
    return folder


@pytest.mark.both_sparks
def test_every_test_beat_gets_a_prediction(way: Path):
    beats = pd.read_parquet(way / "beats").query("split == 'test'")
    predictions = pd.read_parquet(way / "scored" / "predictions")
    keys = ["record", "sample"]
    pd.testing.assert_frame_equal(
        predictions[keys].sort_values(keys, ignore_index=True), beats[keys].sort_values(keys, ignore_index=True)
    )
    assert predictions["prediction"].notna().all()
    assert len(set(predictions["run_id"])) == 1


@pytest.mark.both_sparks
def test_the_metrics_are_those_of_the_predictions_that_were_written(way: Path):
    predictions = pd.read_parquet(way / "scored" / "predictions")
    metrics = pd.read_parquet(way / "scored" / "metrics")
    accuracy = metrics.query("metric == 'accuracy'").iloc[0]
    assert accuracy["value"] == pytest.approx((predictions["prediction"] == predictions["label"]).mean())
    assert accuracy["support"] == len(predictions)
    assert f"accuracy                {accuracy['value']:.4f}" in (way / "printed.txt").read_text()


def test_the_pictures_of_the_training_are_there(way: Path):
    kept = {"history.jsonl", "beats.png", "classes.png", "training.png", "confusion.png"}
    assert {file.name for file in (way / "m.run").iterdir()} == kept


@pytest.mark.both_sparks
def test_the_predictions_are_evaluated_with_a_report_that_shows_them(way: Path, tmp_path: Path):
    done = job(
        "evaluate",
        *("--predictions", way / "scored", "--output", tmp_path / "report", "--draws", "100"),
        *("--model", way / "m.safetensors", "--beats", way / "beats", "--records", way / "records"),
    )
    assert done.returncode == 0, done.stderr
    predictions = pd.read_parquet(way / "scored" / "predictions")
    accuracy = (predictions["prediction"] == predictions["label"]).mean()
    assert ["accuracy", f"{accuracy:.4f}"] in [line.split()[:2] for line in done.stdout.splitlines()]
    report = (tmp_path / "report" / "report.html").read_text()
    assert "Wrong, and sure of it" in report
    assert "The amplitude is scaled" not in report  # it is in mV, from the records
    metrics = pd.read_parquet(tmp_path / "report" / "metrics")
    assert metrics.query("metric == 'accuracy' and group_by.isna()")["value"].item() == pytest.approx(accuracy)


def test_what_cannot_be_evaluated_exits_with_3(job_here: JobHere, way: Path, tmp_path: Path):
    done = job_here("evaluate", "--predictions", way / "beats", "--output", tmp_path / "report")
    assert done.returncode == 3
    assert "has no column 'prediction'; found: record, sample" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "report").exists()


def test_spark_submit_scores_the_same(way: Path, tmp_path: Path):
    done = run(
        *(SPARK_SUBMIT, "--master", "local[1]", ROOT / "jobs" / "score.py"),
        *("--beats", way / "beats", "--where", "split = 'test'"),
        *("--model", way / "m.safetensors", "--output", tmp_path / "scored"),
        PYSPARK_PYTHON=sys.executable,
        SPARK_HOME=str(SPARK_HOME),  # which Spark's script does not find below a path with a space
    )
    assert done.returncode == 0, done.stderr
    assert (way / "printed.txt").read_text() in done.stdout  # which spark-submit mixes with the log


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("split", "expected column 'split' to hold the numbers of classes"),
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


@pytest.mark.nightly
def test_paths_of_any_letters_are_read_and_written_in_a_locale_without_them(
    beats: Beats, model_file: Path, tmp_path: Path
):
    write_days(tmp_path / "Schläge", beats, {"2026-01-01": 3}, 3)
    done = job(
        *("score", "--beats", tmp_path / "Schläge", "--model", model_file, "--output", tmp_path / "größe"), LC_ALL="C"
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "größe" / "predictions").is_dir()


def test_an_extra_that_is_missing_is_named(tmp_path: Path):
    (tmp_path / "wfdb.py").write_text("raise ModuleNotFoundError(\"No module named 'wfdb'\", name='wfdb')")
    done = job("simulate", "--output", tmp_path / "records", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == "error: this needs wfdb, which is not installed here: pip install 'lstm-fcn[records]'\n"


def test_a_calibrated_model_scores_in_int8_with_the_labels_of_float32(job_here: JobHere, way: Path, tmp_path: Path):
    calibrated = Path(shutil.copy(way / "m.safetensors", tmp_path / "m.safetensors"))
    arguments = ("--beats", way / "beats", "--where", "split = 'test'", "--precision", "int8")
    refused = job_here("score", *arguments, "--model", way / "m.safetensors", "--output", tmp_path / "no")
    assert refused.returncode == 4
    assert refused.stderr.splitlines()[-1] == (
        "error: the model 'm' is not calibrated for int8; do it with: "
        "python jobs/calibrate.py --model FILE --beats BEATS --output FILE"
    )
    done = job_here("calibrate", "--model", calibrated, "--beats", way / "beats", "--output", calibrated)
    assert done.returncode == 0, done.stderr
    done = job_here("score", *arguments, "--model", calibrated, "--output", tmp_path / "scored")
    assert done.returncode == 0, done.stderr
    keys = ["record", "sample"]
    rough, exact = (
        pd.read_parquet(path / "predictions").sort_values(keys, ignore_index=True)
        for path in (tmp_path / "scored", way / "scored")
    )
    pd.testing.assert_series_equal(rough["prediction"], exact["prediction"])
    assert 0 < abs(np.stack(rough["probability"]) - np.stack(exact["probability"])).max() < 0.1


def test_beats_of_another_length_do_not_calibrate(job_here: JobHere, way: Path, tmp_path: Path):
    (tmp_path / "short.csv").write_text("0.1,0.5,0\n0.2,0.4,1\n")
    done = job_here("calibrate", "--model", "mitbih", "--beats", tmp_path / "short.csv", "--output", tmp_path / "m")
    assert done.returncode == 4
    assert done.stderr == "error: model mitbih takes series of 187 values, found 2\n"
    done = job_here("calibrate", "--model", "new-patients", "--beats", way / "beats", "--output", tmp_path / "m")
    assert done.returncode == 4
    assert "the model new-patients takes the contexts of beats" in done.stderr


def test_beats_of_another_scale_do_not_calibrate(job_here: JobHere, way: Path, tmp_path: Path):
    beats = pd.read_parquet(way / "beats")
    beats.assign(beat=[1000 * beat for beat in beats["beat"]]).to_parquet(tmp_path / "beats.parquet")
    given = ("--model", way / "m.safetensors", "--beats", tmp_path / "beats.parquet", "--output", tmp_path / "m")
    done = job_here("calibrate", *given)
    assert done.returncode == 3
    assert "are not such as the model m takes: values outside those of training" in done.stderr


def test_a_second_run_replaces_the_first(job_here: JobHere, way: Path, tmp_path: Path):
    scored = Path(shutil.copytree(way / "scored", tmp_path / "scored"))
    done = job_here("score", *("--beats", way / "beats", "--model", way / "m.safetensors", "--output", scored))
    assert done.returncode == 0, done.stderr
    assert len(pd.read_parquet(scored / "predictions")) == len(pd.read_parquet(way / "beats"))
    assert len(list((scored / "runs").iterdir())) == 2


def test_a_setting_that_is_wrong_exits_with_2_before_spark_starts():
    done = job("score", "--beats", "b", "--model", "m", "--output", "o", "--batch-size", "0")
    assert done.returncode == 2
    assert done.stderr.startswith("error: --batch-size (beats the network takes at once): Input should be greater")
    assert len(done.stderr.splitlines()) == 1


def test_a_model_that_is_a_pickle_exits_with_4(job_here: JobHere, way: Path, tmp_path: Path):
    torch.save({"weights": 1}, tmp_path / "m.pt")
    done = job_here("score", "--beats", way / "beats", "--model", tmp_path / "m.pt", "--output", tmp_path / "scored")
    assert done.returncode == 4
    assert "m.pt is a pickle" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "scored").exists()


def test_a_broken_record_exits_with_3_and_leaves_no_table(job_here: JobHere, way: Path, tmp_path: Path):
    records = Path(shutil.copytree(way / "records", tmp_path / "records"))
    (records / "s02.dat").write_bytes(b"short")
    done = job_here("prepare", "--records", records, "--output", tmp_path / "beats")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-2:] == [
        "error: records that cannot be read: 1, more than --max-failed-records 0 allows; nothing was written:",
        "  s02: s02.dat is short: expected 129,600 bytes, found 5",
    ]
    assert not list((tmp_path / "beats").glob("*.parquet"))


def test_preparing_again_exits_with_3_and_replaces_where_it_is_asked_to(job_here: JobHere, way: Path, tmp_path: Path):
    given = ("--records", way / "records", "--output", tmp_path / "beats")
    assert job_here("prepare", *given).returncode == 0
    again = job_here("prepare", *given)
    assert again.returncode == 3
    assert again.stderr.splitlines()[-1].endswith(
        "beats is there already: remove it, write somewhere else, or --replace it"
    )
    assert job_here("prepare", *given, "--replace", "--test-records", "s01").returncode == 0
    assert set(pd.read_parquet(tmp_path / "beats").query("split == 'test'")["record"]) == {"s01"}


def test_training_on_what_is_no_table_exits_with_3(tmp_path: Path):
    done = job("train", "--beats", tmp_path / "none", "--model", tmp_path / "m.safetensors")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("error: no beat table at")

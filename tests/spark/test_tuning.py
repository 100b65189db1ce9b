"""The tuning job on a Spark of two cores, on beats whose test rows cannot be read."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from pyspark.sql import SparkSession

from jobs import tune
from lstm_fcn.data.beats import read_beats
from lstm_fcn.data.labels import CLASSES
from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.inference.engine import Engine
from lstm_fcn.model.file import read_model
from lstm_fcn.settings.sources import load_settings
from lstm_fcn.settings.tune import TuneSettings
from lstm_fcn.spark.tuning import spark_tasks
from lstm_fcn.training.sampling import hold_out
from lstm_fcn.training.validation import macro_f1
from tests.beat_tables import noisy, write_beats_to_train_on
from tests.searches import SMALL, tuned

CONF = Path(__file__).parents[2] / "conf" / "tune.yaml"
HALVING = ("--search", "halving", "--max-jobs", "8", "--epochs", "6")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_beats_to_train_on(noisy(20, seed=0), tmp_path_factory.mktemp("tuning") / "beats")


@pytest.fixture(scope="module")
def halved(spark: SparkSession, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("halving") / "o"
    tuned(table, output, *HALVING)
    return output


@pytest.mark.parametrize(
    "arguments",
    [
        ("--max-jobs", "4", "--epochs", "3", "--validation-by", "record"),
        pytest.param(HALVING, marks=pytest.mark.nightly),
    ],
)
def test_the_same_seed_gives_the_same_result_whatever_the_parallelism(
    spark: SparkSession, table: Path, tmp_path: Path, arguments: tuple[str, ...]
):
    one = tuned(table, tmp_path / "one", *arguments, "--max-parallel-jobs", "1")
    two = tuned(table, tmp_path / "two", *arguments, "--max-parallel-jobs", "2")
    pd.testing.assert_frame_equal(one.drop(columns="seconds"), two.drop(columns="seconds"))
    bests = [(tmp_path / name / "best.safetensors").read_bytes() for name in ("one", "two")]
    assert bests[0] == bests[1]
    assert one["lr"].nunique() >= 4
    other = tuned(table, tmp_path / "other", "--max-jobs", "1", "--epochs", "1", "--seed", "1")
    assert not set(other["lr"]) & set(one["lr"])


def test_halving_drops_all_but_the_best_third_and_gives_them_three_times_the_epochs(halved: Path):
    trials = pd.read_parquet(halved / "trials")
    first, second = (trials[trials["rung"] == rung] for rung in (0, 1))
    assert (len(first), len(second)) == (6, 2)
    assert set(first["epochs"]) == {2}
    assert set(second["epochs"]) == {6}
    kept = first.sort_values("macro_f1").tail(2)
    assert set(second["lr"]) == set(kept["lr"])
    (best,) = trials.index[trials["best"]]
    assert best == second["macro_f1"].idxmax()


def test_a_fold_is_held_out_that_is_the_same_for_every_seed(spark: SparkSession, table: Path, tmp_path: Path):
    fitted, _ = hold_out(read_beats(str(table), "split", "train"), 0.25, "beat", seed=0, fold=2)
    for seed in ("0", "1"):
        output = tmp_path / seed
        fold = ("--validation-share", "0.25", "--validation-fold", "2", "--seed", seed)
        tuned(table, output, "--max-jobs", "1", "--epochs", "1", *fold)
        data = read_model(output / "best.safetensors").header.training_data
        assert data.fingerprint == read_beats(str(table), "split", "train").take(fitted).fingerprint()


def test_the_best_model_scores_as_its_row_says(halved: Path, table: Path):
    (row,) = pd.read_parquet(halved / "trials").query("best").itertuples()
    model = read_model(halved / "best.safetensors")
    beats = read_beats(str(table), "split", "train")
    fitted, held_out = hold_out(beats, 0.2, "beat", seed=0)
    predicted = Engine(model).probabilities(beats.series[held_out]).argmax(axis=1)
    assert macro_f1(beats.labels[held_out], predicted) == pytest.approx(row.macro_f1)
    assert np.mean(beats.labels[held_out] == predicted) == pytest.approx(row.accuracy)
    header = model.header
    assert header.training_data.fingerprint == beats.take(fitted).fingerprint()
    assert (header.training_data.source, header.training_data.rows) == (str(table), "split=train")
    assert header.training_data.known_records == [f"r{i}" for i in range(10)]
    assert (header.classes, header.optimization.validation_share) == (list(CLASSES), 0.2)
    assert (header.network.hidden_size, header.optimization.lr) == (row.hidden_size, row.lr)


def test_the_same_command_again_fits_nothing(
    spark: SparkSession, halved: Path, table: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("lstm_fcn.model.provenance.versions", lambda: {"torch": "another"})  # which has fitted nothing
    before = {file: file.stat().st_mtime_ns for file in (halved / "state").iterdir()}
    best = (halved / "best.safetensors").read_bytes()
    with caplog.at_level("INFO"):
        tuned(table, halved, *HALVING)
    assert "stage=search trials=8 fitted_now=0" in caplog.text
    assert {file: file.stat().st_mtime_ns for file in (halved / "state").iterdir()} == before
    assert (halved / "best.safetensors").read_bytes() == best


def test_what_is_drawn_twice_is_fitted_once(
    spark: SparkSession, table: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    space = json.dumps({"num_layers": {"low": 1, "high": 2}})
    arguments = ["--beats", str(table), "--output", str(tmp_path), "--space", space, *SMALL, "--hidden-size", "4"]
    with caplog.at_level("INFO"):
        weights = ("--class-weights", "V=5,N=0.5")
        tune.main([*arguments, "--epochs", "1", "--max-jobs", "7", "--max-parallel-jobs", "4", *weights])
    assert "stage=search trials=7 fitted_now=2" in caplog.text
    trials = pd.read_parquet(tmp_path / "trials")
    assert trials.groupby("num_layers")["macro_f1"].nunique().tolist() == [1, 1]
    assert read_model(tmp_path / "best.safetensors").header.optimization.class_weights == {"V": 5, "N": 0.5}
    with pytest.raises(SettingsError, match="class_weights: no class normal; the classes are N, S, V, F, Q"):
        tune.main([*arguments, "--class-weights", "normal=2"])


def test_a_label_left_in_the_beats_is_refused_before_any_trial(spark: SparkSession, tmp_path: Path):
    beats = noisy(20, seed=0)
    beats.series[:, 100] = beats.labels
    with pytest.raises(DataError, match=r"'beat\[100\]' determines the label of every one of 100 series"):
        tuned(write_beats_to_train_on(beats, tmp_path / "beats"), tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_an_output_that_cannot_be_written_is_reported_before_any_trial(
    spark: SparkSession, table: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "o").write_text("a file")
    with caplog.at_level("INFO"), pytest.raises(OSError, match="Not a directory"):
        tuned(table, tmp_path / "o")
    assert "stage=search" not in caplog.text


class TooLarge:
    """Beats that no executor has the memory for."""

    def __reduce__(self) -> tuple:
        return exec, ("raise MemoryError('no room')",)


@pytest.mark.both_sparks
def test_a_trial_for_which_an_executor_cannot_even_get_the_beats_has_the_reason(spark: SparkSession):
    with spark_tasks(spark, TooLarge(), TooLarge()) as tasks:
        outcome = tasks({})
    assert outcome.model is None
    assert outcome.error == "the task was lost: MemoryError: no room"


def test_the_conf_that_is_there_has_a_space_of_its_own():
    settings = load_settings(TuneSettings, ["--config", str(CONF), "--beats", "b", "--output", "o"], "tune.py")
    assert settings.space == yaml.safe_load(CONF.read_text())["space"]

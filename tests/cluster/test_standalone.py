"""Scoring and tuning on a real standalone cluster, whose processes are killed."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from lstm_fcn.data.beats import Beats
from lstm_fcn.inference.engine import Engine
from lstm_fcn.model.file import read_model
from tests.beat_tables import noisy, write_beats_to_train_on
from tests.cluster.standalone import require_every_row_once
from tests.processes import ON_CLUSTER, JobHere, Started, job, submitted_to
from tests.processes import start as start_job
from tests.searches import arguments_of, tuned


def start(master: str, beats: Path, model: Path, output: Path, *arguments: str, **conf: str) -> Started:
    submit = submitted_to(master, **{"spark.executor.memory": "512m", **conf})
    given = ("--beats", beats, "--model", model, "--output", output, "--partition-by", "day", *arguments)
    return start_job("score", *given, **ON_CLUSTER, PYSPARK_SUBMIT_ARGS=submit)


def seconds_computed(word: str, master: str) -> dict[int, float]:
    """By process of the cluster whose command has a word: the seconds that it has computed."""
    parents, commands, seconds = {}, {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            number, stat = int(folder.name), (folder / "stat").read_text().rpartition(")")[2].split()
            parents[number], seconds[number] = int(stat[1]), int(stat[11]) / os.sysconf("SC_CLK_TCK")
            commands[number] = (folder / "cmdline").read_text()

    def is_of_cluster(process: int) -> bool:
        while process in parents and process in commands:
            if "deploy.worker.Worker" in commands[process] and master in commands[process]:
                return True
            process = parents[process]
        return False

    return {each: seconds[each] for each in commands if word in commands[each] and is_of_cluster(each)}


def kill_one_at_work(word: str, master: str) -> bool:
    """Kill the process that computes most just now; False where none does: all have been killed, or wait."""
    before = seconds_computed(word, master)
    time.sleep(0.3)
    grown = {each: now - before.get(each, now) for each, now in seconds_computed(word, master).items()}
    if not any(grown.values()):
        return False
    with contextlib.suppress(ProcessLookupError):  # it has just ended
        os.kill(max(grown, key=grown.__getitem__), signal.SIGKILL)
        return True
    return False


def files_written(output: Path) -> int:
    return len(list((output / "_staging").glob("*/predictions/_temporary/**/*.parquet")))


@pytest.fixture(scope="module")
def slow_model(save_model: Callable[..., Path]) -> Path:
    """A large network, so that there is time to kill."""
    return save_model(filters_2=512, filters_3=1024, kernel_size_2=15)


def test_a_cluster_gives_the_predictions_of_the_engine_on_one_machine(
    master: str, days: Path, model_file: Path, beats: Beats, tmp_path: Path
):
    start(master, days, model_file, tmp_path / "scored").finish()
    rows = require_every_row_once(tmp_path / "scored")
    expected = Engine(read_model(model_file)).probabilities(beats.series)[rows["id"] % len(beats)]
    np.testing.assert_allclose(np.stack(rows["probability"]), expected, atol=1e-5)


@pytest.mark.nightly
def test_a_search_on_a_cluster_gives_the_trials_and_the_model_of_one_machine(
    master: str, spark: SparkSession, tmp_path: Path
):
    beats = write_beats_to_train_on(noisy(20, seed=0), tmp_path / "beats")
    asked = ("--max-jobs", "4", "--epochs", "2", "--max-parallel-jobs", "2")
    submit = submitted_to(master, **{"spark.executor.memory": "512m"})
    given = arguments_of(beats, tmp_path / "cluster", *asked)
    done = job("tune", *given, **ON_CLUSTER, PYSPARK_SUBMIT_ARGS=submit)
    assert done.returncode == 0, done.stderr
    expected = tuned(beats, tmp_path / "here", *asked).drop(columns="seconds")
    found = pd.read_parquet(tmp_path / "cluster" / "trials").drop(columns="seconds")
    pd.testing.assert_frame_equal(found, expected)
    models = [(tmp_path / name / "best.safetensors").read_bytes() for name in ("cluster", "here")]
    assert models[0] == models[1]


@pytest.mark.parametrize(
    ("victim", "kills"),
    [("CoarseGrainedExecutorBackend", 1), pytest.param("pyspark.daemon", 3, marks=pytest.mark.nightly)],
)
def test_an_executor_or_worker_that_is_killed_in_mid_job_loses_and_doubles_nothing(
    master: str, days: Path, slow_model: Path, tmp_path: Path, victim: str, kills: int
):
    output = tmp_path / "scored"
    splits = {"spark.sql.files.openCostInBytes": "128m", "spark.task.maxFailures": "8"}
    process = start(master, days, slow_model, output, "--batch-size", "1", **splits)
    process.wait_until(lambda: files_written(output) >= 2)
    for _ in range(kills):
        process.wait_until(lambda: kill_one_at_work(victim, master))
    assert not (output / "predictions").exists()
    stderr = process.finish()
    assert "Lost executor" in stderr or "Lost task" in stderr
    require_every_row_once(output)


@pytest.mark.nightly  # every day in one process, in tests/spark/scoring
def test_a_second_run_at_once_exits_with_6_and_names_the_first(days: Path, slow_model: Path, tmp_path: Path):
    output = tmp_path / "scored"
    first = start("local[1]", days, slow_model, output, "--batch-size", "1")
    first.wait_until((output / "_lock.json").exists)
    holder = json.loads((output / "_lock.json").read_text())
    last_line = start("local[1]", days, slow_model, output).finish(6).splitlines()[-1]
    assert first.is_alive
    assert f"error: run {holder['run_id']} (host " in last_line
    assert f"remove {output}/_lock.json" in last_line
    assert json.loads((output / "_lock.json").read_text())["run_id"] == holder["run_id"]
    first.kill()


def test_the_lock_of_a_killed_driver_is_taken_over(job_here: JobHere, days: Path, model_file: Path, tmp_path: Path):
    output = tmp_path / "scored"
    first = start("local[1]", days, model_file, output)
    first.wait_until((output / "_lock.json").exists)
    first.kill()
    assert (output / "_lock.json").exists()
    given = ("--beats", days, "--model", model_file, "--output", output, "--partition-by", "day")
    second = job_here("score", *given)
    assert second.returncode == 0, second.stderr
    require_every_row_once(output)
    assert not (output / "_lock.json").exists()

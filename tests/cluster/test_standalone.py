"""The scoring job on a real standalone cluster whose processes are killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lstm_fcn.beats import Beats
from lstm_fcn.engine import Engine
from lstm_fcn.modelfile import read_model
from tests.cluster.conftest import DAYS, environment
from tests.jobs.test_jobs import ROOT

ROWS = sum(DAYS.values())


def start(master: str, beats: Path, model: Path, output: Path, *arguments: str, **conf: str) -> "subprocess.Popen[str]":
    settings = {"spark.ui.enabled": "false", "spark.executor.memory": "512m", **conf}
    submit = [f"--master {master}", *(f"--conf {name}={value}" for name, value in settings.items()), "pyspark-shell"]
    command = [sys.executable, ROOT / "jobs" / "score.py", "--beats", beats, "--model", model, "--output", output]
    return subprocess.Popen(
        [*map(str, command), "--partition-by", "day", *arguments],
        env=environment(PYSPARK_SUBMIT_ARGS=" ".join(submit)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: "subprocess.Popen[str]") -> str:
    told = process.communicate(timeout=400)[1]
    assert process.returncode == 0, told
    return told


def require_every_row_once(output: Path) -> pd.DataFrame:
    rows = pd.read_parquet(output / "predictions").sort_values("id", ignore_index=True)
    assert rows["id"].tolist() == list(range(ROWS))
    assert rows["day"].astype(str).value_counts().to_dict() == DAYS
    (manifest,) = (json.loads(file.read_text()) for file in (output / "runs").iterdir())
    assert manifest["figures"]["rows"] == manifest["figures"]["scored"] == ROWS
    return rows


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


def wait_until(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    until = time.monotonic() + 200
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)


def files_written(output: Path) -> int:
    return len(list((output / "_staging").glob("*/predictions/_temporary/**/*.parquet")))


@pytest.fixture(scope="module")
def slow_model(save_model: Callable[..., Path]) -> Path:
    """A large network, so that there is time to kill."""
    return save_model(filters_2=512, filters_3=1024, kernel_size_2=15)


def test_a_cluster_gives_the_predictions_of_the_engine_on_one_machine(
    master: str, days: Path, model_file: Path, beats: Beats, tmp_path: Path
):
    finish(start(master, days, model_file, tmp_path / "scored"))
    rows = require_every_row_once(tmp_path / "scored")
    expected = Engine(read_model(model_file)).probabilities(beats.series)[rows["id"] % len(beats)]
    np.testing.assert_allclose(np.stack(rows["probability"]), expected, atol=1e-5)


@pytest.mark.parametrize(("victim", "kills"), [("CoarseGrainedExecutorBackend", 1), ("pyspark.daemon", 3)])
def test_an_executor_or_worker_that_is_killed_in_mid_job_loses_and_doubles_nothing(
    master: str, days: Path, slow_model: Path, tmp_path: Path, victim: str, kills: int
):
    output = tmp_path / "scored"
    splits = {"spark.sql.files.openCostInBytes": "128m", "spark.task.maxFailures": "8"}
    process = start(master, days, slow_model, output, "--batch-size", "1", **splits)
    wait_until(lambda: files_written(output) >= 2, process)
    for _ in range(kills):
        wait_until(lambda: kill_one_at_work(victim, master), process)
    assert not (output / "predictions").exists()
    told = finish(process)
    assert "Lost executor" in told or "Lost task" in told
    require_every_row_once(output)


def test_a_second_run_at_once_exits_with_6_and_names_the_first(days: Path, slow_model: Path, tmp_path: Path):
    output = tmp_path / "scored"
    first = start("local[1]", days, slow_model, output, "--batch-size", "1")
    wait_until((output / "_lock.json").exists, first)
    holder = json.loads((output / "_lock.json").read_text())
    second = start("local[1]", days, slow_model, output)
    told = second.communicate(timeout=200)[1]
    assert first.poll() is None
    assert second.returncode == 6, told
    assert f"error: run {holder['run_id']} (host " in told.splitlines()[-1]
    assert f"remove {output}/_lock.json" in told.splitlines()[-1]
    finish(first)
    require_every_row_once(output)


def test_the_lock_of_a_killed_driver_is_taken_over(days: Path, model_file: Path, tmp_path: Path):
    output = tmp_path / "scored"
    first = start("local[1]", days, model_file, output)
    wait_until((output / "_lock.json").exists, first)
    first.kill()
    first.communicate()
    assert (output / "_lock.json").exists()
    finish(start("local[1]", days, model_file, output))
    require_every_row_once(output)
    assert not (output / "_lock.json").exists()

"""The tuning job killed, stopped, and its workers killed or out of memory, as real processes."""

import contextlib
import json
import os
import signal
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from jobs import tune
from tests.beat_tables import noisy, write_csv
from tests.processes import JobHere, Started, job, submitted_to
from tests.processes import start as start_job

SMALL = ("--filters-1", "4", "--filters-2", "4", "--filters-3", "4", "--hidden-size", "4", "--batch-size", "8")
LR = {"lr": {"low": 0.001, "high": 0.1, "log": True}}


@pytest.fixture(scope="module")
def beats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(noisy(20, seed=0), tmp_path_factory.mktemp("beats") / "beats.csv")


def arguments_of(beats: Path, output: Path, *arguments: str) -> list[str]:
    return ["--beats", str(beats), "--output", str(output), "--space", json.dumps(LR), *SMALL, *arguments]


def start(beats: Path, output: Path, *arguments: str, cores: int = 2) -> Started:
    submit = submitted_to(f"local[{cores}]")
    return start_job("tune", *arguments_of(beats, output, *arguments), PYSPARK_SUBMIT_ARGS=submit)


def done(output: Path) -> dict[str, int]:
    """The records of trials that are done, and when they were written."""
    return {file.name: file.stat().st_mtime_ns for file in (output / "state").glob("*.json")}


def test_killed_and_then_stopped_it_goes_on_to_the_same_result_and_repeats_no_trial(
    spark: SparkSession, beats: Path, tmp_path: Path
):
    whole, broken, search = tmp_path / "whole", tmp_path / "broken", ("--max-jobs", "8", "--epochs", "12")
    process = start(beats, broken, *search)
    process.wait_until(lambda: done(broken))
    process.kill()
    after_kill = done(broken)
    assert 0 < len(after_kill) < 8

    process = start(beats, broken, *search, "--max-parallel-jobs", "1")
    process.wait_until(lambda: len(done(broken)) > len(after_kill))
    process.ask(signal.SIGTERM)
    assert "error: stopped on request (SIGTERM)" in process.finish(143).splitlines()
    after_stop = done(broken)
    assert len(after_kill) < len(after_stop) < 8
    assert not (broken / "trials").exists()

    stderr = start(beats, broken, *search).finish()
    assert f"stage=search trials=8 fitted_now={8 - len(after_stop)} " in stderr
    after_all = done(broken)
    assert len(after_all) == 8
    assert after_kill.items() <= after_stop.items() <= after_all.items()

    tune.main(arguments_of(beats, whole, *search))
    one, two = (pd.read_parquet(output / "trials").drop(columns="seconds") for output in (whole, broken))
    pd.testing.assert_frame_equal(one, two)
    assert (whole / "best.safetensors").read_bytes() == (broken / "best.safetensors").read_bytes()


def busiest_worker(process: Started) -> tuple[int, int]:
    """The Python worker of a job that has computed most: its ticks, and its number."""
    parents, ticks, pythons = {}, {}, set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            number, stat = int(folder.name), (folder / "stat").read_text().rpartition(")")[2].split()
            parents[number], ticks[number] = int(stat[1]), int(stat[11])
            if "pyspark.daemon" in (folder / "cmdline").read_text():
                pythons.add(number)

    def is_of_job(number: int) -> bool:
        while number in parents and number != process.pid:
            number = parents[number]
        return number == process.pid

    return max((ticks[number], number) for number in pythons if parents[number] in pythons and is_of_job(number))


def test_a_trial_whose_worker_is_killed_is_a_row_and_the_next_run_tries_it_again(
    spark: SparkSession, beats: Path, tmp_path: Path
):
    output, search = tmp_path / "o", ("--max-jobs", "3", "--epochs", "40")
    process = start(beats, output, *search, cores=1)
    process.wait_until(lambda: done(output))
    ticks, worker = busiest_worker(process)
    process.wait_until(lambda: busiest_worker(process)[0] >= ticks + 20)  # it is in the midst of the second trial
    os.kill(worker, signal.SIGKILL)
    assert "failed: the task was lost: Job aborted due to stage failure" in process.finish()
    trials = pd.read_parquet(output / "trials")
    (lost,) = trials.query("status == 'failed'").itertuples()
    assert "Python worker exited unexpectedly (crashed)" in lost.error
    assert trials["macro_f1"].isna().sum() == 1
    before = done(output)
    assert len(before) == 2

    tune.main(arguments_of(beats, output, *search))
    assert set(pd.read_parquet(output / "trials")["status"]) == {"done"}
    assert before.items() <= done(output).items()
    assert len(done(output)) == 3


@pytest.mark.nightly
def test_a_trial_too_large_for_the_memory_is_a_row(beats: Path, tmp_path: Path):
    few = tmp_path / "few.csv"
    few.write_text("\n".join(beats.read_text().splitlines()[::2]))
    sizes = {"filters_2": [4, 2048], "filters_3": [4, 2048]}
    arguments = ["--beats", few, "--output", tmp_path / "o", "--space", json.dumps(sizes), "--max-jobs", "4"]
    done = job(
        *("tune", *arguments, "--kernel-size-3", "128", "--filters-1", "4", "--hidden-size", "4", "--epochs", "1"),
        PYSPARK_SUBMIT_ARGS=submitted_to("local[1]", **{"spark.executor.pyspark.memory": "3g"}),
    )
    assert done.returncode == 0, done.stderr
    trials = pd.read_parquet(tmp_path / "o" / "trials").set_index(["filters_2", "filters_3"])
    assert "can't allocate memory: you tried to allocate 2147483648 bytes" in trials.loc[(2048, 2048), "error"]
    assert trials.loc[(4, 4), "status"] == "done"
    assert "Traceback" not in done.stderr


def test_a_space_out_of_bounds_is_one_line_and_exits_with_2(job_here: JobHere, beats: Path, tmp_path: Path):
    space = json.dumps({"kernel_size_1": [5, 500]})
    done = job_here("tune", "--beats", beats, "--output", tmp_path / "o", "--space", space)
    assert done.returncode == 2
    assert done.stderr == "error: space: kernel_size_1: Input should be less than or equal to 128, found 500\n"

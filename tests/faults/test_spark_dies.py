"""Spark's process killed, and Ctrl-C, in jobs that run as processes: one line, and results that stay whole."""

import os
import signal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lstm_fcn.data.beats import Beats
from tests.processes import JobHere, Started, start

DIED = "error: Spark's process (Java) died with exit code 137 (SIGKILL"


@pytest.fixture
def scored(job_here: JobHere, beats: Beats, tmp_path: Path, model_file: Path) -> list[str | Path]:
    """Beats enough to score for a while into results that are there, and the arguments for it."""
    series = pa.array(beats.series.tolist() * 300, pa.list_(pa.float32()))
    pq.write_table(pa.table({"beat": series, "label": [0, 1, 2, 3, 4] * 12_000}), tmp_path / "beats.parquet")
    pq.write_table(pa.table({"beat": series[:50]}), tmp_path / "few.parquet")
    arguments = ["--model", model_file, "--output", tmp_path / "out"]
    done = job_here("score", "--beats", tmp_path / "few.parquet", *arguments)
    assert done.returncode == 0, done.stderr
    return ["--beats", tmp_path / "beats.parquet", *arguments]


def start_scoring(arguments: list[str | Path], output: Path) -> Started:
    """Start, and wait until it scores."""
    process = start("score", *arguments)
    process.wait_until(lambda: list(output.glob("_staging/*/predictions")))
    return process


def java_of(process: Started) -> int:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        pytest.skip("needs /proc")
    of_all = (Path(f"/proc/{child}/comm") for child in children.read_text().split())
    return next(int(comm.parent.name) for comm in of_all if comm.read_text().strip() == "java")


def own_lines(stderr: str) -> list[str]:
    """The last lines, without those that Java writes."""
    return [line for line in stderr.splitlines() if line.startswith(("error", "Traceback", "  File"))]


def test_the_death_of_spark_is_one_line_and_results_stay(scored: list[str | Path], tmp_path: Path):
    before = sorted((tmp_path / "out").rglob("*.parquet"))
    process = start_scoring(scored, tmp_path / "out")
    os.kill(java_of(process), signal.SIGKILL)
    lines = own_lines(process.finish(1))
    assert len(lines) == 1
    assert lines[0].startswith(DIED)
    assert "its log is what it wrote to standard error" in lines[0]
    assert sorted((tmp_path / "out").rglob("*.parquet")) == before
    assert len(pq.read_table(tmp_path / "out" / "predictions")) == 50


def test_ctrl_c_is_one_line(scored: list[str | Path], tmp_path: Path):
    process = start_scoring(scored, tmp_path / "out")
    process.ask(signal.SIGINT)
    stderr = process.finish(130)
    assert own_lines(stderr) == ["error: stopped on request (SIGINT)"]
    assert "ERROR" not in stderr
    assert "Exception" not in stderr
    assert len(pq.read_table(tmp_path / "out" / "predictions")) == 50

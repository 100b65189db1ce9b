"""The scoring job killed, out of disk and given what cannot be scored, as real processes."""

import json
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lstm_fcn.data.beats import Beats
from lstm_fcn.model.file import read_model
from tests.beat_tables import write_days
from tests.models import SMALL
from tests.processes import JobHere, Started, job
from tests.processes import start as start_job

DAYS = {"2026-01-01": 120, "2026-01-02": 60, "2026-01-03": 20}
BY_DAY = ("--partition-by", "day")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory, beats: Beats) -> Path:
    return write_days(tmp_path_factory.mktemp("input") / "beats", beats, DAYS, rows_of_a_file=60)


@pytest.fixture(scope="module")
def models(save_model: Callable[..., Path]) -> list[Path]:
    return [save_model(**SMALL), save_model(**SMALL, kernel_size_1=5)]


def arguments_of(table: Path, model: Path, output: Path) -> list[str | Path]:
    return ["--beats", table, "--model", model, "--output", output, *BY_DAY]


def start(table: Path, model: Path, output: Path, largest_file: int | None = None) -> Started:
    return start_job("score", *arguments_of(table, model, output), largest_file=largest_file)


@pytest.fixture
def score_here(job_here: JobHere) -> Callable[[Path, Path, Path], None]:
    def score(table: Path, model: Path, output: Path) -> None:
        done = job_here("score", *arguments_of(table, model, output))
        assert done.returncode == 0, done.stderr

    return score


def require_complete(output: Path, allowed: set[str]) -> set[str]:
    """Every row once, each day whole and by one model; which models these are."""
    rows = pd.read_parquet(output / "predictions")
    assert sorted(rows["id"]) == list(range(sum(DAYS.values())))
    for day, of_day in rows.groupby("day", observed=True):
        assert len(of_day) == DAYS[str(day)]
        assert len(set(of_day["model"])) == 1
    assert set(rows["model"]) <= allowed
    return set(rows["model"])


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.nightly)])
def test_a_driver_killed_at_random_moments_leaves_whole_results_and_the_next_run_completes_them(
    score_here: Callable[..., None], table: Path, models: list[Path], tmp_path: Path, kills: int
):
    output, random_moment = tmp_path / "scored", random.Random(5).random  # noqa: S311
    names = [read_model(model).reference for model in models]
    began = time.monotonic()
    start(table, models[0], output).finish()
    duration = time.monotonic() - began
    assert require_complete(output, {names[0]}) == {names[0]}
    for turn in range(kills):
        # Each run would replace the results of the last by another model's; the later kills hit the end of a run.
        process = start(table, models[(turn + 1) % 2], output)
        time.sleep(duration * (0.3 + 0.7 * turn / kills + 0.05 * random_moment()))
        process.ask(signal.SIGKILL)  # which may be after its end
        process.wait()
        require_complete(output, set(names))
    score_here(table, models[0], output)
    assert require_complete(output, {names[0]}) == {names[0]}
    assert {path.name for path in output.iterdir()} == {"predictions", "metrics", "runs"}
    done = [json.loads(file.read_text()) for file in (output / "runs").iterdir()]
    assert sum(run["rows"] for run in max(done, key=lambda run: run["run_id"])["partitions"]) == sum(DAYS.values())


def test_a_full_disk_is_one_line_and_the_old_results_survive(
    score_here: Callable[..., None], table: Path, models: list[Path], tmp_path: Path
):
    output, heavy = tmp_path / "scored", tmp_path / "beats"
    for file in table.rglob("*.parquet"):
        part = pq.read_table(file, partitioning=None)
        notes = pa.array([random.Random(row).randbytes(100_000) for row in range(len(part))], pa.binary())  # noqa: S311
        (heavy / file.parent.name).mkdir(parents=True, exist_ok=True)
        pq.write_table(part.append_column("notes", notes), heavy / file.relative_to(table))
    score_here(heavy, models[0], output)

    lines = start(heavy, models[1], output, largest_file=4_000_000).finish(5).splitlines()
    assert lines[-1] == "error: Spark cannot write: File too large"
    assert not any("Traceback" in line for line in lines)
    assert require_complete(output, {read_model(models[0]).reference})
    score_here(heavy, models[1], output)
    assert require_complete(output, {read_model(models[1]).reference})


def test_a_run_that_is_stopped_by_its_scheduler_leaves_the_old_results(
    score_here: Callable[..., None], table: Path, models: list[Path], tmp_path: Path
):
    output = tmp_path / "scored"
    score_here(table, models[0], output)
    process = start(table, models[1], output)
    process.wait_until((output / "_lock.json").exists)
    process.ask(signal.SIGTERM)
    assert "error: stopped on request (SIGTERM)" in process.finish(143).splitlines()
    assert require_complete(output, {read_model(models[0]).reference})
    assert {path.name for path in output.iterdir()} >= {"predictions", "metrics", "runs"}
    assert not (output / "_lock.json").exists()


def test_a_bad_model_leaves_the_old_results_and_exits_with_4(
    job_here: JobHere, score_here: Callable[..., None], table: Path, models: list[Path], tmp_path: Path
):
    output, bad = tmp_path / "scored", tmp_path / "bad.safetensors"
    score_here(table, models[0], output)
    before = {file: file.stat().st_mtime_ns for file in output.rglob("*")}
    bad.write_bytes(models[1].read_bytes()[:-100])
    done = job_here("score", *arguments_of(table, bad, output))
    assert done.returncode == 4
    assert "is truncated" in done.stderr.splitlines()[-1]
    assert {file: file.stat().st_mtime_ns for file in output.rglob("*")} == before


@pytest.fixture(scope="module")
def rotten(tmp_path_factory: pytest.TempPathFactory, beats: Beats) -> Path:
    """Ten per cent rotten rows of every kind, a partition of nothing else, and values as doubles."""
    good = beats.series[0].astype(float).tolist()
    bad: list[list[float | None] | None] = [None, [], good[:-1], [*good, 0.0], [*good[:-1], float("nan")]]
    bad += [[*good[:-1], float("inf")], [*good[:-1], None], [0.5] * 187, [1000 * value for value in good]]
    rows = [(i, "mixed", good) for i in range(81)] + [(100 + i, "mixed", beat) for i, beat in enumerate(bad)]
    rows += [(200 + i, "bad", None) for i in range(3)]
    folder = tmp_path_factory.mktemp("rotten") / "beats"
    ids, parts, series = zip(*rows, strict=True)
    whole = pa.table({"id": ids, "part": parts, "beat": pa.array(series, pa.list_(pa.float64()))})
    pq.write_to_dataset(whole, folder, partition_cols=["part"])
    return folder


def test_every_rotten_row_is_kept_with_its_reason(job_here: JobHere, rotten: Path, models: list[Path], tmp_path: Path):
    output = tmp_path / "scored"
    arguments = ("--beats", rotten, "--model", models[0], "--partition-by", "part", "--output", output)
    done = job_here("score", *arguments, "--max-error-fraction", "1")
    assert done.returncode == 0, done.stderr
    rows = pd.read_parquet(output / "predictions").sort_values("id")
    assert len(rows) == 93
    assert rows["error"].isna().sum() == 81
    assert (rows["prediction"].isna() == rows["error"].notna()).all()
    data = read_model(models[0]).header.training_data
    counted = {
        "the beat is NULL": 4,
        "the beat holds NULL, NaN or infinity": 3,
        "expected 187 values, found 0": 1,
        "expected 187 values, found 186": 1,
        "expected 187 values, found 188": 1,
        "the beat is a flat line": 1,
        f"values outside those of training ({data.lowest:g} to {data.highest:g})": 1,
    }
    assert rows["error"].value_counts().to_dict() == counted
    manifest = json.loads(next((output / "runs").iterdir()).read_text())
    assert manifest["counts"]["errors"] == counted
    for reason, count in counted.items():
        assert f"not_scored={count} reason='{reason}'" in done.stderr
    done = job_here("score", *arguments)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("error: 12 of 93 rows (12.9%) could not be scored")
    assert "Traceback" not in done.stderr


def test_a_table_without_rows_gives_results_without_rows(job_here: JobHere, models: list[Path], tmp_path: Path):
    nothing = pa.table({"id": pa.array([], pa.int64()), "beat": pa.array([], pa.list_(pa.float32()))})
    (tmp_path / "beats").mkdir()
    pq.write_table(nothing, tmp_path / "beats" / "0.parquet")
    done = job_here("score", "--beats", tmp_path / "beats", "--model", models[0], "--output", tmp_path / "scored")
    assert done.returncode == 0, done.stderr
    rows = pd.read_parquet(tmp_path / "scored" / "predictions")
    assert len(rows) == 0
    assert {"id", "prediction", "error"} <= set(rows.columns)
    manifest = json.loads(next((tmp_path / "scored" / "runs").iterdir()).read_text())
    assert manifest["counts"]["rows"] == 0
    assert manifest["drift"] == {"predictions": None, "beat_length": None}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ({"--beats": "/no/table"}, 3, "error: no table at /no/table; a table of the catalog is written schema.table"),
        ({"--beats": "no.table"}, 3, "error: the catalog has no table no.table; a path is written with a slash"),
        (
            {"--model": "mitbhi"},
            4,
            "error: no model file at mitbhi, and no pretrained model of that name; did you mean",
        ),
        ({"--beat": "ecg"}, 3, "has no column 'ecg'; found: id, label, beat, day"),
        (
            {"--config": "/no/conf.yaml"},
            2,
            "error: cannot read the settings file /no/conf.yaml: [Errno 2] No such file",
        ),
    ],
)
def test_what_is_wrong_is_one_line_and_an_exit_code(
    job_here: JobHere,
    table: Path,
    models: list[Path],
    tmp_path: Path,
    arguments: dict[str, str],
    code: int,
    message: str,
):
    given = {"--beats": str(table), "--model": str(models[0]), "--output": str(tmp_path / "scored"), **arguments}
    done = job_here("score", *[part for pair in given.items() for part in pair])
    assert done.returncode == code
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "scored").exists()


def test_an_error_that_spark_finds_is_one_line_of_the_process_too(table: Path, models: list[Path], tmp_path: Path):
    done = job("score", *arguments_of(table, models[0], tmp_path / "scored"), "--beat", "id")
    assert done.returncode == 3
    assert "expected column 'id' to be array<float> or array<double>, found bigint" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert "\tat " not in done.stderr


def test_verbose_shows_where_an_error_is_from(job_here: JobHere, table: Path, tmp_path: Path):
    arguments = ("--beats", table, "--model", "mitbhi", "--output", tmp_path / "scored", "--verbose")
    done = job_here("score", *arguments)
    assert done.returncode == 4
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: no model file at mitbhi")

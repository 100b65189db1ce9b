"""The scoring job, and scoring from Python and SQL, as clients of a real Spark Connect server."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.cluster.conftest import DAYS, environment
from tests.jobs.test_jobs import ROOT

ROWS = sum(DAYS.values())


def run(connect: str, *command: str | Path) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        env=environment(SPARK_REMOTE=connect),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return done


def score(connect: str, beats: str | Path, model: Path, output: str | Path, *arguments: str) -> None:
    run(connect, ROOT / "jobs" / "score.py", "--beats", beats, "--model", model, "--output", output, *arguments)


def ask(connect: str, script: str, *arguments: str | Path) -> object:
    """Run a script that prints JSON."""
    begin = "import json, sys; from pyspark.sql import SparkSession; spark = SparkSession.builder.getOrCreate()\n"
    return json.loads(run(connect, "-c", begin + script, *arguments).stdout.splitlines()[-1])


def test_results_in_a_folder_are_replaced_and_nothing_new_touches_no_file(
    connect: str, days: Path, model_file: Path, tmp_path: Path
):
    output = tmp_path / "scored"
    arguments = (connect, days, model_file, output, "--partition-by", "day")
    score(*arguments)
    score(*arguments)
    assert sorted(pd.read_parquet(output / "predictions")["id"]) == list(range(ROWS))
    assert len(list((output / "runs").iterdir())) == 2
    before = {file: file.stat().st_mtime_ns for file in output.rglob("*") if file.is_file()}
    score(*arguments, "--incremental")
    assert {file: file.stat().st_mtime_ns for file in output.rglob("*") if file.is_file()} == before


def test_predictions_are_judged(connect: str, days: Path, model_file: Path, tmp_path: Path):
    score(connect, days, model_file, tmp_path / "scored")
    arguments = (
        "--predictions",
        tmp_path / "scored",
        "--output",
        tmp_path / "report",
        "--record",
        "day",
        "--beats",
        days,
    )
    run(connect, ROOT / "jobs" / "evaluate.py", *arguments, "--keys", "id", "--draws", "100", "--by", "day")
    rows = pd.read_parquet(tmp_path / "scored" / "predictions")
    metrics = pd.read_parquet(tmp_path / "report" / "metrics").query("metric == 'accuracy'")
    by_day = metrics[metrics["group_by"] == "day"].groupby("group")["value"].first()
    right = (rows["label"] == rows["prediction"]).groupby(rows["day"].astype(str)).mean()
    assert by_day.to_dict() == pytest.approx(right.to_dict())
    assert "Wrong, and sure of it" in (tmp_path / "report" / "report.html").read_text()


def test_a_table_of_the_catalog_is_scored_into_another(connect: str, days: Path, model_file: Path):
    ask(
        connect,
        "spark.read.parquet(sys.argv[1]).write.partitionBy('day').saveAsTable('default.some_days'); print('null')",
        days,
    )
    for _ in range(2):
        score(connect, "default.some_days", model_file, "default.scored", "--partition-by", "day")
    told = ask(
        connect,
        "rows = spark.table('default.scored')\n"
        "days = {str(r[0]): r[1] for r in rows.groupBy('day').count().collect()}\n"
        "tables = sorted(t.name for t in spark.catalog.listTables('default'))\n"
        "runs = spark.table('default.scored_runs').where('status = \"done\"').count()\n"
        "print(json.dumps([days, rows.select('id').distinct().count(), tables, runs]))",
    )
    assert told == [DAYS, ROWS, ["scored", "scored_metrics", "scored_runs", "some_days"], 2]


def test_scoring_is_a_step_of_a_chain_and_a_function_of_sql(connect: str, days: Path, model_file: Path):
    told = ask(
        connect,
        "from lstm_fcn.spark import register, score\n"
        "beats = spark.read.parquet(sys.argv[1])\n"
        "good = beats.transform(score, sys.argv[2]).where('prediction >= 0').count()\n"
        "register(spark, sys.argv[2])\n"
        "beats.createOrReplaceTempView('b')\n"
        "called = spark.sql('SELECT lstm_fcn(beat).prediction AS p FROM b').where('p >= 0').count()\n"
        "print(json.dumps([good, called]))",
        days,
        model_file,
    )
    assert told == [ROWS, ROWS]

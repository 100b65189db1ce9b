"""The jobs, and scoring from Python and SQL, as clients of a real Spark Connect server."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.beat_tables import noisy, write_csv
from tests.cluster.standalone import DAYS, ROWS
from tests.notebooks import run_notebooks
from tests.processes import JobHere, job, run
from tests.searches import arguments_of
from tests.signals import signals_example, write_signals


def client(connect: str, name: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    done = job(name, *arguments, SPARK_REMOTE=connect)
    assert done.returncode == 0, done.stderr[-5000:]
    return done


def score(connect: str, beats: str | Path, model: Path, output: str | Path, *arguments: str) -> str:
    """Score, and give what was printed."""
    return client(connect, "score", "--beats", beats, "--model", model, "--output", output, *arguments).stdout


def ask(connect: str, script: str, *arguments: str | Path) -> object:
    """Run a script that prints JSON."""
    begin = "import json, sys; from pyspark.sql import SparkSession; spark = SparkSession.builder.getOrCreate()\n"
    done = run(sys.executable, "-c", begin + script, *arguments, SPARK_REMOTE=connect)
    assert done.returncode == 0, done.stderr[-5000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_results_in_a_folder_are_those_of_a_session_and_nothing_new_touches_no_file(
    connect: str, job_here: JobHere, days: Path, model_file: Path, tmp_path: Path
):
    output, given = tmp_path / "scored", ("--model", model_file, "--partition-by", "day")
    printed = job_here("score", "--beats", days, "--output", tmp_path / "here", *given).stdout
    arguments = (connect, days, model_file, output, "--partition-by", "day")
    assert "accuracy" in printed
    assert score(*arguments) == printed
    assert sorted(pd.read_parquet(output / "predictions")["id"]) == list(range(ROWS))
    before = {file: file.stat().st_mtime_ns for file in output.rglob("*") if file.is_file()}
    score(*arguments, "--incremental")
    assert {file: file.stat().st_mtime_ns for file in output.rglob("*") if file.is_file()} == before


@pytest.mark.nightly  # every day by the notebook that evaluates
def test_predictions_are_evaluated(connect: str, days: Path, model_file: Path, tmp_path: Path):
    score(connect, days, model_file, tmp_path / "scored")
    files = ("--predictions", tmp_path / "scored", "--output", tmp_path / "report", "--beats", days)
    client(connect, "evaluate", *files, "--record", "day", "--keys", "id", "--draws", "100", "--by", "day")
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
    found = ask(
        connect,
        "rows = spark.table('default.scored')\n"
        "days = {str(r[0]): r[1] for r in rows.groupBy('day').count().collect()}\n"
        "tables = sorted(t.name for t in spark.catalog.listTables('default'))\n"
        "runs = spark.table('default.scored_runs').where('status = \"done\"').count()\n"
        "print(json.dumps([days, rows.select('id').distinct().count(), tables, runs]))",
    )
    assert found == [DAYS, ROWS, ["scored", "scored_metrics", "scored_runs", "some_days"], 2]


def test_scoring_is_a_step_of_a_chain_and_a_function_of_sql(connect: str, days: Path, model_file: Path, tmp_path: Path):
    found = ask(
        connect,
        "import logging\n"
        "from lstm_fcn.spark import register, score\n"
        "from lstm_fcn.spark.scoring.progress import log_progress\n"
        "logging.basicConfig(level='INFO', filename=sys.argv[3])\n"
        "beats = spark.read.parquet(sys.argv[1])\n"
        "with log_progress(spark, 180, 'r1', seconds=0):\n"
        "    good = beats.transform(score, sys.argv[2]).where('prediction >= 0').count()\n"
        "register(spark, sys.argv[2])\n"
        "beats.createOrReplaceTempView('b')\n"
        "in_sql = spark.sql('SELECT lstm_fcn(beat).prediction AS p FROM b').where('p >= 0').count()\n"
        "print(json.dumps([good, in_sql]))",
        days,
        model_file,
        tmp_path / "log",
    )
    assert found == [ROWS, ROWS]
    assert re.search(r"stage=score run_id=r1 done=\d+ rows=180 beats_per_s=\d+", (tmp_path / "log").read_text())


def test_the_readmes_example_takes_a_table_of_signals_to_predictions(connect: str, tmp_path: Path):
    signals, expected = write_signals(tmp_path)
    found = ask(
        connect,
        "spark.sql('CREATE DATABASE ecg')\n"
        "spark.read.parquet(sys.argv[1]).write.saveAsTable('ecg.signals')\n"
        f"{signals_example()}"
        "rows = predictions.orderBy('record', 'sample').select('record', 'sample', 'predicted_class').collect()\n"
        "spark.sql('DROP DATABASE ecg CASCADE')\n"
        "print(json.dumps([list(row) for row in rows]))",
        signals,
    )
    assert found == expected


def test_a_condition_that_does_not_fit_exits_with_2(connect: str, days: Path, tmp_path: Path):
    given = ("--beats", days, "--where", "nothing = 1", "--model", "mitbih", "--output", tmp_path / "scored")
    done = job("score", *given, SPARK_REMOTE=connect)
    assert done.returncode == 2
    assert "error: --where 'nothing = 1' does not fit the table" in done.stderr


def test_tuning_says_that_it_cannot(connect: str, tmp_path: Path):
    beats = write_csv(noisy(20, seed=0), tmp_path / "beats.csv")
    done = job("tune", *arguments_of(beats, tmp_path / "o"), SPARK_REMOTE=connect)
    assert done.returncode == 2
    assert "error: tuning sends the beats to the executors once, as a broadcast" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "o").exists()


def test_the_notebooks_run_as_they_stand_under_spark_connect(connect: str, tmp_path: Path):
    run_notebooks(tmp_path / "a volume", SPARK_REMOTE=connect)

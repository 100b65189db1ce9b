"""The tuning job on a real standalone cluster."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
from pyspark.sql import SparkSession

from tests.cluster.conftest import environment
from tests.jobs.test_jobs import ROOT
from tests.spark.test_tuning import arguments_of, run, write_beats
from tests.test_training import noisy


def test_a_cluster_gives_the_trials_and_the_model_of_one_machine(master: str, spark: SparkSession, tmp_path: Path):
    beats = write_beats(noisy(20, seed=0), tmp_path / "beats")
    asked = ("--max-jobs", "4", "--epochs", "2", "--max-parallel-jobs", "2")
    submit = f"--master {master} --conf spark.ui.enabled=false --conf spark.executor.memory=512m pyspark-shell"
    done = subprocess.run(
        [sys.executable, ROOT / "jobs" / "tune.py", *arguments_of(beats, tmp_path / "cluster", *asked)],
        env=environment(PYSPARK_SUBMIT_ARGS=submit),
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr
    expected = run(beats, tmp_path / "here", *asked).drop(columns="seconds")
    found = pd.read_parquet(tmp_path / "cluster" / "trials").drop(columns="seconds")
    pd.testing.assert_frame_equal(found, expected)
    models = [(tmp_path / name / "best.safetensors").read_bytes() for name in ("cluster", "here")]
    assert models[0] == models[1]

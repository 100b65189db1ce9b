"""Hold conf/airflow/ against a real Airflow: run its DAG for a day, twice, on a standalone cluster.

Airflow has an environment of its own, for it pins what others need otherwise:

make setup dist
python3 -m venv .venv-airflow
.venv-airflow/bin/pip install apache-airflow==3.3.2 apache-airflow-providers-apache-spark
.venv/bin/python tests/benchmarks/check_airflow.py .venv-airflow
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from lstm_fcn.data.simulate import write_records
from tests.cluster.standalone import Machine, cluster
from tests.processes import ROOT, SPARK_HOME

DAY = "2026-01-31"


def main(environment: Path) -> None:
    """Run the DAG, print what is so and what is not, and exit with 1 if anything is not."""
    with tempfile.TemporaryDirectory() as place:
        folder, data = Path(place), Path(place) / "data"
        write_records(data / "records" / DAY, records=3, seconds=120, seed=0)
        with cluster(folder, [Machine(), Machine()]) as started:
            airflow = Airflow(environment, folder, started.url, data)
            airflow.run("db", "migrate")
            airflow.run("dags", "reserialize")
            facts = {"Airflow can import it": airflow.ask("dags", "list-import-errors") == []}
            (details,) = airflow.ask("dags", "details", "score_ecg")
            facts["one run at a time"] = details["max_active_runs"] == "1"
            for _ in range(2):
                airflow.run("dags", "test", "score_ecg", DAY)
        runs = sorted(file.stem for file in (data / "scored" / "runs").iterdir())
        predictions, beats = (pd.read_parquet(data / name) for name in ("scored/predictions", "beats"))
        facts["every beat has one prediction"] = len(predictions) == len(beats) > 0
        facts["of its day"] = set(predictions["day"].astype(str)) == {DAY}
        facts["by the second run"] = set(predictions["run_id"]) == {runs[-1]} and len(runs) == 2
        facts["a report"] = (data / "report" / "report.html").exists()
        for fact, holds in facts.items():
            print(f"{'ok' if holds else 'NOT SO'}: {fact}")
    sys.exit(not all(facts.values()))


class Airflow:
    """Its command, with a home and variables for this check."""

    def __init__(self, environment: Path, home: Path, master: str, data: Path) -> None:
        self._command = environment.absolute() / "bin" / "airflow"
        host, _, port = master.rpartition(":")
        self._env = os.environ | {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "conf" / "airflow"),
            "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps({"conn_type": "spark", "host": host, "port": int(port)}),
            "AIRFLOW_VAR_LSTM_FCN_HOME": str(ROOT),
            "AIRFLOW_VAR_LSTM_FCN_DATA": str(data),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "SPARK_HOME": str(SPARK_HOME),
        }

    def run(self, *arguments: str) -> str:
        """Return what a command prints."""
        print("airflow", *arguments, flush=True)
        command, env = [self._command, *arguments], self._env
        # A task that fails waits a quarter of an hour for its retry, which nobody here does.
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=False, timeout=600)
        if done.returncode != 0:
            sys.exit(f"{done.stdout}\nairflow {' '.join(arguments)} exited with {done.returncode}")
        return done.stdout

    def ask(self, *arguments: str) -> list[dict[str, str]]:
        """Return what a command prints, without the warnings before it."""
        return json.loads(self.run(*arguments, "--output", "json").splitlines()[-1])


if __name__ == "__main__":
    main(Path(sys.argv[1]))

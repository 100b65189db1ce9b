"""Hold conf/airflow/ against a real Airflow: is the DAG one, are its commands the jobs'?

Airflow has an environment of its own, for it pins what others need otherwise:
python3 -m venv .venv-airflow
.venv-airflow/bin/pip install apache-airflow==3.3.2 apache-airflow-providers-apache-spark
.venv-airflow/bin/python tests/benchmarks/check_airflow.py
"""

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(ROOT / "conf" / "airflow", safe_mode=False)
        if bag.import_errors:
            sys.exit(f"Airflow cannot import it: {bag.import_errors}")
        dag = bag.dags["score_ecg"]
        facts = {
            "one run at a time": dag.max_active_runs == 1,
            "no catching up": dag.catchup is False,
            "score, then evaluate": dag.get_task("score").downstream_task_ids == {"evaluate"},
            "retries": all(task.retries == 2 for task in dag.tasks),
        }
        for task in dag.tasks:
            task.render_template_fields({"ds": "2026-01-31", "var": {"value": Places()}})
            facts[f"{task.task_id} names a job"] = Path(task.application).is_file()
            facts[f"{task.task_id} has its day"] = "day = '2026-01-31'" in task.application_args
            print(task.task_id, *task.application_args)
        for fact, holds in facts.items():
            print(f"{'ok' if holds else 'NOT SO'}: {fact}")
        sys.exit(not all(facts.values()))


class Places:
    """What Airflow's variables would name."""

    lstm_fcn_home = str(ROOT)
    lstm_fcn_data = "out/data"


if __name__ == "__main__":
    main()

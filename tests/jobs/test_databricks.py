"""The notebooks, run as they stand one after the other in one session; the bundle, by Databricks' own definitions."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from databricks.bundles.jobs import Job

from lstm_fcn.data.simulate import write_records
from lstm_fcn.settings.evaluate import EvaluateSettings
from lstm_fcn.settings.prepare import PrepareSettings
from lstm_fcn.settings.score import ScoreSettings
from lstm_fcn.settings.sources import load_settings
from tests.notebooks import FOLDER, NOTEBOOKS, run_notebooks
from tests.processes import ROOT


@pytest.mark.nightly
def test_the_notebooks_run_as_they_stand_on_records_of_ones_own(tmp_path: Path):
    write_records(tmp_path / "a volume" / "records", records=2, seconds=120, seed=1)
    run_notebooks(tmp_path / "a volume")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_has_short_cells_and_ends_no_session(name: str):
    text = (FOLDER / f"{name}.py").read_text()
    first, *cells = re.split(r"\n# COMMAND -{10}\n", text)
    assert first.startswith("# Databricks notebook source\n# MAGIC %md\n")
    assert all(len(cell.strip().splitlines()) <= 12 for cell in cells)
    assert ".stop()" not in text
    assert "exit(" not in text
    assert "sparkContext" not in text


@pytest.fixture(scope="module")
def bundle() -> dict[str, Any]:
    return yaml.safe_load((FOLDER / "databricks.yml").read_text())


def test_the_job_is_one_that_databricks_knows(bundle: dict[str, Any]):
    (job,) = (Job.from_dict(job) for job in bundle["resources"]["jobs"].values())
    assert [task.task_key for task in job.tasks] == ["prepare", "score", "evaluate"]
    assert [[each.task_key for each in task.depends_on] for task in job.tasks] == [[], ["prepare"], ["score"]]
    assert job.max_concurrent_runs == 1
    assert job.queue.enabled is False
    assert all(task.max_retries for task in job.tasks)
    assert bundle["targets"]["dev"]["mode"] == "development"  # which pauses the schedule


def test_what_databricks_does_not_know_would_be_refused(bundle: dict[str, Any]):
    (job,) = bundle["resources"]["jobs"].values()
    with pytest.raises(ValueError, match="Unexpected field 'max_concurrent_run'"):
        Job.from_dict({**job, "max_concurrent_run": 1})


def test_every_task_names_a_job_and_settings_that_it_has(bundle: dict[str, Any]):
    (job,) = bundle["resources"]["jobs"].values()
    values = {f"${{var.{name}}}": variable["default"] for name, variable in bundle["variables"].items()}
    classes = {"prepare": PrepareSettings, "score": ScoreSettings, "evaluate": EvaluateSettings}
    for task in job["tasks"]:
        given = task["spark_python_task"]
        file = (FOLDER / given["python_file"]).resolve()
        assert file == ROOT / "jobs" / f"{task['task_key']}.py"
        assert file.exists()
        arguments = [part.replace("{{job.parameters.day}}", "2026-01-31") for part in given["parameters"]]
        for name, value in values.items():
            arguments = [part.replace(name, value) for part in arguments]
        assert not [part for part in arguments if "$" in part or "{" in part]
        load_settings(classes[task["task_key"]], arguments, file.name)


def test_the_libraries_of_the_job_are_those_of_its_extras(bundle: dict[str, Any]):
    from importlib.metadata import requires

    (job,) = bundle["resources"]["jobs"].values()
    wheel, *others = job["environments"][0]["spec"]["dependencies"]
    of_extras = re.compile(r"""(.*); extra == ['"](records|report)['"]""")
    extras = {match[1].strip() for match in map(of_extras.fullmatch, requires("lstm-fcn")) if match}
    assert wheel == "../../dist/*.whl"
    assert set(others) == extras

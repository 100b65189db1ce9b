"""Evaluations of predictions in a table of the catalog, with metrics that are added to another one."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from lstm_fcn.errors import DataError, SettingsError
from tests.processes import JobHere
from tests.spark.results import predictions

FIGURES = ["value", "low", "high", "support"]


def by_name(metrics: pd.DataFrame) -> pd.DataFrame:
    return metrics.set_index(["group_by", "group", "class", "metric"])[FIGURES].sort_index()


@pytest.fixture
def name(tmp_path: Path) -> str:
    return f"default.evaluation_{abs(hash(str(tmp_path)))}"


def test_each_run_adds_its_metrics_to_a_table(
    save: Callable[..., Path],
    evaluation: Callable[..., pd.DataFrame],
    spark: SparkSession,
    job_here: JobHere,
    name: str,
    tmp_path: Path,
):
    files, report = save(predictions(60)), tmp_path / "report"
    spark.read.parquet(str(files)).write.saveAsTable(name)
    given = ("--predictions", name, "--metrics", f"{name}_metrics", "--output", report, "--draws", "100")
    assert job_here("evaluate", *given).returncode == 0
    first, expected = spark.table(f"{name}_metrics").toPandas(), evaluation(files)
    pd.testing.assert_frame_equal(by_name(first), by_name(expected))
    assert list(first.columns) == list(expected.columns)
    done = job_here("evaluate", *given, "--where", "split = 'test'")
    assert done.returncode == 0, done.stderr
    found = spark.table(f"{name}_metrics").toPandas()
    assert sorted(found["run_id"].unique()) == sorted(file.stem for file in (report / "runs").iterdir())
    pd.testing.assert_frame_equal(by_name(found[found["run_id"] == first["run_id"][0]]), by_name(expected))
    assert found["run_id"].nunique() == 2
    assert sorted(each.name for each in report.iterdir()) == ["report.html", "runs"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("--metrics", "{}"), DataError, "are not those of the metrics of evaluate.py: .*record string"),
        (("--metrics", "out/metrics"), SettingsError, "expected --metrics to be a table of the catalog"),
        (
            ("--metrics", "nowhere.metrics"),
            SettingsError,
            "--metrics nowhere.metrics: the catalog has no schema nowhere",
        ),
        (("--metrics", "{}_m", "--table-format", "jdbc"), SettingsError, "expected --metrics default.*, found jdbc"),
        (("--table-format", "delta"), SettingsError, "--table-format is for the table of --metrics"),
    ],
)
def test_what_metrics_cannot_be_added_to_is_refused_before_anything_is_counted(
    save: Callable[..., Path],
    evaluation: Callable[..., pd.DataFrame],
    spark: SparkSession,
    name: str,
    arguments: tuple[str, ...],
    error: type[Exception],
    message: str,
    caplog: pytest.LogCaptureFixture,
):
    files = save(predictions(20))
    spark.read.parquet(str(files)).write.saveAsTable(name)
    with pytest.raises(error, match=message):
        evaluation(files, *(each.format(name) for each in arguments))
    assert "stage=read" not in caplog.text

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lstm_fcn.spark.prepare.records import beats_of_records
from lstm_fcn.spark.prepare.signals import beats_of_signals
from tests.hostile_records import SPOILED, write_edf, write_spoiled, write_wfdb
from tests.processes import JobHere


def test_spoiled_records_are_a_line_each_and_cost_no_other(job_here: JobHere, spark: SparkSession, tmp_path: Path):
    records, output = tmp_path / "records", tmp_path / "beats"
    records.mkdir()
    write_spoiled(records)
    write_wfdb(records, "good")
    write_edf(records, "good_too", other_fs=25)
    job = ("prepare", "--records", records, "--output", output, "--max-failed-records")
    refused = job_here(*job, str(len(SPOILED) - 1))
    assert refused.returncode == 3
    assert not output.exists()
    assert [line.split(":")[0].strip() for line in refused.stderr.splitlines() if line.startswith("  ")] == sorted(
        SPOILED
    )
    assert job_here(*job, str(len(SPOILED))).returncode == 0
    assert spark.read.parquet(f"{output}_failures").count() == len(SPOILED)
    taken = spark.read.parquet(str(output)).groupBy("record").count().collect()
    assert {row["record"]: row["count"] for row in taken} == {"good": 3, "good_too": 3}


def test_folders_called_like_headers_and_links_that_lead_nowhere_or_in_a_circle_are_passed_by(
    spark: SparkSession, tmp_path: Path
):
    write_wfdb(tmp_path, "good")
    (tmp_path / "folder.hea").mkdir()
    (tmp_path / "in [x]").mkdir()
    write_wfdb(tmp_path / "in [x]", "too")
    for name in ("one", "two"):  # both followed would be more paths than anybody can list
        (tmp_path / "in [x]" / name).symlink_to(tmp_path)
    (tmp_path / "circle.hea").symlink_to("circle.hea")
    (tmp_path / "nowhere.hea").symlink_to("not there")
    rows = beats_of_records(spark, str(tmp_path)).groupBy("record", "failure").count().collect()
    assert sorted(tuple(row) for row in rows) == [("good", None, 3), ("in [x]/too", None, 3)]


@pytest.mark.parametrize(
    ("fs", "signal", "sample", "message"),
    [
        (float("nan"), [0.0] * 500, 400, "expected a sampling frequency of 60 to 2000 Hz, found nan Hz"),
        (0.0, [0.0] * 500, 400, "expected a sampling frequency of 60 to 2000 Hz, found 0 Hz"),
        (None, [0.0] * 500, 400, "expected a sampling frequency of 60 to 2000 Hz, found nan Hz"),
        (250.0, [0.0] * 500, 500, "the annotation at sample 500 lies beyond"),
        (250.0, [0.0] * 500, -1, "the annotations are not in the order of time"),
        (250.0, [], 0, "expected 1 to 268,435,456 samples, found 0"),
        (250.0, None, 0, "a signal is NULL"),
    ],
)
def test_a_hostile_row_of_a_table_of_signals_costs_its_record_only(
    spark: SparkSession, fs: float | None, signal: list[float] | None, sample: int, message: str
):
    good = [float(i % 100) for i in range(500)]
    signals = spark.createDataFrame(
        [("bad", fs, signal), ("good", 250.0, good)], "record string, fs double, signal array<float>"
    )
    marks = [(record, at, "N") for record in ("bad", "good") for at in (10, 100)]
    annotations = spark.createDataFrame([*marks, ("bad", sample, "N")], "record string, sample int, symbol string")
    found = beats_of_signals(signals, annotations).collect()
    failed = {row["record"]: row["failure"] for row in found if row["failure"] is not None}
    assert list(failed) == ["bad"]
    assert failed["bad"].startswith(message)
    assert [row["sample"] for row in found if row["record"] == "good"] == [10]

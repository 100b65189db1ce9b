"""Beats into a table of files of the catalog: added, or each record in the place of its older beats."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import wfdb
from pyspark.sql import DataFrame, SparkSession

from lstm_fcn.data.beats import BEAT_SCHEMA, Beats, read_beats
from lstm_fcn.errors import BusyError, DataError, SettingsError
from lstm_fcn.spark.prepare.table_output import write_table
from lstm_fcn.spark.scoring.lock import hold
from lstm_fcn.spark.scoring.lock_places import LockTable
from lstm_fcn.spark.scoring.table_format import TableOfFiles
from lstm_fcn.spark.table_names import table_name
from tests.beat_tables import write_csv
from tests.processes import JobHere
from tests.spark.prepared import counts, failing, left_beside, prepared


@pytest.fixture
def table(tmp_path: Path) -> str:
    return f"default.beats_{abs(hash(str(tmp_path)))}"


def write(beats: DataFrame, name: str, *, replace: bool = False, most_failed: int = 0) -> int:
    parsed = table_name(name)
    assert parsed is not None
    return write_table(beats, parsed, replace=replace, most_failed=most_failed).failed


def test_records_are_added_and_none_twice(spark: SparkSession, table: str):
    write(prepared(spark, {"a": 3, "b": 2}), table)
    write(prepared(spark, {"c": 1}), table)
    found = spark.table(table)
    assert found.dtypes == spark.createDataFrame([], BEAT_SCHEMA).dtypes
    assert "R peak" in found.schema["beat"].metadata["comment"]
    described = {row["col_name"]: row["data_type"] for row in spark.sql(f"DESCRIBE EXTENDED {table}").collect()}
    assert described["Comment"] == "ECG beats, a row each, as prepare.py of lstm-fcn cut them"
    with pytest.raises(DataError, match="holds beats of these records already: b, c; nothing was written: --replace"):
        write(prepared(spark, {"b": 5, "c": 5, "d": 5}), table)
    assert counts(spark, table) == {"a": (3, "N"), "b": (2, "N"), "c": (1, "N")}
    assert left_beside(spark, table) == []


def test_a_new_table_of_files_that_is_replaced_by_records_has_one_partition_each(spark: SparkSession, table: str):
    for _ in range(2):  # and a retry changes nothing
        write(prepared(spark, {"01": 3, "b'": 2, "c": 1}), table, replace=True)
    write(prepared(spark, {"b'": 4, "d": 1}, failed=1, symbol="V"), table, replace=True, most_failed=1)
    assert counts(spark, table) == {"01": (3, "N"), "b'": (4, "V"), "c": (1, "N"), "d": (1, "V")}
    failures = spark.table(f"{table}_failures")
    assert [(row["record"], row["reason"]) for row in failures.collect()] == [("f0", "f0.dat is missing")]
    assert left_beside(spark, table) == ["_failures"]


def test_a_record_that_has_no_beats_any_more_loses_its_rows_and_one_that_failed_keeps_them(
    spark: SparkSession, table: str
):
    write(prepared(spark, {"a": 3, "b'": 2, "f0": 1}), table, replace=True)
    with pytest.raises(DataError, match="holds beats of these records already: b'; nothing was written: --replace"):
        write(prepared(spark, {"c": 1}, beatless=["b'"]), table)
    assert counts(spark, table) == {"a": (3, "N"), "b'": (2, "N"), "f0": (1, "N")}
    now = prepared(spark, {"c": 1}, failed=1, beatless=["b'", "never seen"])
    assert write(now, table, replace=True, most_failed=1) == 1
    assert counts(spark, table) == {"a": (3, "N"), "c": (1, "N"), "f0": (1, "N")}
    assert spark.table(f"{table}_failures").count() == 1
    write(prepared(spark, {}, beatless=["a"]), table, replace=True)
    assert counts(spark, table) == {"c": (1, "N"), "f0": (1, "N")}


def test_files_that_cannot_be_replaced_by_records_are_refused_before_anything_is_computed(
    spark: SparkSession, table: str
):
    spark.sql(f"CREATE TABLE {table} ({BEAT_SCHEMA}) USING parquet PARTITIONED BY (split)")
    fails = failing(prepared(spark, {"a": 2}))
    with pytest.raises(
        SettingsError, match="partitioned by: split; records are replaced one by one in a table of Delta"
    ):
        write(fails, table, replace=True)
    write(prepared(spark, {"a": 2}), table)
    assert counts(spark, table) == {"a": (2, "N")}


def test_a_run_that_fails_leaves_the_table_as_it_was(spark: SparkSession, table: str, monkeypatch: pytest.MonkeyPatch):
    fails = failing(prepared(spark, {"b": 2}))
    with pytest.raises(Exception, match="no such beat"):
        write(fails, table)
    assert not spark.catalog.tableExists(table)
    write(prepared(spark, {"a": 3}), table, replace=True)
    with pytest.raises(Exception, match="no such beat"):
        write(fails, table)
    with pytest.raises(DataError, match="records that cannot be read: 2, more than --max-failed-records 1 allows"):
        write(prepared(spark, {"a": 1, "b": 2}, failed=2), table, replace=True, most_failed=1)

    def die(self: TableOfFiles, rows: DataFrame) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(TableOfFiles, "replace_partitions", die)
        write(prepared(spark, {"a": 1}, symbol="V"), table, replace=True)
    assert counts(spark, table) == {"a": (3, "N")}
    assert left_beside(spark, table) == []


def test_without_a_beat_there_is_a_table_without_rows(spark: SparkSession, table: str):
    assert write(prepared(spark, {}, failed=1), table, most_failed=1) == 1
    assert spark.table(table).count() == 0
    spark.sql(f"CREATE TABLE {table}_staging_20260131t000000z_1f2e3d4c (x int) USING parquet")  # of a run that died
    write(prepared(spark, {"a": 1}), table)
    assert left_beside(spark, table) == ["_failures"]


def test_one_run_at_a_time(spark: SparkSession, table: str):
    lock = LockTable(spark, f"{table}_lock", "parquet")
    with hold(lock, "other"), pytest.raises(BusyError, match="run other .* is writing there"):
        write(prepared(spark, {"a": 1}), table)
    assert not spark.catalog.tableExists(table)


@pytest.mark.parametrize(
    ("ddl", "error", "message"),
    [
        (
            "CREATE TABLE {} (record string, beat array<float>) USING parquet",
            DataError,
            "not those of a beat table: .*fs",
        ),
        ("CREATE VIEW {} AS SELECT 1 AS x", SettingsError, "is a view: give a table, or a name that is free"),
        (
            f"CREATE TABLE {{}} ({BEAT_SCHEMA}) USING orc",
            SettingsError,
            "is a table of orc, found --table-format parquet",
        ),
    ],
)
def test_what_is_no_table_for_these_beats_is_refused(
    spark: SparkSession, table: str, ddl: str, error: type[Exception], message: str
):
    spark.sql(ddl.format(table))
    parsed = table_name(table)
    assert parsed is not None
    with pytest.raises(error, match=message):
        write_table(prepared(spark, {"a": 1}), parsed, replace=False, most_failed=0, new_format="parquet")


def test_the_job_writes_a_table_that_others_read(spark: SparkSession, table: str, records: Path, job_here: JobHere):
    given = ["--records", records, "--output", table, "--replace"]
    first = job_here("prepare", *given, "--only", "s01,s02")
    assert first.returncode == 0, first.stderr
    before = counts_of_beats(spark, table)
    done = job_here("prepare", *given, "--only", "s02,s03", "--lead", "1")
    assert done.returncode == 0, done.stderr
    after, leads = counts_of_beats(spark, table), spark.table(table).select("record", "lead").distinct().collect()
    assert (sorted(before), sorted(after)) == (["s01", "s02"], ["s01", "s02", "s03"])
    assert after["s01"] == before["s01"]
    assert len({row["lead"] for row in leads}) == 2  # s01's is still the first one
    # What is described are the records of this run.
    assert sum(int(line.split()[-1]) for line in done.stdout.splitlines()[1:]) == after["s02"] + after["s03"]
    assert len(read_beats(table, spark=spark)) == sum(after.values())
    again = job_here("prepare", *given[:-1])
    assert (again.returncode, "holds beats of these records already: s01, s02, s03" in again.stderr) == (3, True)
    wrong = job_here("prepare", "--signals", table, "--output", table)
    assert (wrong.returncode, "are one, or one is in the other" in wrong.stderr) == (2, True)


def test_a_record_whose_annotations_are_none_of_beats_now_loses_its_rows(
    spark: SparkSession, table: str, records: Path, job_here: JobHere, tmp_path: Path
):
    copy = Path(shutil.copytree(records, tmp_path / "records"))
    given = ["--records", copy, "--only", "s01,s02", "--output", table, "--replace"]
    assert job_here("prepare", *given).returncode == 0
    before = counts_of_beats(spark, table)
    wfdb.wrann("s01", "atr", np.array([100]), ["+"], aux_note=["(N"], write_dir=str(copy))
    done = job_here("prepare", *given)
    assert "records without beats: 1: s01" in done.stderr
    assert (done.returncode, counts_of_beats(spark, table)) == (0, {"s02": before["s02"]})


def counts_of_beats(spark: SparkSession, name: str) -> dict[str, int]:
    return {row["record"]: row["count"] for row in spark.table(name).groupBy("record").count().collect()}


def test_labels_that_mean_something_else_are_refused_and_their_names_stay(
    spark: SparkSession, table: str, beats: Beats, job_here: JobHere, tmp_path: Path
):
    path = write_csv(Beats(beats.series[:20], beats.labels[:20] % 2), tmp_path / "two.csv")
    given = ["--csv", path, "--csv-split", "train", "--output", table]
    done = job_here("prepare", *given, "--classes", "normal,abnormal")
    assert "classes 0=normal, 1=abnormal" in done.stderr, done.stderr
    other = job_here("prepare", *given, "--classes", "well,ill", "--replace")
    assert (
        "labels of the table" in other.stderr
        and "mean normal, abnormal, those of these beats well, ill" in other.stderr
    )
    assert spark.table(table).count() == 20

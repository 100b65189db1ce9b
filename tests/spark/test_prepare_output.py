"""Writing a beat table: whole or not at all, and beside it the records that failed."""

import logging
import re
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from lstm_fcn.data.beats import BEAT_SCHEMA
from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.spark.files import LocalFiles
from lstm_fcn.spark.prepare.output import write_beats
from lstm_fcn.spark.tables import holds_files
from tests.spark.prepared import failing, prepared


def beats(spark: SparkSession, count: int, failed: int = 0) -> DataFrame:
    """Beats of a record 'a', and records that could not be read."""
    return prepared(spark, {"a": count}, failed=failed)


def write(table: DataFrame, path: Path | str, *, replace: bool = False, most_failed: int = 0) -> int:
    return write_beats(table, str(path), replace=replace, most_failed=most_failed)


def test_a_table_is_written_once_and_never_over_another(spark: SparkSession, tmp_path: Path):
    path = tmp_path / "a table"
    write(beats(spark, 3), path)
    with pytest.raises(DataError, match="a table is there already: remove it, write somewhere else, or --replace it"):
        write(beats(spark, 3), path)
    assert spark.read.parquet(str(path)).count() == 3
    assert spark.read.parquet(str(path)).dtypes == spark.createDataFrame([], BEAT_SCHEMA).dtypes
    assert (path / "_SUCCESS").exists()


def test_records_that_failed_are_all_named_and_nothing_is_written(spark: SparkSession, tmp_path: Path):
    with pytest.raises(DataError) as raised:
        write(beats(spark, 3, failed=2), tmp_path / "t", most_failed=1)
    assert str(raised.value).splitlines() == [
        "records that cannot be read: 2, more than --max-failed-records 1 allows; nothing was written:",
        "  f0: f0.dat is missing",
        "  f1: f1.dat is missing",
    ]
    assert not list(tmp_path.iterdir())


def test_records_that_may_fail_are_rows_of_a_table_beside(
    spark: SparkSession, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING):
        assert write(beats(spark, 3, failed=2), tmp_path / "t", most_failed=2) == 2
    assert "record=f1 reason='f1.dat is missing'" in caplog.text
    failures = pd.read_parquet(tmp_path / "t_failures")
    assert failures.to_numpy().tolist() == [["f0", "f0.dat is missing"], ["f1", "f1.dat is missing"]]
    found = pd.read_parquet(tmp_path / "t")
    assert (len(found), set(found["symbol"]), set(found["record"])) == (3, {"N"}, {"a"})
    assert write(beats(spark, 1), tmp_path / "t", replace=True) == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["t"]  # the failures were of the other table


def test_a_record_without_beats_is_logged_and_is_neither_in_the_table_nor_a_failure(
    spark: SparkSession, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING):
        assert write(prepared(spark, {"a": 3}, beatless=["c", "b"]), tmp_path / "t") == 0
    assert "stage=prepare records without beats: 2: b, c" in caplog.text
    assert set(pd.read_parquet(tmp_path / "t")["record"]) == {"a"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["t"]


def test_without_a_beat_there_is_a_table_without_rows(spark: SparkSession, tmp_path: Path):
    write(beats(spark, 0, failed=1), tmp_path / "t", most_failed=1)
    assert spark.read.parquet(str(tmp_path / "t")).count() == 0


@pytest.mark.parametrize("path", ["out/run[1]", "out/*", "out/{a,b}", "out/a?"])
def test_an_output_path_that_spark_takes_for_a_pattern_is_refused(spark: SparkSession, path: str):
    with pytest.raises(SettingsError, match="expected --output without any of"):
        write(beats(spark, 1), path)


@pytest.mark.parametrize("name", ["a table", "day=2026-01-31"])
def test_a_table_is_replaced_and_nothing_is_left_beside_it(spark: SparkSession, tmp_path: Path, name: str):
    for count in (3, 2):
        write(beats(spark, count), f"{tmp_path / name}/", replace=True)
        assert len(list(spark.read.parquet(str(tmp_path / name)).collect())) == count
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_table_with_other_columns_is_not_replaced(spark: SparkSession, tmp_path: Path):
    path = str(tmp_path / "t")
    spark.range(3).withColumnRenamed("id", "patient").write.parquet(path)
    with pytest.raises(DataError, match="no table to replace: .* found the columns patient"):
        write(beats(spark, 2), path, replace=True)
    assert spark.read.parquet(path).count() == 3


@pytest.mark.parametrize("other", ["model.safetensors", ".git/config", "_notes/a.txt", "models/a.parquet"])
def test_a_folder_that_holds_other_things_is_not_replaced(spark: SparkSession, tmp_path: Path, other: str):
    path = tmp_path / "t"
    (path / other).parent.mkdir(parents=True, exist_ok=True)
    (path / other).touch()
    with pytest.raises(DataError, match=f"no table to replace: .*found {re.escape(other.split('/')[0])}"):
        write(beats(spark, 2), path, replace=True)
    assert (path / other).exists()


def test_a_replacement_that_fails_leaves_the_old_table(spark: SparkSession, tmp_path: Path):
    write(beats(spark, 3), tmp_path / "t")
    with pytest.raises(Exception, match="no such beat"):
        write(failing(beats(spark, 2)), tmp_path / "t", replace=True)
    assert spark.read.parquet(str(tmp_path / "t")).count() == 3
    assert [entry.name for entry in tmp_path.iterdir()] == ["t"]


@pytest.mark.parametrize("dies_at", [1, 2])
def test_a_replacement_that_dies_between_its_steps_is_done_by_the_next(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int
):
    path, rename, renames = str(tmp_path / "t"), LocalFiles.rename, []

    def die_later(self: LocalFiles, source: str, target: str) -> None:
        renames.append(target)
        if len(renames) == dies_at:
            raise KeyboardInterrupt
        rename(self, source, target)

    write(beats(spark, 3), path)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(LocalFiles, "rename", die_later)
        write(beats(spark, 2), path, replace=True)
    assert holds_files(spark, path) == (dies_at == 1)
    write(beats(spark, 4), path, replace=True)
    assert spark.read.parquet(path).count() == 4
    assert [entry.name for entry in tmp_path.iterdir()] == ["t"]

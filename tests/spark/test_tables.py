import re
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.spark.files import LocalFiles
from lstm_fcn.spark.tables import (
    filter_rows,
    holds_files,
    read_table,
    replace_table,
    write_table,
)


def test_a_table_is_written_once_and_never_over_another(spark: SparkSession, tmp_path: Path):
    path = str(tmp_path / "a table")
    write_table(spark.range(3), path)
    with pytest.raises(DataError, match="a table is there already: remove it, write somewhere else, or --replace it"):
        write_table(spark.range(3), path)
    assert read_table(spark, path).count() == 3


def test_the_remains_of_a_failed_write_are_no_table(spark: SparkSession, tmp_path: Path):
    (tmp_path / "_temporary" / "0").mkdir(parents=True)
    (tmp_path / "_temporary" / "0" / "part-0.parquet").touch()
    assert not holds_files(spark, str(tmp_path))
    with pytest.raises(DataError, match="no table at"):
        read_table(spark, str(tmp_path))


def test_partitions_count_as_files_of_a_table(spark: SparkSession, tmp_path: Path):
    spark.range(2).selectExpr("id", "id AS day").write.partitionBy("day").parquet(str(tmp_path / "t"))
    assert holds_files(spark, str(tmp_path / "t"))


def test_what_is_no_parquet_is_refused(spark: SparkSession, tmp_path: Path):
    (tmp_path / "x.parquet").write_text("rubbish")
    with pytest.raises(DataError, match="no Parquet table at"):
        read_table(spark, str(tmp_path))


def test_a_condition_keeps_its_rows(spark: SparkSession):
    assert filter_rows(spark.range(10), "id % 2 = 0").count() == 5
    assert filter_rows(spark.range(10), None).count() == 10


@pytest.mark.parametrize("condition", ["nothing = 1", "id ====", "id"])
def test_a_condition_that_does_not_fit_is_a_settings_error(spark: SparkSession, condition: str):
    with pytest.raises(SettingsError, match=r"--where .* does not fit the table: \[[A-Z_.]+\]"):
        filter_rows(spark.range(3), condition)


@pytest.mark.parametrize("path", ["out/run[1]", "out/*", "out/{a,b}", "out/a?"])
def test_an_output_path_that_spark_takes_for_a_pattern_is_refused(spark: SparkSession, path: str):
    with pytest.raises(SettingsError, match="expected an output path without any of"):
        write_table(spark.range(1), path)


@pytest.mark.parametrize("name", ["a table", "day=2026-01-31"])
def test_a_table_is_replaced_and_nothing_is_left_beside_it(spark: SparkSession, tmp_path: Path, name: str):
    path = str(tmp_path / name)
    for count in (3, 2):
        replace_table(spark.range(count), f"{path}/")
        assert read_table(spark, path).count() == count
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_table_with_other_columns_is_not_replaced(spark: SparkSession, tmp_path: Path):
    path = str(tmp_path / "t")
    write_table(spark.range(3).withColumnRenamed("id", "patient"), path)
    with pytest.raises(DataError, match="no table to replace: .* with the columns id; found the columns patient"):
        replace_table(spark.range(2), path)
    assert read_table(spark, path).count() == 3
    with pytest.raises(SettingsError, match="expected an output path without any of"):
        replace_table(spark.range(2), f"{path}*")


@pytest.mark.parametrize("other", ["model.safetensors", ".git/config", "_notes/a.txt", "models/a.parquet"])
def test_a_folder_that_holds_other_things_is_not_replaced(spark: SparkSession, tmp_path: Path, other: str):
    path = tmp_path / "t"
    for _ in range(2):
        (path / other).parent.mkdir(parents=True, exist_ok=True)
        (path / other).touch()
        with pytest.raises(DataError, match=f"no table to replace: .*found {re.escape(other.split('/')[0])}"):
            replace_table(spark.range(2), str(path))
        assert (path / other).exists()
        spark.range(3).write.mode("append").parquet(str(path))


def test_a_replacement_that_fails_leaves_the_old_table(spark: SparkSession, tmp_path: Path):
    path = str(tmp_path / "t")
    write_table(spark.range(3), path)
    with pytest.raises(Exception, match="no such beat"):
        replace_table(spark.range(2).selectExpr("IF(id = 1, raise_error('no such beat'), id) AS id"), path)
    assert read_table(spark, path).count() == 3


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

    write_table(spark.range(3), path)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(LocalFiles, "rename", die_later)
        replace_table(spark.range(2), path)
    assert holds_files(spark, path) == (dies_at == 1)
    with pytest.raises(Exception, match="no such beat"):
        replace_table(spark.range(2).selectExpr("IF(id = 1, raise_error('no such beat'), id) AS id"), path)
    assert read_table(spark, path).count() == 3
    replace_table(spark.range(4), path)
    assert read_table(spark, path).count() == 4
    assert [entry.name for entry in tmp_path.iterdir()] == ["t"]

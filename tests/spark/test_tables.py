from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.spark.tables import (
    filter_rows,
    holds_files,
    read_table,
    refuse_existing,
    write_table,
)


def test_a_table_is_written_once_and_never_over_another(spark: SparkSession, tmp_path: Path):
    path = str(tmp_path / "a table")
    refuse_existing(spark, path)
    write_table(spark.range(3), path)
    assert read_table(spark, path).count() == 3
    with pytest.raises(DataError, match="a table is there already: remove it or write somewhere else"):
        refuse_existing(spark, path)


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


def test_writing_refuses_an_existing_table_by_itself(spark: SparkSession, tmp_path: Path):
    write_table(spark.range(3), str(tmp_path / "t"))
    with pytest.raises(DataError, match="is there already"):
        write_table(spark.range(3), str(tmp_path / "t"))
    assert read_table(spark, str(tmp_path / "t")).count() == 3

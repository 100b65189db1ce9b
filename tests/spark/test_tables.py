from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.spark.tables import filter_rows, holds_files, read_table

pytestmark = pytest.mark.both_sparks


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
    with pytest.raises(DataError, match="cannot be read"):
        read_table(spark, str(tmp_path))


def test_a_condition_keeps_its_rows(spark: SparkSession):
    assert filter_rows(spark.range(10), "id % 2 = 0").count() == 5
    assert filter_rows(spark.range(10), None).count() == 10


@pytest.mark.parametrize("condition", ["nothing = 1", "id ====", "id"])
def test_a_condition_that_does_not_fit_is_a_settings_error(spark: SparkSession, condition: str):
    with pytest.raises(SettingsError, match=r"--where .* does not fit the table: \[[A-Z_.]+\]"):
        filter_rows(spark.range(3), condition)

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from lstm_fcn.model.file import Model
from lstm_fcn.spark.scoring.task_size import beats_a_minute, cut

ROWS = 8_000


def write(path: Path, rows_of_a_group: int) -> Path:
    values = np.random.default_rng(0).random((ROWS, 100), dtype=np.float32)  # which cannot be compressed
    table = pa.table({"id": np.arange(ROWS), "beat": list(values)})
    pq.write_table(table, path, row_group_size=rows_of_a_group, use_dictionary=False)
    return path


@pytest.fixture(autouse=True)
def split_size(spark: SparkSession):
    name = "spark.sql.files.maxPartitionBytes"
    before = spark.conf.get(name)
    yield
    spark.conf.set(name, before)


def largest_task(table) -> int:
    return max(len(rows) for rows in table.select("id").rdd.glom().collect())


@pytest.mark.parametrize("rows_of_a_group", [200, ROWS])
def test_a_task_has_about_a_minutes_rows_whatever_the_row_groups(
    spark: SparkSession, tmp_path: Path, rows_of_a_group: int
):
    path = write(tmp_path / "beats.parquet", rows_of_a_group)
    table = spark.read.parquet(str(path)).coalesce(1)
    assert largest_task(table) == ROWS
    found = cut(spark.read.parquet(str(path)), ROWS, path.stat().st_size, a_minute=2_600)
    assert 500 < largest_task(found) < 5_200
    assert found.count() == ROWS


def test_splitting_files_moves_no_rows(spark: SparkSession, tmp_path: Path):
    path = write(tmp_path / "beats.parquet", 200)
    found = cut(spark.read.parquet(str(path)), ROWS, path.stat().st_size, a_minute=2_600)
    assert "Exchange" not in found._jdf.queryExecution().executedPlan().toString()


def test_each_core_has_several_tasks_where_these_are_not_too_short(spark: SparkSession, tmp_path: Path):
    path = write(tmp_path / "beats.parquet", 200)
    found = cut(spark.read.parquet(str(path)), ROWS, path.stat().st_size, a_minute=6_000)
    assert ROWS / 4 / spark.sparkContext.defaultParallelism * 0.5 < largest_task(found) < 3_000


def test_a_small_table_is_left_as_it_is(spark: SparkSession):
    table = spark.range(10)
    assert cut(table, 10, 0, 10) is table


def test_the_engine_is_timed(model: Model):
    assert beats_a_minute(model, "float32", 64) > 1_000
    assert beats_a_minute(model, "float32", 64) < 10**8

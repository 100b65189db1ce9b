"""Tables of few rows for tests."""

from collections.abc import Iterable, Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from lstm_fcn.spark.rows import few_rows


def frame_of(spark: SparkSession, rows: Iterable[Sequence[Any]], schema: str) -> DataFrame:
    """What `createDataFrame` makes of rows of numbers, texts and arrays, sooner and in one partition."""
    return few_rows(spark, rows, dict(each.strip("`").split(" ", 1) for each in schema.split(", ")))

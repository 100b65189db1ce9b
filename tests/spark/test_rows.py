"""Rows of the driver that become a DataFrame without a process of Python."""

import math

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from lstm_fcn.spark.rows import few_rows
from lstm_fcn.spark.sql import confs

pytestmark = pytest.mark.both_sparks

TYPES = {"a name": "string", "group": "string", "value": "double", "count": "bigint"}


def test_rows_are_what_they_were(spark: SparkSession) -> None:
    texts = ["", "grüße`'\"\\\n\x00 \U0001f600", '{"a": 1}']
    rows = [(text, None, value, 2**62) for text in texts for value in (1 / 3, 1e-300, math.inf, None)]
    table = few_rows(spark, rows, TYPES)
    assert table.dtypes == list(TYPES.items())
    assert [tuple(row) for row in table.collect()] == rows
    assert table.rdd.getNumPartitions() == 1
    assert math.isnan(few_rows(spark, [("", "", math.nan, 1)], TYPES).collect()[0].value)
    assert few_rows(spark, [], TYPES).collect() == []


def test_many_rows_and_a_very_long_text_are_what_they_were(spark: SparkSession) -> None:
    rows = [(str(i), "", 0.5, i) for i in range(40_000)] + [("x" * 20_000_001, None, None, None)]
    table = few_rows(spark, rows, TYPES)
    assert table.dtypes == list(TYPES.items())
    found = table.selectExpr("count(1)", "max(length(`a name`))", "sum(count)").collect()
    assert tuple(found[0]) == (40_001, 20_000_001, sum(range(40_000)))


def test_no_setting_of_the_session_loses_rows(spark: SparkSession) -> None:
    with confs(spark, {"spark.sql.columnNameOfCorruptRecord": "value"}):
        assert few_rows(spark, [("", None, 1.0, 1)], TYPES).count() == 1


def test_what_a_column_cannot_hold_is_an_error_not_null(spark: SparkSession) -> None:
    with pytest.raises((PySparkException, Py4JJavaError), match="FAILFAST"):
        few_rows(spark, [("", "", 1.0, "many")], TYPES).collect()
    with pytest.raises(ValueError, match="shorter"):
        few_rows(spark, [("", "")], TYPES)

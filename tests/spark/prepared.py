"""Beats as `prepare.py` has cut them, with records that could not be read."""

from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.data.beats import BEAT_SCHEMA
from lstm_fcn.spark.prepare.output import NO_BEATS


def prepared(
    spark: SparkSession,
    records: Mapping[str, int],
    *,
    failed: int = 0,
    symbol: str = "N",
    beatless: Sequence[str] = (),
) -> DataFrame:
    """So many beats of each record, all with this symbol, records f0, f1, ... that failed, and some without beats."""
    rows = [(record, i, symbol, None) for record, count in records.items() for i in range(count)]
    rows += [(f"f{i}", None, None, f"f{i}.dat is missing") for i in range(failed)]
    rows += [(record, None, None, NO_BEATS) for record in beatless]
    known = {"record": "string", "sample": "long", "symbol": "string"}
    names = [(field.name, field.dataType.simpleString()) for field in spark.createDataFrame([], BEAT_SCHEMA).schema]
    table = spark.createDataFrame(
        rows, ", ".join(f"{name} {kind}" for name, kind in known.items()) + ", failure string"
    )
    columns = [name if name in known else f"CAST(NULL AS {kind}) AS `{name}`" for name, kind in names]
    return table.selectExpr(*columns, "failure")


def failing(beats: DataFrame) -> DataFrame:
    """The same beats, of which one cannot be computed."""
    return beats.withColumn("sample", F.expr("IF(sample = 1, raise_error('no such beat'), sample)"))


def counts(spark: SparkSession, name: str) -> dict[str, tuple[int, str]]:
    """Of each record of a table, its beats and their one symbol."""
    rows = spark.table(name).groupBy("record").agg({"sample": "count", "symbol": "collect_set"}).collect()
    found = {row["record"]: (row["count(sample)"], row["collect_set(symbol)"]) for row in rows}
    assert all(len(symbols) == 1 for _, symbols in found.values())
    return {record: (count, symbols[0]) for record, (count, symbols) in found.items()}


def left_beside(spark: SparkSession, name: str) -> list[str]:
    """What follows the name of a table in those of the tables beside it."""
    schema, _, bare = name.rpartition(".")
    names = [row["tableName"] for row in spark.sql(f"SHOW TABLES IN {schema}").collect()]
    return sorted(each.removeprefix(bare) for each in names if each.startswith(f"{bare}_"))

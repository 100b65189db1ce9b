"""Few rows that the driver knows, as a DataFrame."""

import json
from collections.abc import Iterable, Mapping, Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.spark.sql import quoted

Value = str | float | None


def few_rows(spark: SparkSession, rows: Iterable[Sequence[Value]], types: Mapping[str, str]) -> DataFrame:
    """Make a DataFrame of one partition.

    Classic Spark sends what `createDataFrame` gets through a process of Python on an executor, whose start takes longer
    than anything else that is done with a few rows. These are read by Spark itself.

    Parameters
    ----------
    spark : SparkSession
    rows : iterable of sequences
        Of texts and numbers, one for each column.
    types : mapping
        Name of a column -> its type in SQL.
    """
    text = json.dumps([dict(zip(types, row, strict=True)) for row in rows])
    fields = ", ".join(f"{quoted(name)}: {kind}" for name, kind in types.items())
    parsed = F.from_json(F.lit(text), f"array<struct<{fields}>>", {"mode": "FAILFAST"})
    return spark.range(0, 1, 1, numPartitions=1).select(F.inline(parsed))

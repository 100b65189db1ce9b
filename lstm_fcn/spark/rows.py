"""Few rows that the driver knows, as a DataFrame."""

import json
from collections.abc import Iterable, Mapping, Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.spark.sql import quoted

_Value = str | float | None
_LONGEST = 2**20
"""Characters of text that become a part of a plan."""


def few_rows(spark: SparkSession, rows: Iterable[Sequence[_Value]], types: Mapping[str, str]) -> DataFrame:
    """Make a DataFrame of one partition.

    Classic Spark sends what `createDataFrame` gets through a process of Python on an executor. Its start takes longer
    than all else that is done with a few rows, so Spark itself reads them here, from a text. Longer ones (1 MiB) go
    through `createDataFrame`: a plan, and a text in JSON (20 million characters), have their limits.

    Parameters
    ----------
    spark : SparkSession
    rows : iterable of sequences
        Of texts and numbers, one for each column.
    types : mapping
        Name of a column -> its type in SQL.

    Returns
    -------
    DataFrame
        As many rows, with these columns, NULL for None. A value that is not of its column's type is an error of Spark
        when the rows are read.
    """
    rows = [tuple(row) for row in rows]
    text = json.dumps([dict(zip(types, row, strict=True)) for row in rows])
    fields = ", ".join(f"{quoted(name)}: {kind}" for name, kind in types.items())
    if len(text) > _LONGEST:
        return spark.createDataFrame(rows, f"struct<{fields}>").coalesce(1)
    # A column of this name would be left out, and an array's own is called value.
    options = {"mode": "FAILFAST", "columnNameOfCorruptRecord": "_corrupt_record"}
    parsed = F.from_json(F.lit(text), f"array<struct<{fields}>>", options)
    return spark.range(0, 1, 1, numPartitions=1).select(F.inline(parsed))

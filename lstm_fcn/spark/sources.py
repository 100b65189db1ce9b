"""Opening the table to score: of the catalog by its name, or files of any format by their path."""

import re
from collections.abc import Mapping

from pyspark.sql import DataFrame, SparkSession

from lstm_fcn.errors import DataError
from lstm_fcn.spark.tables import as_data_errors, holds_files

_NAME = re.compile(r"(\w+\.){1,2}\w+")
_FILE_SUFFIXES = ("parquet", "orc", "avro", "json", "csv", "delta", "gz", "zst")


def is_table_name(name: str) -> bool:
    """Tell a table of the catalog (schema.table, catalog.schema.table) from a path.

    What ends like a file (beats.parquet) is a path, and so is what has a slash (./schema.table).
    """
    return _NAME.fullmatch(name) is not None and name.rsplit(".", 1)[1].lower() not in _FILE_SUFFIXES


def read_source(
    spark: SparkSession, name: str, kind: str = "parquet", options: Mapping[str, str] | None = None
) -> DataFrame:
    """Open a table of the catalog, or files.

    Parameters
    ----------
    spark : SparkSession
    name : str
        As `is_table_name` tells them apart.
    kind : str
        Of the files: any format that Spark reads.
    options : mapping, optional
        Of that format, e.g. header for CSV.

    Raises
    ------
    DataError
        If there is none, or it cannot be read.
    """
    if is_table_name(name):
        with as_data_errors(name):
            is_there = spark.catalog.tableExists(name)
        if not is_there:
            raise DataError(f"the catalog has no table {name}; a path is written with a slash, e.g. ./{name}")
        table = spark.table(name)
    elif not holds_files(spark, name):
        raise DataError(f"no table at {name}; a table of the catalog is written schema.table")
    else:
        with as_data_errors(f"{name}, as {kind},"):
            table = spark.read.format(kind).options(**(options or {})).load(name)
    with as_data_errors(name):
        table.limit(0).collect()  # Spark Connect does not look at the files before
    return table

"""Reading, checking and writing tables: of the catalog by their names, or files by their paths."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession

from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.spark.errors import as_data_errors, first_line
from lstm_fcn.spark.files import Files, split_scheme
from lstm_fcn.spark.partition_types import read_files
from lstm_fcn.spark.table_names import refuse_neither, table_name
from lstm_fcn.spark.versions import read_version

_OF_A_TABLE = re.compile(r".*\.parquet|_SUCCESS|_temporary|\..*\.crc|_(started|committed)_\d+")
"""What Spark leaves in a table's folder; the last two on Databricks."""


def holds_files(spark: SparkSession, path: str) -> bool:
    """Check whether there is a file at a path or below it, on any storage that Spark reads.

    What starts with an underscore or a dot, such as the remains of a failed write, does not count.
    """
    # Named twice, because for a single path that is not there Spark logs a stack trace.
    files = spark.read.format("binaryFile").option("recursiveFileLookup", True)
    with as_data_errors(path):
        try:
            return bool(files.load([path, path]).select("path").take(1))
        except AnalysisException as error:
            if "PATH_NOT_FOUND" in str(error):
                return False
            raise


def read_table(
    spark: SparkSession,
    name: str,
    kind: str = "parquet",
    options: Mapping[str, str] | None = None,
    *,
    flag: str = "the table",
    types: Mapping[str, str] | None = None,
) -> DataFrame:
    """Open a table of the catalog, or files.

    Parameters
    ----------
    spark : SparkSession
    name : str
        A table where `table_name` says so, else a path.
    kind : str
        Of the files: any format that Spark reads.
    options : mapping, optional
        Of that format, e.g. header for CSV; of a table of the catalog what names a version, e.g. versionAsOf.
    flag : str
        What the name is given with, for the message.
    types : mapping, optional
        Of partition columns, where they are known, as `read_files` takes them.

    Raises
    ------
    SettingsError
        If the name is neither that of a table nor a path.
    DataError
        If there is none, or it cannot be read.
    """
    refuse_neither(name, flag)
    table_of_catalog = table_name(name)
    if table_of_catalog is not None:
        with as_data_errors(name):
            is_there = spark.catalog.tableExists(str(table_of_catalog))
        if not is_there:
            raise DataError(f"the catalog has no table {name}; a path is written with a slash, e.g. ./{name}")
        with as_data_errors(name):
            table = (
                read_version(spark, table_of_catalog, options, flag) if options else spark.table(str(table_of_catalog))
            )
    elif not holds_files(spark, name):
        raise DataError(f"no table at {name}; a table of the catalog is written schema.table")
    else:
        _refuse_as_other_format(spark, name, kind, flag)
        with as_data_errors(f"{name}, as {kind},"), _nanoseconds_named(name):
            table = read_files(spark, name, kind, options or {}, types or {})
    with as_data_errors(name):
        table.limit(0).collect()  # Spark Connect does not look at the files before
    return table


_OF_TRANSACTIONS = {"delta": "_delta_log", "iceberg": "metadata/*.metadata.json"}


def _refuse_as_other_format(spark: SparkSession, path: str, kind: str, flag: str) -> None:
    """Refuse to read the files of a table with transactions by themselves, with rows that were deleted or replaced.

    Raises
    ------
    DataError
    """
    for format_, log in _OF_TRANSACTIONS.items():
        if kind.lower() not in _OF_TRANSACTIONS and holds_files(spark, f"{path.rstrip('/')}/{log}"):
            raise DataError(
                f"{flag} {path} is a table of {format_}, whose files also hold rows that were deleted or replaced: "
                f"give its name in the catalog, or, of score.py, --beats-format {format_}"
            )


@contextmanager
def _nanoseconds_named(path: str) -> Iterator[None]:
    """Name the columns of timestamps that Spark refuses without their names, as pandas writes them.

    Raises
    ------
    DataError
    """
    try:
        yield
    except AnalysisException as error:
        if "TIMESTAMP(NANOS" not in str(error):
            raise
        file, columns = _find_nanoseconds(path)
        raise DataError(
            f"{file}: expected timestamps of microseconds, found nanoseconds in {columns}, which Spark does not read: "
            "write them with pandas' to_parquet(..., coerce_timestamps='us'), or set "
            "spark.sql.legacy.parquet.nanosAsLong=true to take them as whole numbers"
        ) from error


def _find_nanoseconds(path: str) -> tuple[str, str]:
    """Find the first file with such columns, and these; as far as they can be read without Spark."""
    import pyarrow as pa
    import pyarrow.dataset as pads

    scheme, _, local = split_scheme(path)
    try:
        for fragment in pads.dataset(local if scheme == "file" else path, format="parquet").get_fragments():
            odd = [each.name for each in fragment.physical_schema if str(each.type).startswith("timestamp[ns")]
            if odd:
                return fragment.path, f"column{'s' * (len(odd) > 1)} {', '.join(map(repr, odd))}"
    except (OSError, pa.ArrowException):
        pass
    return path, "a column"


def filter_rows(table: DataFrame, condition: str | None) -> DataFrame:
    """Keep the rows that fulfil an SQL condition.

    Raises
    ------
    SettingsError
        If the condition is no SQL or names a column that is not there.
    """
    if condition is None:
        return table
    try:
        kept = table.where(condition)
        kept.limit(0).collect()  # Spark Connect does not look at the condition before
        return kept
    except AnalysisException as error:  # a ParseException is one too
        raise SettingsError(f"--where {condition!r} does not fit the table: {first_line(error)}") from error


def check_columns(table: DataFrame, expected: Mapping[str, tuple[str, ...]], what: str) -> None:
    """Refuse a table without these columns, or with other types.

    Parameters
    ----------
    table : DataFrame
    expected : mapping
        Column -> the types it may have, in Spark's words, e.g. 'array<float>'.
    what : str
        What the table is, for the message.

    Raises
    ------
    DataError
    """
    found = dict(table.dtypes)
    for name, types in expected.items():
        if name not in found:
            raise DataError.no_column(what, name, found)
        if found[name] not in types:
            raise DataError(f"{what}: expected column '{name}' to be {' or '.join(types)}, found {found[name]}")


def refuse_missing(names: Sequence[str], table: DataFrame, what: str) -> None:
    """Refuse a table without these columns.

    Parameters
    ----------
    names : sequence of str
    table : DataFrame
    what : str
        What the table is, for the message.

    Raises
    ------
    DataError
    """
    for name in names:
        if name not in table.columns:
            raise DataError.no_column(what, name, table.columns)


def require_replaceable(table: DataFrame, path: str, files: Files) -> None:
    """Refuse to replace what is more than a table, or has other columns.

    Raises
    ------
    DataError
    """
    found, spark = table.columns, table.sparkSession
    others = [name for name in files.names(path) if not _OF_A_TABLE.fullmatch(name)]
    if not others and holds_files(spark, path):
        found = spark.read.parquet(path).columns
    if others or set(found) != set(table.columns):
        odd = others[0] if others else f"the columns {', '.join(found)}"
        raise DataError(
            f"{path} is no table to replace: expected nothing but Parquet files with the columns "
            f"{', '.join(table.columns)}; found {odd}. Remove it or write somewhere else"
        )

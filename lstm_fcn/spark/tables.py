"""Reading and writing tables, and turning Spark's errors into ones that a user can act on."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, PySparkException, PythonException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn import errors
from lstm_fcn.errors import DataError, SettingsError, StorageError
from lstm_fcn.spark.files import Files, files_at

PATTERN = re.compile(r"[*?\[\]{}\\]")
"""What Spark takes for a pattern in a path when it reads, but not when it writes."""

_OF_A_TABLE = re.compile(r".*\.parquet|_SUCCESS|_temporary|\..*\.crc|_(started|committed)_\d+")
"""What Spark leaves in a table's folder; the last two on Databricks."""

_DISK_FULL = re.compile(r"No space left on device|File too large|Disk quota exceeded")
_RAISED_BY_US = re.compile(r"lstm_fcn\.errors\.(\w+): (.+)")


@contextmanager
def own_errors_of_tasks() -> Iterator[None]:
    """Raise an error of this package that a task raised on an executor as itself, and a full disk as one of ours.

    Raises
    ------
    LstmFcnError
    """
    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        ours, full = _RAISED_BY_US.search(str(error)), _DISK_FULL.search(str(error))
        if ours:
            raise getattr(errors, ours[1])(ours[2]) from error
        if full:
            raise StorageError(f"Spark cannot write: {full[0]}") from error
        raise


@contextmanager
def as_data_errors(what: str) -> Iterator[None]:
    """Raise what Spark says of a table or a path as an error of ours, in one line.

    Raises
    ------
    DataError
    """
    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        raise DataError(f"{what} cannot be read: {first_line(error)}") from error


def holds_files(spark: SparkSession, path: str) -> bool:
    """Tell whether there is a file at a path or below it, on any storage that Spark reads.

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


def read_table(spark: SparkSession, path: str) -> DataFrame:
    """Open a Parquet table.

    Raises
    ------
    DataError
        If there is none.
    """
    if not holds_files(spark, path):
        raise DataError(f"no table at {path}")
    try:
        table = spark.read.parquet(path)
        table.limit(0).collect()  # Spark Connect does not look at the files before
        return table
    except (PySparkException, Py4JJavaError) as error:
        raise DataError(f"no Parquet table at {path}: {first_line(error)}") from error


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
            raise DataError(f"{what} has no column '{name}'; found: {', '.join(found)}")
        if found[name] not in types:
            raise DataError(f"{what}: expected column '{name}' to be {' or '.join(types)}, found {found[name]}")


def write_table(table: DataFrame, path: str) -> None:
    """Write a new Parquet table; a failed job leaves no row behind.

    Two jobs that write to one path at the same time are not kept apart.

    Raises
    ------
    DataError
        If there is a file already.
    SettingsError
        If the path has a character that Spark takes for a pattern when it reads, but not when it writes.
    LstmFcnError
        If a task raised one.
    """
    _require_no_pattern(path)
    if holds_files(table.sparkSession, path):
        raise DataError(f"{path} is there already: remove it, write somewhere else, or --replace it")
    with own_errors_of_tasks():
        table.write.mode("append").parquet(path)


def replace_table(table: DataFrame, path: str) -> None:
    """Write a Parquet table in the place of one with the same columns, or of none.

    The new one is written beside it and takes its place by renames, so that a job that fails or is killed leaves the
    old one; between the two renames there is none.

    Raises
    ------
    DataError
        If there is something else.
    SettingsError
        If the path has a character of a pattern, or, under Spark Connect, is not on a disk of client and server.
    LstmFcnError
        If a task raised one.
    """
    _require_no_pattern(path)
    files = files_at(table.sparkSession, path)
    folder, slash, name = path.rstrip("/").rpartition("/")
    draft, old = (f"{folder}{slash}.{name}.{end}" for end in ("new", "old"))
    if files.exists(old) and not files.exists(path):  # somebody died between the renames
        files.rename(old, path)
    _require_replaceable(table, path, files)
    files.remove(draft)
    write_table(table, draft)
    files.remove(old)
    if files.exists(path):
        files.rename(path, old)
    files.rename(draft, path)
    files.remove(old)


def _require_replaceable(table: DataFrame, path: str, files: Files) -> None:
    """Refuse to replace what is more than a table, or has other columns."""
    found, spark = table.columns, table.sparkSession
    others = [name for name in files.names(path) if not _OF_A_TABLE.fullmatch(name)]
    if not others and holds_files(spark, path):
        found = read_table(spark, path).columns
    if others or set(found) != set(table.columns):
        odd = others[0] if others else f"the columns {', '.join(found)}"
        raise DataError(
            f"{path} is no table to replace: expected nothing but Parquet files with the columns "
            f"{', '.join(table.columns)}; found {odd}. Remove it or write somewhere else"
        )


def _require_no_pattern(path: str) -> None:
    if PATTERN.search(path):
        raise SettingsError(f"expected an output path without any of * ? [ ] {{ }} \\, found {path}")


def first_line(error: Exception) -> str:
    """Give what Spark says first, without its plans and stack traces; of a Java error what is at its root."""
    if isinstance(error, Py4JJavaError):
        cause = error.java_exception
        while cause.getCause() is not None:
            cause = cause.getCause()
        return str(cause.toString()).strip().splitlines()[0]
    if isinstance(error, PythonException):
        return python_reason(error)
    return str(error).strip().splitlines()[0]


def python_reason(error: Exception) -> str:
    """Give the last line that Spark says before its own stack trace: it ends Python's, where there is one."""
    told = str(error.java_exception.getMessage()) if isinstance(error, Py4JJavaError) else str(error)
    return re.split(r"\n\s+at |\nJVM stacktrace", told)[0].strip().splitlines()[-1]


def quoted(name: str) -> str:
    """Write a column's name for SQL, whatever characters it has."""
    return "`" + name.replace("`", "``") + "`"


def column(name: str) -> Column:
    """Give a column, whatever characters its name has."""
    return F.col(quoted(name))

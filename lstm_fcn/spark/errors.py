"""Spark's errors, made into ones that a user can act on."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException, PythonException

from lstm_fcn import errors
from lstm_fcn.errors import DataError, LstmFcnError, StorageError

_DISK_FULL = re.compile(r"No space left on device|File too large|Disk quota exceeded")
_OTHER_TYPE = (
    re.compile(
        r"reading file (?P<file>\S.*?)\. Data type mismatches when reading Parquet column "
        r"\[(?P<column>[^\],]+)[^\]]*\]\. Expected Spark type (?P<expected>.+?), actual Parquet type (?P<found>\w+)"
    ),
    re.compile(  # pyspark 3.5
        r"cannot be converted in file (?P<file>\S.*?)\. Column: \[(?P<column>[^\],]+)[^\]]*\], "
        r"Expected: (?P<expected>.+?), Found: (?P<found>\w+)"
    ),
)
_MOST_WORDS = 600
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
        ours = as_ours(error)
        if ours is None:
            raise
        raise ours from error


def as_ours(error: Exception) -> LstmFcnError | None:
    """Return the error of this package that a task raised, or that says better what Spark's does; None for others."""
    text = str(error)
    raised, full = _RAISED_BY_US.search(text), _DISK_FULL.search(text)
    if raised:
        return cast("LstmFcnError", getattr(errors, raised[1])(raised[2]))
    if full:
        return StorageError(f"Spark cannot write: {full[0]}")
    for pattern in _OTHER_TYPE:
        odd = pattern.search(text)
        if odd:
            return DataError(
                f"{odd['file']}: expected column '{odd['column']}' to be of {odd['expected']}, as in other files of "
                f"the table, found {odd['found']}: write all files with one type (cast the column of those that differ)"
            )
    return None


@contextmanager
def as_data_errors(what: str) -> Iterator[None]:
    """Raise Spark's error about a table or a path as an error of ours, in one line.

    Raises
    ------
    DataError
    """
    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        raise as_ours(error) or DataError(f"{what} cannot be read: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """Return the first line of Spark's message, without plans and stack traces; of a Java error that of its root."""
    if isinstance(error, Py4JJavaError):
        cause = error.java_exception
        while cause.getCause() is not None:
            cause = cause.getCause()
        return str(cause.toString()).strip().splitlines()[0]
    if isinstance(error, PythonException):
        return python_reason(error)
    return str(error).strip().splitlines()[0]


def python_reason(error: Exception) -> str:
    """Return the last line before Spark's own stack trace: the end of Python's, where there is one."""
    text = str(error.java_exception.getMessage()) if isinstance(error, Py4JJavaError) else str(error)
    return re.split(r"\n\s+at |\nJVM stacktrace", text)[0].strip().splitlines()[-1]


def own_words(error: Exception) -> str:
    """Return all that Spark's message says before plans and stack traces, in one line: what a table says of rows."""
    text = str(error.java_exception.getMessage()) if isinstance(error, Py4JJavaError) else str(error)
    lines = re.split(r"\n\s+at |\n+JVM stacktrace|\n+Driver stacktrace|\n+If the schema is inferred", text)[0].split(
        "\n"
    )
    return " ".join(line.strip() for line in lines if line.strip())[:_MOST_WORDS]

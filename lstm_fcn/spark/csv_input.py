"""CSV files to score: with a header or without one, every value as the text that it is."""

import re
from collections.abc import Mapping

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from lstm_fcn.data.beats import refuse_twice
from lstm_fcn.errors import DataError
from lstm_fcn.spark.errors import as_data_errors
from lstm_fcn.spark.sql import column, quoted
from lstm_fcn.spark.tables import holds_files, read_table

UNFIT = "_unfit"
"""The column with the rows whose number of values is not that of the columns; NULL for all others."""

_CSV = re.compile(r"\.csv(\.(gz|bz2|zst|zip|xz))?/*$", re.IGNORECASE)
_UNREADABLE = re.compile(r"\.(zip|xz)$", re.IGNORECASE)
_TRIMMED = {"ignoreLeadingWhiteSpace": "true", "ignoreTrailingWhiteSpace": "true"}


def is_csv_name(path: str) -> bool:
    """Check whether a path, of a file or a folder, is called like CSV."""
    return _CSV.search(path) is not None


def read_csv(spark: SparkSession, path: str, options: Mapping[str, str], label: str) -> DataFrame:
    """Open CSV files whose columns stay text, but for the label where it is a number.

    A row with more or fewer values than there are columns stands as text in the column `UNFIT`.

    Parameters
    ----------
    spark : SparkSession
    path : str
    options : mapping
        Of Spark's CSV; without header=..., the first line shows whether it is one.
    label : str
        The column with the label.

    Raises
    ------
    DataError
        If there is no such file, Spark cannot read it, or of labels that are numbers one is not whole.
    """
    if _UNREADABLE.search(path):
        raise DataError(f"Spark does not read {path}: unpack it, or compress it as .gz")
    given = {name.lower(): value for name, value in options.items()}
    found = dict(options)
    names = _first_row(spark, path, given)
    if "header" not in given:
        found["header"] = str(_is_header(names)).lower()
    if given.get("header", found.get("header")) == "true":
        refuse_twice(names, path)
    found |= {name: value for name, value in _TRIMMED.items() if name.lower() not in given}
    table = _with_unfit_rows(read_table(spark, path, "csv", found), path, found)
    return _with_numeric_label(table, label, path) if dict(table.dtypes).get(label) == "string" else table


def _with_unfit_rows(table: DataFrame, path: str, options: Mapping[str, str]) -> DataFrame:
    # Without these two options Spark drops the values that are too many, and puts NULL for those that are missing.
    noted = {**options, "columnNameOfCorruptRecord": UNFIT, "columnPruning": "false"}
    schema = StructType([*table.schema, StructField(UNFIT, StringType())])
    return table.sparkSession.read.format("csv").options(**noted).schema(schema).load(path)


def _first_row(spark: SparkSession, path: str, options: Mapping[str, str]) -> list[str]:
    if not holds_files(spark, path):
        raise DataError(f"no CSV file at {path}: it is not there, or is empty")
    with as_data_errors(path):
        first = spark.read.text(path).where("trim(value) != ''").first()
    if first is None:
        raise DataError(f"{path} has no rows")
    line = first["value"].lstrip("\ufeff")
    if line.lower().startswith("sep="):
        raise DataError(f"{path} begins with the line '{line}', which is no row: remove this line")
    if "\ufffd" in line and not {"encoding", "charset"} & options.keys():
        raise DataError(
            f"{path} is no text in UTF-8: write it so, or name its encoding, e.g. --beats-options encoding=ISO-8859-1"
        )
    return _values(line, options, path)


def _values(line: str, options: Mapping[str, str], path: str) -> list[str]:
    separator = (options.get("sep") or options.get("delimiter") or ",").replace("\\t", "\t")  # as Spark takes it
    other = re.search("[;\t,]", line)
    if separator not in line and other:
        name = repr(other[0])[1:-1]
        raise DataError(
            f"{path}: expected '{separator}' between the values, found '{name}': --beats-options 'sep={name}' takes it"
        )
    return [value.strip(' "') for value in line.split(separator)]


def _is_header(values: list[str]) -> bool:
    # The names that pandas gives to columns without any are numbers too.
    return not all(map(_is_number, values)) or values == [str(i) for i in range(len(values))]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text == ""
    return True


def _with_numeric_label(table: DataFrame, label: str, path: str) -> DataFrame:
    """Make whole numbers of a label that is written as them, be it 1 or 1.000000e+00; text stays text.

    Raises
    ------
    DataError
        If the first one is a number, and another one is not whole.
    """
    number = F.expr(f"try_cast({quoted(label)} AS double)")
    first = table.where(column(label).isNotNull()).select(number.alias("number")).first()
    if first is None or first["number"] is None:
        return table
    whole = F.expr(f"try_cast(try_cast({quoted(label)} AS double) AS int)")
    is_odd = column(label).isNotNull() & F.coalesce(number != whole, F.lit(True)) & column(UNFIT).isNull()
    odd = table.where(is_odd).select(column(label)).first()
    if odd is not None:
        raise DataError(
            f"{path}: expected whole numbers in column '{label}', found '{odd[0]}'; --label none scores without metrics"
        )
    return table.withColumn(label, whole)

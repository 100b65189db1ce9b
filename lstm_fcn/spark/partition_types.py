"""The types of partition columns, which the names of folders do not say: what was text stays text.

Spark guesses: 'record=118' and 'record=118e00' are then one number, and so are 'site=01' and 'site=1'. A guess is right
where it gives the folder's name back, as '3' and '2026-01-01' do; else the column is text.
"""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import (
    ByteType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    ShortType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
"""The value in the name of a folder whose rows have none."""

_OF_FILES = ("parquet", "orc", "csv", "json", "text", "avro", "xml")
"""Formats without types of their own for partition columns."""

_WHOLE, _FRACTION = r"0|-?[1-9]\d*", r"-?(0|[1-9]\d*)\.(0|\d*[1-9])"
_DATE, _TIME = r"\d{4}-\d\d-\d\d", r"\d\d:\d\d:\d\d(\.\d*[1-9])?"
_AS_WRITTEN: tuple[tuple[tuple[type[DataType], ...], str], ...] = (
    ((ByteType, ShortType, IntegerType, LongType, DecimalType), _WHOLE),
    ((FloatType, DoubleType), _FRACTION),
    ((DateType,), _DATE),
    ((TimestampType, TimestampNTZType), f"{_DATE} {_TIME}"),
)
"""How Spark writes a value of a type into a folder's name."""


def read_files(
    spark: SparkSession, path: str, kind: str, options: Mapping[str, str], types: Mapping[str, str]
) -> DataFrame:
    """Open files, with the types of partition columns that are known, and else those that the folders' names bear out.

    Parameters
    ----------
    spark : SparkSession
    path : str
    kind : str
        Format.
    options : mapping
        Of the format.
    types : mapping
        Partition column -> its type where it is known, as `type_names` makes it.
    """

    def load(schema: StructType | None = None) -> DataFrame:
        reader = spark.read.format(kind).options(**options)
        return (reader if schema is None else reader.schema(schema)).load(path)

    table = load()
    if kind.lower() not in _OF_FILES:
        return table
    fields = {field.name: field for field in table.schema}
    wrong = {name: _type(text) for name, text in types.items() if name in fields}
    wrong |= {name: StringType() for name in _badly_guessed(table, set(fields) - set(wrong))}
    wrong = {name: kind_ for name, kind_ in wrong.items() if kind_ != fields[name].dataType}
    if not wrong:
        return table
    others = StructType([field for field in table.schema if field.name not in wrong])
    # A partition column is there without being asked for; one of the files' own is not.
    partitions = set(load(others).columns) - set(others.names)
    wanted = [
        StructField(name, wrong[name]) if name in partitions & wrong.keys() else field for name, field in fields.items()
    ]
    return load(StructType(wanted))


def type_names(schema: StructType, names: Iterable[str]) -> dict[str, str]:
    """Name the types of some columns, such as 'string', 'date' or 'decimal(10,2)'."""
    return {name: str(schema[name].dataType.jsonValue()) for name in names}


def _type(text: str) -> DataType:
    field = {"name": "value", "type": text, "nullable": True, "metadata": {}}
    return StructType.fromJson({"type": "struct", "fields": [field]})["value"].dataType


def _badly_guessed(table: DataFrame, names: set[str]) -> list[str]:
    """List columns with a value, in the name of a folder, that is not what its type would write."""
    expected = {
        field.name: next((text for kinds, text in _AS_WRITTEN if isinstance(field.dataType, kinds)), None)
        for field in table.schema
        if field.name in names
    }
    values = _values_in_folders(table.inputFiles()) if any(expected.values()) else {}
    return [
        name
        for name, text in expected.items()
        if text is not None and any(re.fullmatch(text, value) is None for value in values.get(name, ()))
    ]


def _values_in_folders(files: Iterable[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for folder in {file.rpartition("/")[0] for file in files}:
        for part in unquote(folder).split("/"):  # a URI: what Spark escaped itself is still so
            name, sign, value = part.partition("=")
            if sign and value != NULL_PARTITION:
                found.setdefault(unquote(name), set()).add(unquote(value))
    return found

"""A beat table, read in memory: Parquet files in every form that Spark, pandas, polars and pyarrow write them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from lstm_fcn.context.form import CONTEXT_FORM
from lstm_fcn.data.label_scheme import CLASSES_KEY
from lstm_fcn.data.table_names import is_in_catalog, table_parts
from lstm_fcn.errors import DataError, SettingsError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from lstm_fcn.spark.catalog_beats import CatalogBeats

_SCHEMA_OF_SPARK = b"org.apache.spark.sql.parquet.row.metadata"
_TEXT = pa.string()
SHOWN_VALUES = 5
"""Of a column, in a message."""


class BeatTable:
    """The files of a beat table: one file, or a folder of them, partitioned (split=train/) or not.

    Partition values are text, as they are written: record=118e00 and fold=01 are no numbers.

    Parameters
    ----------
    path : str
        Local, or a URI that pyarrow knows.
    expected, optional : sequence of str
        Columns to read; the optional ones where they are there.
    selecting : str, optional
        Column by which `read` selects.
    named : str, optional
        What it is for messages; without it the path.

    Attributes
    ----------
    classes : tuple of str
        That the labels 0, 1, ... stand for, where the table names them.

    Raises
    ------
    DataError
        If there is no such table, or a column is missing or of another type.
    """

    def __init__(
        self,
        path: str,
        expected: Sequence[str],
        optional: Sequence[str] = (),
        selecting: str | None = None,
        named: str | None = None,
    ) -> None:
        _refuse_other_tables(path)
        found = _open(path, None, "hive")
        if next(iter(found.get_fragments()), None) is None:
            raise DataError(f"no beat table at {path}: the folder holds no Parquet file")
        self._path, self._selecting = named or path, selecting
        self.classes = _named_classes(found.schema)
        self._partitions = _partition_names(found)
        names = dict.fromkeys([*expected, *([selecting] if selecting else [])])
        require_columns(self._path, expected, selecting, found.schema.names)
        names |= dict.fromkeys(name for name in optional if name in found.schema.names)
        self._found = {name: found.schema.field(name).type for name in names}
        plain = pa.schema([(name, self._plain(name)) for name in names])
        by_text = pads.partitioning(pa.schema([(name, _TEXT) for name in self._partitions]), flavor="hive")
        self._columns = [name for name in names if name in {*expected, *optional}]
        partition_fields = [pa.field(name, _TEXT) for name in self._partitions if name not in names]
        self._dataset = _open(path, pa.schema([*plain, *partition_fields]), by_text)

    def _plain(self, name: str) -> pa.DataType:
        """Return the type that a column is read as, whatever it is stored as."""
        if name in self._partitions:
            return _TEXT
        stored = _undo_dictionary(self._found[name])
        for column, fits, plain, kind in (
            ("beat", _is_float_list, pa.list_(pa.float32()), "a list of float or double"),
            (CONTEXT_FORM, _is_float_list, pa.list_(pa.float32()), "a list of float or double"),
            ("label", _is_label, stored, "whole numbers or text"),
            ("sample", lambda _: True, stored, ""),
            ("record", _is_name, _TEXT, "text or whole numbers"),
            (self._selecting, _is_name, _TEXT, "a string"),
        ):
            if name == column:
                if not fits(stored):
                    raise DataError(f"{self._path}: expected column '{name}' to be {kind}, found {self._found[name]}")
                return _TEXT if _is_text(stored) else plain
        return stored

    def read(self, value: str | None = None, *, equal: bool = True) -> pd.DataFrame:
        """Read the rows whose selecting column has this value, as text, or (`equal` is False) another one.

        Raises
        ------
        DataError
            If a file cannot be read, or has other types.
        """
        columns, by = list(self._columns), self._selecting
        rows: pd.DataFrame
        try:
            if by is None:
                rows = self._dataset.to_table(columns=columns).to_pandas()
                return rows
            # Only of plain text and partitions Parquet's own statistics can be compared with the value.
            directly = by in self._partitions or self._found[by] in (_TEXT, pa.large_string())
            condition = (pc.field(by) == value) if equal else (pc.field(by) != value)
            table = self._dataset.to_table(
                columns=list(dict.fromkeys([*columns, by])), filter=condition if directly else None
            )
            rows = table.filter(condition).select(columns).to_pandas()
        except (OSError, pa.ArrowException, ValueError) as error:
            raise DataError(self._describe(error)) from error
        return rows

    def values(self) -> list[str]:
        """List the first values of the selecting column, as text."""
        by = self._selecting
        found = self._dataset.to_table(columns=[by]).column(by).unique().drop_null() if by is not None else []
        return sorted(map(str, found))[:SHOWN_VALUES]

    def _describe(self, error: Exception) -> str:
        """Name the file and the column that cannot be read as the first file's, where there is one."""
        for fragment in self._dataset.get_fragments():
            for name, kind in self._found.items():
                reason = self._failure(fragment, name)
                if reason is not None:
                    return self._describe_column(fragment, name, kind, reason)
        return f"{self._path} cannot be read: {_first_line(error)}"

    def _failure(self, file: pads.Fragment, name: str) -> Exception | None:
        try:
            file.to_table(schema=self._dataset.schema, columns=[name])
        except (OSError, pa.ArrowException, ValueError) as reason:
            return reason
        return None

    def _describe_column(self, file: pads.Fragment, name: str, kind: pa.DataType, reason: Exception) -> str:
        try:
            other = file.physical_schema.field(name).type
        except (OSError, pa.ArrowException, KeyError):
            return f"{file.path} cannot be read: {_first_line(reason)}; remove this file, or repair it"
        return (
            f"{file.path}: column '{name}' is {other}, in the first file of {self._path} it is {kind}: "
            f"{_first_line(reason)}; write the files anew with one type"
        )


def open_beat_table(
    path: str,
    expected: Sequence[str],
    optional: Sequence[str] = (),
    selecting: str | None = None,
    *,
    spark: "SparkSession | None" = None,
    options: Mapping[str, str] | None = None,
) -> "BeatTable | CatalogBeats":
    """Open a beat table of files, or one of the catalog (schema.table).

    Parameters
    ----------
    path, expected, optional, selecting
        As `BeatTable` takes them.
    spark : SparkSession, optional
        That knows the catalog; files need none.
    options : mapping, optional
        That name the version of a table of the catalog; files have none.

    Raises
    ------
    SettingsError
        If a table of the catalog is asked for without a session, or may be a file too.
    DataError
        If there is no such table, or a column is missing or of another type.
    """
    if not is_in_catalog(path):
        return BeatTable(path, expected, optional, selecting)
    if spark is None:
        raise SettingsError(
            f"{path} is a table of the catalog, which is read with a session: give `spark`, or write a path with a "
            f"slash, ./{path}"
        )
    from lstm_fcn.spark.catalog_beats import CatalogBeats

    return CatalogBeats(spark, path, expected, optional, selecting, options)


def pin_version(path: str, spark: "SparkSession | None", options: Mapping[str, str] | None) -> dict[str, str]:
    """Return options that read a table of the catalog as it is now, each time; of files none."""
    parts = table_parts(path)
    if spark is None or parts is None:
        return {}
    from lstm_fcn.spark import versions
    from lstm_fcn.spark.sql import TableName

    return versions.pin_version(spark, TableName(parts), options or {})


def require_columns(path: str, expected: Sequence[str], selecting: str | None, found: Sequence[str]) -> None:
    """Refuse a table without the columns that are expected, or the one by which rows are selected.

    Raises
    ------
    DataError
    """
    for name in dict.fromkeys([*expected, *([selecting] if selecting else [])]):
        if name not in found:
            hint = "; name the rows to take with --rows COLUMN=VALUE, or --rows all" if name == selecting else ""
            raise DataError(f"{DataError.no_column(path, name, found)}{hint}")


def _open(path: str, schema: pa.Schema | None, partitioning: object) -> pads.Dataset:
    try:
        return pads.dataset(path, schema=schema, format="parquet", partitioning=partitioning)
    except (OSError, pa.ArrowException, ValueError) as error:
        raise DataError(f"no beat table at {path}: {_hint(path) or _first_line(error)}") from error


def _named_classes(schema: pa.Schema) -> tuple[str, ...]:
    text = (schema.metadata or {}).get(_SCHEMA_OF_SPARK, b'{"fields": []}')
    labels = [field for field in json.loads(text)["fields"] if field["name"] == "label"]
    return tuple(labels[0]["metadata"].get(CLASSES_KEY, ())) if labels else ()


def _partition_names(dataset: pads.Dataset) -> list[str]:
    for fragment in dataset.get_fragments():
        return list(pads.get_partition_keys(fragment.partition_expression))
    return []


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _hint(path: str) -> str:
    """Say how to get there from what is not there or not Parquet."""
    folder = Path(path)
    if folder.is_dir() and any(file.suffix == ".csv" for file in folder.iterdir()):
        return f"it holds CSV files; make a beat table of them with jobs/prepare.py --csv {path}, or name one of them"
    return "" if folder.exists() or "://" in path else "there is no such file or folder"


def _refuse_other_tables(path: str) -> None:
    """Refuse the folder of a table whose format keeps files that are no longer part of it."""
    for kind, mark in (("Delta", "_delta_log"), ("Iceberg", "metadata"), ("Hudi", ".hoodie")):
        folder = Path(path) / mark
        if folder.is_dir() and (kind != "Iceberg" or any(folder.glob("*.metadata.json"))):
            raise DataError(
                f"{path} is the folder of a {kind} table, which may hold files that are no longer part of it: give its "
                "name in the catalog (schema.table), or export it as Parquet with Spark, and train on the copy"
            )


def _undo_dictionary(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_name(kind: pa.DataType) -> bool:
    is_exact = pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_date(kind)
    return bool(is_exact or _is_text(kind))


def _is_label(kind: pa.DataType) -> bool:
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return bool(is_number or pa.types.is_boolean(kind) or _is_text(kind))


def _is_float_list(kind: pa.DataType) -> bool:
    is_list = (
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    )
    return bool(is_list and pa.types.is_floating(kind.value_type))

"""Names and texts for SQL, and the few statements that a catalog gets."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StructField, StructType

_ODD_IN_DELTA = re.compile(r"[ ,;{}()\n\t=]")
"""What a name of a column may only have where Delta maps its columns by names."""


def quoted(name: str) -> str:
    """Write a column's name for SQL, whatever characters it has."""
    return "`" + name.replace("`", "``") + "`"


def column(name: str) -> Column:
    """Return a column, whatever characters its name has."""
    return F.col(quoted(name))


def type_text(kind: DataType) -> str:
    """Write a column's type for SQL; unlike Spark's own texts also with fields of any name."""
    if isinstance(kind, StructType):
        return f"struct<{', '.join(f'{quoted(field.name)}: {type_text(field.dataType)}' for field in kind)}>"
    if isinstance(kind, ArrayType):
        return f"array<{type_text(kind.elementType)}>"
    if isinstance(kind, MapType):
        return f"map<{type_text(kind.keyType)}, {type_text(kind.valueType)}>"
    return kind.simpleString()


@dataclass(frozen=True)
class TableName:
    """The name of a table of the catalog, whatever characters its parts have.

    Attributes
    ----------
    parts : tuple of str
        Schema and table, or catalog, schema and table.
    """

    parts: tuple[str, ...]

    def __str__(self) -> str:
        return _join(self.parts)

    @property
    def schema(self) -> str:
        """The schema, as SQL takes it."""
        return _join(self.parts[:-1])

    @property
    def bare(self) -> str:
        """The table's own name, as it is."""
        return self.parts[-1]

    def sibling(self, name: str) -> "TableName":
        """Name another table of the same schema."""
        return TableName((*self.parts[:-1], name))

    def companion(self, end: str) -> "TableName":
        """Name a table beside this one: with the same name and an end."""
        return self.sibling(self.bare + end)


def _join(parts: Sequence[str]) -> str:
    return ".".join(part if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", part) else quoted(part) for part in parts)


def literal(value: str | None) -> str:
    """Write a text for SQL."""
    return "NULL" if value is None else "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def create_table(
    spark: SparkSession,
    name: "TableName | str",
    schema: StructType,
    kind: str,
    partition_by: Sequence[str] = (),
    comment: str = "",
) -> None:
    """Make an empty table of a format, with the comments that the fields of its schema have.

    It is filled afterwards: one that is made and filled at once leaves, if it is killed, a folder that is in the way.
    """
    listed = ", ".join(map(_column_text, schema))
    parts = f"PARTITIONED BY ({', '.join(map(quoted, partition_by))})" if partition_by else ""
    odd = kind == "delta" and any(_ODD_IN_DELTA.search(each) for each in names_within(schema))
    properties = "TBLPROPERTIES ('delta.columnMapping.mode' = 'name')" if odd else ""
    spark.sql(f"CREATE TABLE {name} ({listed}) USING {kind} {parts} COMMENT {literal(comment)} {properties}")


def add_columns(spark: SparkSession, name: str, fields: Sequence[StructField]) -> None:
    """Add columns to a table, NULL in the rows that are there."""
    spark.sql(f"ALTER TABLE {name} ADD COLUMNS ({', '.join(map(_column_text, fields))})")


def _column_text(field: StructField) -> str:
    comment = field.metadata.get("comment")
    text = f"{quoted(field.name)} {type_text(field.dataType)}"
    return text if comment is None else f"{text} COMMENT {literal(comment)}"


def names_within(kind: DataType) -> Iterator[str]:
    """Yield the names of all fields of a type, at any depth."""
    if isinstance(kind, StructType):
        for field in kind:
            yield field.name
            yield from names_within(field.dataType)
    elif isinstance(kind, ArrayType):
        yield from names_within(kind.elementType)
    elif isinstance(kind, MapType):
        yield from names_within(kind.keyType)
        yield from names_within(kind.valueType)


@contextmanager
def confs(spark: SparkSession, values: dict[str, str]) -> Iterator[None]:
    """Set configurations of the session for a while."""
    before = {name: spark.conf.get(name, None) for name in values}
    for name, value in values.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name, was in before.items():
            if was is None:
                spark.conf.unset(name)
            else:
                spark.conf.set(name, was)

"""How the rows of a table are replaced: what the formats have in common, and tables of files."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructField, StructType, TimestampNTZType, TimestampType

from lstm_fcn.errors import SettingsError
from lstm_fcn.spark.scoring.manifest import Key, Manifest
from lstm_fcn.spark.sql import TableName, confs, literal, quoted

OF_FILES = ("parquet", "orc", "hive", "json", "csv", "avro", "text")
"""Formats whose overwriting deletes first; but by partitions only those that are written."""

_MADE_FOR_COMPANIONS = ("delta", "iceberg", "parquet", "orc")
_DYNAMIC = {
    "spark.sql.sources.partitionOverwriteMode": "dynamic",
    "hive.exec.dynamic.partition": "true",
    "hive.exec.dynamic.partition.mode": "nonstrict",
}


class TableFormat(Protocol):
    """Replaces rows of a table."""

    by_condition: bool
    """Whether rows are replaced by a condition in one commit, however the table is laid out."""

    def replace(self, rows: DataFrame, manifest: Manifest) -> None:
        """Replace the rows of a run's partitions, or those that fulfil its condition, by these; can be repeated."""


_MEANINGS = {
    "prediction": "number of the predicted class, NULL where the beat could not be scored",
    "predicted_class": "name of the predicted class",
    "probability": "probability of each class, in the order of the model's classes",
    "error": "why the beat could not be scored, NULL where it was",
    "beat_length": "values of the series before its padding",
    "model": "name of the model, and the hash of its content",
    "run_id": "the run that scored this beat",
}


def with_comments(schema: StructType, meanings: Mapping[str, str] = _MEANINGS) -> StructType:
    """Say of columns what they mean, by default of those that scoring adds; others keep what is said of them."""
    fields = []
    for field in schema:
        comment = field.metadata.get("comment", meanings.get(field.name))
        metadata = field.metadata if comment is None else {**field.metadata, "comment": comment}
        fields.append(StructField(field.name, field.dataType, field.nullable, metadata))
    return StructType(fields)


def format_of_companions(kind: str) -> str:
    """Return the format of the tables beside one of this format."""
    return kind if kind in _MADE_FOR_COMPANIONS else "parquet"


class TableOfFiles:
    """A table of Parquet files or the like, which is replaced by its partitions.

    Parameters
    ----------
    spark : SparkSession
    name : TableName
    """

    by_condition = False

    def __init__(self, spark: SparkSession, name: TableName) -> None:
        self._spark, self._name = spark, name

    def replace(self, rows: DataFrame, manifest: Manifest) -> None:
        self.replace_partitions(rows)
        self.drop(manifest.removed, manifest.partition_by)

    def replace_partitions(self, rows: DataFrame) -> None:
        """Replace the partitions that these rows are in."""
        with confs(self._spark, _DYNAMIC):
            rows.write.insertInto(str(self._name), overwrite=True)

    def drop(self, keys: Sequence[Key], by: Sequence[str]) -> None:
        """Drop partitions, those that are there."""
        for key in keys:
            values = zip(by, key, strict=True)
            spec = ", ".join(f"{quoted(name)} = {literal(value)}" for name, value in values)
            self._spark.sql(f"ALTER TABLE {self._name} DROP IF EXISTS PARTITION ({spec})")


def replaced_rows(manifest: Manifest, schema: StructType) -> str:
    """Return the condition, in SQL, of the rows that a run replaces or removes.

    Parameters
    ----------
    manifest : Manifest
    schema : StructType
        Of the table.
    """
    if manifest.replaced is not None:
        return f"({manifest.replaced})"
    keys = [*manifest.scored, *manifest.removed]
    return rows_of(keys, manifest.partition_by, schema) if manifest.partition_by else "true"


def rows_of(keys: Sequence[Key], by: Sequence[str], schema: StructType) -> str:
    """Return the condition, in SQL, of the rows with one of these keys, of which there is one or more."""
    values = [dict.fromkeys(key[i] for key in keys) for i in range(len(by))]
    # By each column alone, from which a format sees which files it need not look into. A time as text can be two.
    exact = [name for name in by if not isinstance(schema[name].dataType, TimestampType | TimestampNTZType)]
    parts = [
        _one_of(name, list(found), schema[name].dataType.simpleString())
        for name, found in zip(by, values, strict=True)
        if name in exact
    ]
    if len(by) > 1 or not exact:
        texts = ", ".join(f"coalesce(hex(CAST({quoted(name)} AS STRING)), '-')" for name in by)
        listed = ", ".join(literal("/".join("-" if v is None else v.encode().hex().upper() for v in k)) for k in keys)
        parts.append(f"concat_ws('/', {texts}) IN ({listed})")
    return " AND ".join(parts)


def _one_of(name: str, values: list[str | None], kind: str) -> str:
    known = [value for value in values if value is not None]
    parts = (
        [f"{quoted(name)} IN ({', '.join(f'CAST({literal(value)} AS {kind})' for value in known)})"] if known else []
    )
    parts += [f"{quoted(name)} IS NULL"] if None in values else []
    return f"({' OR '.join(parts)})"


def refuse_unknown_format(name: str, kind: str, flag: str = "--output") -> None:
    """Refuse a format whose way to replace rows is not known.

    Raises
    ------
    SettingsError
    """
    if kind not in (*OF_FILES, "delta", "iceberg"):
        raise SettingsError(
            f"expected {flag} {name} to be a table of Delta, Iceberg or files ({', '.join(OF_FILES)}), found "
            f"{kind}: name a new table, with --table-format, or a folder"
        )

"""Counting a table by partition: rows, a checksum of what is carried along, and the files behind it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import reduce
from urllib.parse import unquote

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstm_fcn.errors import DataError
from lstm_fcn.spark.partition_types import NULL_PARTITION
from lstm_fcn.spark.scoring.manifest import Key, key_text
from lstm_fcn.spark.scoring.plan import PartitionContent
from lstm_fcn.spark.sql import column

_FILE = ("_metadata.file_path", "_metadata.file_size", "_metadata.file_modification_time")
_NOT_HASHED = ("map<", "variant", "interval")
_MOST_PARTITIONS = 100_000


def partition_value(folder: str) -> str | None:
    """Return the value in the name of a partition's folder, e.g. '2026-01-01' of 'day=2026-01-01'; None for NULL."""
    value = unquote(folder.partition("=")[2])
    return None if value == NULL_PARTITION else value


def has_file_metadata(table: DataFrame) -> bool:
    """Check whether the source names the file that a row is in."""
    try:
        return bool(table.select(*_FILE).schema)
    except AnalysisException:
        return False


def survey(table: DataFrame, partition_by: Sequence[str], carried: Sequence[str]) -> dict[Key, PartitionContent]:
    """PartitionContent a table by partition.

    Parameters
    ----------
    table : DataFrame
    partition_by : sequence of str
    carried : sequence of str
        The columns whose values the checksum is of; what Spark cannot hash (maps) is left out.

    Returns
    -------
    dict
        By the values of the partition columns as text; {(): ...} without such columns, rows or not.

    Raises
    ------
    DataError
        If a value cannot be the name of a partition, or there are too many.
    """
    keys = _keys(partition_by)
    files = [F.col(name).alias(f"file_{i}") for i, name in enumerate(_FILE)] if has_file_metadata(table) else []
    rows = table.select(*keys, *files, _hash(table, [name for name in carried if name not in partition_by]))
    names = [f"key_{i}" for i in range(len(keys))]
    per_file = rows.groupBy(*names, *(f"file_{i}" for i in range(len(files)))).agg(
        F.count(F.lit(1)).alias("rows"), F.sum("value").alias("checksum")
    )
    fingerprint = F.sum(F.xxhash64("file_0", "file_1", "file_2").cast("decimal(20,0)")) if files else F.lit(None)
    counted = per_file.groupBy(*names).agg(
        F.sum("rows").alias("rows"),
        F.sum("checksum").alias("checksum"),
        fingerprint.alias("fingerprint"),
        (F.sum("file_1") if files else F.lit(0)).alias("bytes"),
    )
    found = counted.take(_MOST_PARTITIONS + 1)
    if len(found) > _MOST_PARTITIONS:
        raise DataError(f"more than {_MOST_PARTITIONS:,} partitions by {', '.join(partition_by)}: choose other columns")
    counts = {
        tuple(row[name] for name in names): PartitionContent(
            row["rows"] or 0,
            row["checksum"] or Decimal(0),
            None if row["fingerprint"] is None else str(row["fingerprint"]),
            int(row["bytes"] or 0),
        )
        for row in found
    }
    if any("" in key for key in counts):
        raise DataError(f"a partition column ({', '.join(partition_by)}) holds empty texts, which a folder cannot name")
    return counts or ({} if partition_by else {(): PartitionContent(0, Decimal(0))})


def contents(table: DataFrame, partition_by: Sequence[str], names: Sequence[str]) -> dict[Key, str]:
    """Read what the rows of a table are, by partition, whatever files they are in and in whatever order.

    Parameters
    ----------
    table : DataFrame
    partition_by : sequence of str
    names : sequence of str
        The columns that count; what Spark cannot hash (maps) is left out.
    """
    rows = table.select(*_keys(partition_by), _hash(table, names))
    found = rows.groupBy(*(f"key_{i}" for i in range(len(partition_by)))).agg(
        F.concat_ws("/", F.count(F.lit(1)).cast("string"), F.sum("value").cast("string")).alias("content")
    )
    return {tuple(row)[:-1]: row["content"] for row in found.collect()}


def _keys(partition_by: Sequence[str]) -> list[Column]:
    return [column(name).cast("string").alias(f"key_{i}") for i, name in enumerate(partition_by)]


def _hash(table: DataFrame, names: Sequence[str]) -> Column:
    types = dict(table.dtypes)
    hashed = [column(name) for name in names if not any(kind in types[name] for kind in _NOT_HASHED)]
    value = F.xxhash64(*hashed) if hashed else F.lit(0)
    return value.cast("decimal(20,0)").alias("value")


def in_partitions(table: DataFrame, partition_by: Sequence[str], keys: Sequence[Key]) -> DataFrame:
    """Keep the rows of some partitions."""
    if not partition_by:
        return table if keys else table.limit(0)
    return table.where(_as_text(partition_by).isin([_key_text(key) for key in keys]))


def _as_text(partition_by: Sequence[str]) -> Column:
    values = [F.coalesce(column(name).cast("string"), F.lit("\0")) for name in partition_by]
    return reduce(lambda text, value: F.concat(text, F.lit("\1"), value), values)


def _key_text(key: Key) -> str:
    return "\1".join("\0" if value is None else value for value in key)


def require_same(
    before: Mapping[Key, PartitionContent],
    after: Mapping[Key, PartitionContent],
    partition_by: Sequence[str],
    compare_values: bool,
) -> None:
    """Refuse rows that were lost, doubled or changed on the way, partition by partition.

    Parameters
    ----------
    before, after : mapping
        What was read and what was written.
    partition_by : sequence of str
    compare_values : bool
        The checksums too, not the rows alone.

    Raises
    ------
    DataError
    """
    nothing = PartitionContent(0, Decimal(0))
    for key in {**before, **after}:
        was, now = before.get(key, nothing), after.get(key, nothing)
        if was.rows != now.rows:
            raise DataError(f"{key_text(key, partition_by)}: {was.rows} rows were read but {now.rows} written")
        if compare_values and was.checksum != now.checksum:
            raise DataError(f"{key_text(key, partition_by)}: the rows that were written are not those that were read")

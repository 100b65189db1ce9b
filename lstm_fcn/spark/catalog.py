"""Small things that are said to a catalog in SQL."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pyspark.sql import SparkSession

from lstm_fcn.spark.tables import quoted


def create_table(
    spark: SparkSession,
    name: str,
    columns: Sequence[tuple[str, str]],
    partition_by: Sequence[str] = (),
    comment: str = "",
) -> None:
    """Make an empty table, in the session's default format.

    It is filled afterwards: one that is made and filled at once leaves, if it is killed, a folder that is in the way.
    """
    listed = ", ".join(f"{quoted(column)} {kind}" for column, kind in columns)
    parts = f"PARTITIONED BY ({', '.join(map(quoted, partition_by))})" if partition_by else ""
    kind = spark.conf.get("spark.sql.sources.default")
    spark.sql(f"CREATE TABLE {name} ({listed}) USING {kind} {parts} COMMENT {literal(comment)}")


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


def literal(value: str | None) -> str:
    """Write a text for SQL."""
    return "NULL" if value is None else "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

"""Where the results of a run go: what a folder and a table of the catalog have in common."""

import re
from collections.abc import Sequence
from typing import Protocol

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from lstm_fcn.errors import SettingsError
from lstm_fcn.spark.metrics import metrics_table
from lstm_fcn.spark.rows import few_rows
from lstm_fcn.spark.scoring.lock import LockPlace
from lstm_fcn.spark.scoring.manifest import Key, Manifest
from lstm_fcn.spark.tables import filter_rows


class Output(Protocol):
    """Results that are replaced by partitions; one run at a time.

    A run stages its rows beside the results, checks them there, and publishes: from the moment at which the manifest
    is written down as being published, whatever stops the run, the next one finishes it before anything else.
    """

    @property
    def lock(self) -> LockPlace:
        """What keeps other runs away."""

    @property
    def partition_by(self) -> Sequence[str]:
        """The columns by which results are replaced."""

    replaces_by_condition: bool
    """Whether rows are replaced by any condition on columns that are carried along, without partitions too."""

    last: Manifest | None
    """Of the last run that published, as `refresh` found it."""

    def refresh(self) -> None:
        """Look again at what is there, as only the holder of the lock can rely on it.

        Raises
        ------
        SettingsError, DataError
            If it is not a place for these results.
        """

    def finish_publishing(self) -> str | None:
        """Finish what a run was publishing when it died, remove the remains of others, and look again.

        Returns the id of the run whose results were published.
        """

    def existing(self, like: DataFrame, where: str | None) -> list[Key]:
        """List the partitions that are there and, where there is a condition, have rows that fulfil it."""

    def require_fit(self, predictions: DataFrame, keeps: bool) -> None:
        """Refuse predictions whose columns do not fit what is there, of which a part is kept or nothing."""

    def stage(self, predictions: DataFrame, run_id: str) -> DataFrame:
        """Write predictions beside the results, and open what was written."""

    def publish(self, manifest: Manifest) -> None:
        """Replace partitions by those staged, remove others, add the metrics; the manifest last."""

    def note_failure(self, manifest: Manifest) -> None:
        """Remove what was staged, and keep the manifest of a run that published nothing."""


def selects_partitions(where: str, like: DataFrame, partition_by: Sequence[str]) -> bool:
    """Check whether a condition uses the columns of partitions alone, and so selects whole ones."""
    try:
        _filter_nothing(where, like, partition_by)
    except SettingsError:
        return False
    return True


def refuse_columns_left_behind(where: str, like: DataFrame, beat: str) -> None:
    """Refuse a condition that the results cannot be asked for, since they do not have its columns.

    Raises
    ------
    SettingsError
    """
    carried = [name for name in like.columns if name != beat]
    try:
        _filter_nothing(where, like, carried)
    except SettingsError as error:
        raise SettingsError(
            f"the results that fulfil --where are replaced, so it may only use the columns that are carried along "
            f"({', '.join(carried)}); found {where!r}"
        ) from error


def _filter_nothing(where: str, like: DataFrame, names: Sequence[str]) -> None:
    # Not a select from `like`, in which a condition would still find the other columns.
    schema = StructType([field for field in like.schema if field.name in names])
    filter_rows(like.sparkSession.createDataFrame([], schema), where)


def keys_that_fulfil(
    spark: SparkSession, keys: Sequence[Key], where: str | None, like: DataFrame, partition_by: Sequence[str]
) -> list[Key]:
    """Keep the keys of partitions that fulfil a condition, read with the types of another table's columns."""
    if where is None or not keys or not partition_by:
        return list(keys)
    types = dict(like.dtypes)
    texts = few_rows(spark, keys, {f"_key_{i}": "string" for i in range(len(partition_by))})
    typed = [F.col(f"_key_{i}").cast(types[name]).alias(name) for i, name in enumerate(partition_by)]
    kept = texts.select("*", *typed).where(where).select(*texts.columns)
    return [tuple(row) for row in kept.collect()]


_KEY_TYPES = re.compile(r"string|varchar.*|char.*|date|timestamp.*|boolean|tinyint|smallint|int|bigint|decimal.*")


def refuse_key_columns(beats: DataFrame, names: Sequence[str], flag: str) -> None:
    """Refuse columns whose values cannot name a partition, or what a row is of.

    Parameters
    ----------
    beats : DataFrame
    names : sequence of str
        Columns that are there.
    flag : str
        What they are given with, for the message.

    Raises
    ------
    SettingsError
    """
    types = dict(beats.dtypes)
    twice = [name for name in names if list(names).count(name) > 1]
    odd = [name for name in names if not _KEY_TYPES.fullmatch(types[name])]
    if twice:
        raise SettingsError(f"{flag} names the column '{twice[0]}' twice")
    if odd:
        raise SettingsError(
            f"expected the columns of {flag} to be texts, dates, times, whole numbers, decimals or booleans; "
            f"'{odd[0]}' is {types[odd[0]]}"
        )


def metrics_of_run(spark: SparkSession, manifest: Manifest) -> DataFrame:
    """Put the metrics of a run into a table: `run_id, model, class, metric, value, support`."""
    rows = metrics_table(spark, manifest.run_id, manifest.model, ((None, None, row) for row in manifest.metrics))
    return rows.drop("group_by", "group", "low", "high")

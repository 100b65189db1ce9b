"""Cutting the input so that a task lasts about a minute: short enough to be repeated, long enough to be worth it."""

import logging
import math
import time
from typing import TYPE_CHECKING

import numpy as np
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.errors import SettingsError
from lstm_fcn.model.config import ScoringPrecision
from lstm_fcn.spark.session import is_classic

if TYPE_CHECKING:
    from lstm_fcn.model.file import Model

log = logging.getLogger(__name__)

_SECONDS = 60
_SHORTEST = 12
"""A task has at least the twelfth part of a minute's rows."""

_TASKS_A_CORE = 4
_SPLIT = "spark.sql.files.maxPartitionBytes"
_SMALLEST_SPLIT, _LARGEST_SPLIT = 2**20, 2**27
FEW_ROWS = 512
"""Rows that the engine is timed with; to time it for fewer would cost more than to score them."""


def beats_a_minute(model: "Model", precision: ScoringPrecision, batch_size: int) -> int:
    """Time the engine here, on one thread and half a second, to estimate what an executor's core does in a minute."""
    from lstm_fcn.inference.engine import Engine

    try:
        engine = Engine(model, precision=precision, batch_size=batch_size)
    except SettingsError:  # the executors have the packages for int8, the driver need not
        engine = Engine(model, batch_size=batch_size)
    data = model.header.training_data
    series = np.random.default_rng(0).uniform(
        data.lowest or 0, data.highest or 1, (FEW_ROWS, model.header.network.length)
    )
    engine.probabilities(series[:64].astype(np.float32))
    started = time.perf_counter()
    engine.probabilities(series.astype(np.float32))
    return max(1, int(FEW_ROWS / (time.perf_counter() - started) * _SECONDS))


def cut(table: DataFrame, rows: int, size: int, a_minute: int) -> DataFrame:
    """Cut a table into tasks of a minute at most, several a core, but none below some seconds.

    Files are read in smaller splits. Where these do not help, since a Parquet row group is never split, the rows are
    moved instead.

    Parameters
    ----------
    table : DataFrame
    rows : int
        It has.
    size : int
        Of its files, bytes; 0 where it is not known.
    a_minute : int
        Rows that are scored in a minute.
    """
    a_task = max(1, a_minute // _SHORTEST, min(a_minute, rows // (_TASKS_A_CORE * _cores(table.sparkSession))))
    if rows <= a_task:
        return table
    if size:
        split = min(max(_SMALLEST_SPLIT, int(size / rows * a_task)), _LARGEST_SPLIT)
        try:
            table.sparkSession.conf.set(_SPLIT, str(split))
        except PySparkException as error:
            log.warning("stage=cut the session does not let %s be set: %s", _SPLIT, str(error).splitlines()[0])
    largest = table.groupBy(F.spark_partition_id()).count().agg(F.max("count")).collect()[0][0]
    moved = largest > 2 * a_minute
    log.info("stage=cut rows_a_task=%d largest_task=%d moved=%s", a_task, largest, str(moved).lower())
    return table.repartition(math.ceil(rows / a_task)) if moved else table


def _cores(spark: SparkSession) -> int:
    return spark.sparkContext.defaultParallelism if is_classic(spark) else 1

"""Cutting the input so that a task lasts about a minute: short enough to be repeated, long enough to be worth it."""

import logging
import math
import time
from typing import TYPE_CHECKING

import numpy as np
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstm_fcn.errors import SettingsError
from lstm_fcn.hyperparameters import ScoringPrecision

if TYPE_CHECKING:
    from lstm_fcn.modelfile import Model

log = logging.getLogger(__name__)

_SECONDS = 60
_SPLIT = "spark.sql.files.maxPartitionBytes"
_SMALLEST_SPLIT, _LARGEST_SPLIT = 2**20, 2**27
_TRIED = 512


def beats_a_minute(model: "Model", precision: ScoringPrecision, batch_size: int) -> int:
    """Time the engine here, on one thread and half a second, to tell what an executor's core may do in a minute."""
    from lstm_fcn.engine import Engine

    try:
        engine = Engine(model, precision=precision, batch_size=batch_size)
    except SettingsError:  # the executors have the packages for int8, the driver need not
        engine = Engine(model, batch_size=batch_size)
    data = model.header.training_data
    series = np.random.default_rng(0).uniform(
        data.lowest or 0, data.highest or 1, (_TRIED, model.header.network.length)
    )
    engine.probabilities(series[:64].astype(np.float32))
    started = time.perf_counter()
    engine.probabilities(series.astype(np.float32))
    return max(1, int(_TRIED / (time.perf_counter() - started) * _SECONDS))


def cut(table: DataFrame, rows: int, size: int, a_minute: int) -> DataFrame:
    """Cut a table into tasks of about a minute.

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
    if rows <= a_minute:
        return table
    spark = table.sparkSession
    if size:
        split = min(max(_SMALLEST_SPLIT, int(size / rows * a_minute)), _LARGEST_SPLIT)
        try:
            spark.conf.set(_SPLIT, str(split))
        except PySparkException as error:
            log.warning("stage=cut the session does not let %s be set: %s", _SPLIT, str(error).splitlines()[0])
    largest = table.groupBy(F.spark_partition_id()).count().agg(F.max("count")).collect()[0][0]
    tasks = math.ceil(rows / a_minute)
    moved = largest > 2 * a_minute
    log.info("stage=cut rows_a_minute=%d largest_task=%d moved=%s", a_minute, largest, str(moved).lower())
    return table.repartition(tasks) if moved else table

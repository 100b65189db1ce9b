"""Predictions with labels to metrics: the counts in Spark, the measures from the counts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.metrics import Measure

METRICS_SCHEMA = "run_id string, model string, `class` string, metric string, value double, support long"
LABEL_TYPES = ("tinyint", "smallint", "int", "bigint")
_NAMED_AT_MOST = 20


@dataclass(frozen=True)
class Counts:
    """What a predictions table holds.

    Attributes
    ----------
    rows, failed : int
        All of them, and those that could not be scored.
    errors : dict
        Reason -> rows that could not be scored for it, the most frequent ones.
    confusion : (C, C) int array or None
        Scored rows by true and predicted class; None without a column of labels.
    unknown_labels : dict
        Label that the model does not know (or NULL) -> scored rows, the most frequent ones.
    """

    rows: int
    failed: int
    errors: dict[str, int]
    confusion: NDArray[np.int64] | None
    unknown_labels: dict[str, int]


def count_predictions(predictions: DataFrame, label: str | None, labels: Sequence[int]) -> Counts:
    """Count a predictions table; nothing is collected that grows with it.

    Parameters
    ----------
    predictions : DataFrame
        As `lstm_fcn.spark.score` makes it.
    label : str or None
        Integer column with the true label.
    labels : sequence of C int
        What stands for each class in both columns.
    """
    totals = predictions.select(F.count(F.lit(1)).alias("rows"), F.count("error").alias("failed")).collect()[0]
    errors = _most_frequent(predictions.where("error IS NOT NULL").select(F.col("error").alias("value")))
    if label is None:
        return Counts(totals["rows"], totals["failed"], errors, None, {})
    pairs = predictions.where("error IS NULL").select(F.col(label).alias("value"), "prediction")
    known = F.coalesce(F.col("value").isin(list(labels)), F.lit(False))
    confusion = np.zeros((len(labels), len(labels)), dtype=np.int64)
    for row in pairs.where(known).groupBy("value", "prediction").count().collect():
        confusion[labels.index(row["value"]), labels.index(row["prediction"])] = row["count"]
    unknown = _most_frequent(pairs.where(~known).select("value"))
    return Counts(totals["rows"], totals["failed"], errors, confusion, unknown)


def _most_frequent(values: DataFrame) -> dict[str, int]:
    counts = values.groupBy("value").count().orderBy(F.desc("count"), "value").take(_NAMED_AT_MOST)
    return {str(row["value"]): row["count"] for row in counts}


def metrics_table(spark: SparkSession, rows: Sequence[Measure], run_id: str, model: str) -> DataFrame:
    """Put measures into a table: `run_id, model, class, metric, value, support`."""
    return spark.createDataFrame([(run_id, model, *row) for row in rows], METRICS_SCHEMA).coalesce(1)

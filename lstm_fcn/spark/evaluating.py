"""Predictions to figures: the counts in Spark, the measures from the counts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.drift import LENGTH_BINS
from lstm_fcn.manifest import Figures
from lstm_fcn.metrics import Measure
from lstm_fcn.spark.tables import column

if TYPE_CHECKING:
    from lstm_fcn.header import Header

METRICS_SCHEMA = "run_id string, model string, `class` string, metric string, value double, support long"
LABEL_TYPES = ("tinyint", "smallint", "int", "bigint")
_NAMED_AT_MOST = 20


def count_predictions(predictions: DataFrame, header: "Header", label: str | None) -> Figures:
    """Count a predictions table; nothing is collected that grows with it.

    Parameters
    ----------
    predictions : DataFrame
        As `lstm_fcn.spark.score` makes it, or with its columns spread.
    header : Header
        Of the model.
    label : str or None
        Integer column with the true label, if the model's labels are integers.
    """
    several = header.network.task == "multilabel"
    totals = predictions.select(
        F.count(F.lit(1)).alias("rows"),
        F.count("error").alias("failed"),
        (F.lit(None) if several else F.avg(_confidence(predictions, len(header.classes)))).alias("confidence"),
    ).collect()[0]
    scored = predictions.where("error IS NULL")
    classes = F.explode("predicted_class") if several else F.col("predicted_class")
    bins = F.floor((F.greatest("beat_length", F.lit(1)) - 1) * LENGTH_BINS / header.network.length)
    lengths: dict[int, int] = dict(scored.groupBy(bins.cast("int")).count().collect())
    unknown = {}
    if label is not None:
        unknown = most_frequent(
            scored.where(~_is_known(label, header.predictions)).select(column(label).alias("value"))
        )
    return Figures(
        rows=totals["rows"],
        scored=totals["rows"] - totals["failed"],
        failed=totals["failed"],
        errors=most_frequent(predictions.where("error IS NOT NULL").select(F.col("error").alias("value"))),
        predicted=dict(scored.select(classes.alias("class")).groupBy("class").count().collect()),
        lengths=[lengths.get(i, 0) for i in range(LENGTH_BINS)],
        mean_confidence=totals["confidence"],
        unknown_labels=unknown,
    )


def count_confusion(predictions: DataFrame, label: str, labels: Sequence[int]) -> NDArray[np.int64]:
    """Count the scored rows by true and predicted class (C, C), those with a label that the model knows.

    Parameters
    ----------
    predictions : DataFrame
    label : str
        Integer column with the true label.
    labels : sequence of C int
        What stands for each class in both columns.
    """
    known = predictions.where("error IS NULL").where(_is_known(label, labels))
    confusion = np.zeros((len(labels), len(labels)), dtype=np.int64)
    for true, predicted, count in known.groupBy(column(label), "prediction").count().collect():
        confusion[labels.index(true), labels.index(predicted)] = count
    return confusion


def _is_known(label: str, labels: Sequence[int]) -> Column:
    return F.coalesce(column(label).isin(list(labels)), F.lit(False))


def _confidence(predictions: DataFrame, classes: int) -> Column:
    if "probability" in predictions.columns:
        return F.array_max("probability")
    return F.array_max(F.array(*(f"p_{i + 1}" for i in range(classes))))


def most_frequent(values: DataFrame) -> dict[str, int]:
    """Count the rows of each `value`, the twenty most frequent ones."""
    counts = values.groupBy("value").count().orderBy(F.desc("count"), "value").take(_NAMED_AT_MOST)
    return {str(row["value"]): row["count"] for row in counts}


def metrics_table(spark: SparkSession, rows: Sequence[Measure], run_id: str, model: str) -> DataFrame:
    """Put measures into a table: `run_id, model, class, metric, value, support`."""
    return spark.createDataFrame([(run_id, model, *row) for row in rows], METRICS_SCHEMA).coalesce(1)

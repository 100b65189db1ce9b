"""Counting predictions with a label, however many: all that comes to the driver is bounded by constants."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lstm_fcn.errors import DataError
from lstm_fcn.evaluation.curves import CONFIDENCE_BINS, LOGIT_LIMIT, SCORE_BINS
from lstm_fcn.evaluation.estimates import Counts, Probabilities
from lstm_fcn.spark.metrics import count_confusion
from lstm_fcn.spark.sql import column

MOST_BLOCKS = 100
"""What the intervals are drawn from: so many records, or else so many groups of whole records."""

MOST_GROUPS = 100
"""Values of a column to compute metrics for."""

_SMALLEST = 1e-9
_OF_A_FLOAT = 1e-5


def with_blocks(predictions: DataFrame) -> tuple[DataFrame, int]:
    """Add `_block`, a string: the record or, where there are many, one of a hundred groups of whole records.

    Returns
    -------
    DataFrame, int
        The number of records. Beats without one are taken for one more.
    """
    predictions = predictions.withColumn("_record", F.coalesce("_record", F.lit("NULL")))
    records = predictions.select("_record").distinct().count()
    group = F.pmod(F.xxhash64("_record"), F.lit(MOST_BLOCKS)).cast("string")
    block = F.col("_record") if records <= MOST_BLOCKS else group
    return predictions.withColumn("_block", block), records


def count_blocks(predictions: DataFrame, classes: Sequence[str], probabilities: bool) -> Counts:
    """Count by block all that metrics are computed from.

    Parameters
    ----------
    predictions : DataFrame
        Rows with a label, as `with_label` and `with_blocks` make them.
    classes : sequence of C str
    probabilities : bool
        Whether there are any.
    """
    found = count_confusion(predictions, len(classes), by=["_block"])
    confusion, blocks = np.stack(list(found.values())), pd.Index([block for (block,) in found])
    if not probabilities:
        return Counts(tuple(classes), confusion)
    return Counts(tuple(classes), confusion, _count_probabilities(predictions, blocks, len(classes)))


def _count_probabilities(predictions: DataFrame, blocks: pd.Index, classes: int) -> Probabilities:
    each = predictions.select("_block", "_true", F.posexplode("_probability").alias("class", "p"))
    of_class = (F.col("class") == F.col("_true")).cast("int")
    scores = (
        each.select("_block", "class", _logit_bin(F.col("p")).alias("bin"), of_class.alias("is"), "p")
        .groupBy("_block", "class", "bin", "is")
        .agg(F.count(F.lit(1)).alias("rows"), F.sum((F.col("p") - F.col("is")) ** 2).alias("squares"))
        .toPandas()
    )
    block, shape = positions_of(blocks, scores), (len(blocks), classes)
    right, bins = (F.col("_true") == F.col("_predicted")).cast("int"), _confidence_bin(F.col("_confidence"))
    confidence = (
        predictions.select(
            "_block", F.least(bins, F.lit(CONFIDENCE_BINS - 1)).alias("bin"), right.alias("is"), "_confidence"
        )
        .groupBy("_block", "bin")
        .agg(F.count(F.lit(1)).alias("rows"), F.sum("is").alias("right"), F.sum("_confidence").alias("sum"))
        .toPandas()
    )
    place = [positions_of(blocks, confidence), confidence["bin"]]
    return Probabilities(
        scores=to_dense((*shape, SCORE_BINS, 2), [block, scores["class"], scores["bin"], scores["is"]], scores["rows"]),
        squares=to_dense(shape, [block, scores["class"]], scores["squares"]),
        confidence=np.stack(
            [to_dense((len(blocks), CONFIDENCE_BINS), place, confidence[name]) for name in ("rows", "right", "sum")],
            axis=2,
        ),
    )


def _confidence_bin(confidence: Column) -> Column:
    # A float of 0.9 is a double of a little less.
    return F.floor(confidence * CONFIDENCE_BINS + _OF_A_FLOAT)


def _logit_bin(p: Column) -> Column:
    logit = F.ln(F.greatest(p, F.lit(_SMALLEST))) - F.ln(F.greatest(1 - p, F.lit(_SMALLEST)))
    bins = F.floor((logit + LOGIT_LIMIT) / (2 * LOGIT_LIMIT) * SCORE_BINS)
    return F.greatest(F.least(bins, F.lit(SCORE_BINS - 1)), F.lit(0)).cast("int")


def positions_of(index: pd.Index, rows: pd.DataFrame) -> NDArray[np.int64]:
    """Return the position of each row's `_block` among the blocks: (n,) for n rows."""
    return np.asarray(index.get_indexer(pd.Index(rows["_block"])), dtype=np.int64)


def to_dense(shape: tuple[int, ...], place: Sequence[object], values: "pd.Series[float]") -> NDArray[np.float64]:
    """Put n counts into an array of zeros.

    Parameters
    ----------
    shape : tuple of int
    place : a sequence of n int for each axis
    values : (n,) Series
    """
    counts = np.zeros(shape)
    np.add.at(counts, tuple(np.asarray(each, dtype=np.int64) for each in place), values.to_numpy(dtype=np.float64))
    return counts


def count_groups(predictions: DataFrame, name: str, classes: Sequence[str]) -> dict[str, Counts]:
    """Count the confusion by the values of a column and by block.

    Raises
    ------
    DataError
        If the column has too many values to look at.
    """
    value = F.coalesce(column(name).cast("string"), F.lit("NULL"))
    grouped = predictions.select(value.alias("_value"), "_block", "_true", "_predicted")
    found = grouped.select("_value").distinct().limit(MOST_GROUPS + 1).count()
    if found > MOST_GROUPS:
        raise DataError(
            f"the column '{name}' has more than {MOST_GROUPS} values, too many for figures of each: choose another for "
            "--by, or make one that puts its values into groups"
        )
    groups: dict[str, list[NDArray[np.int64]]] = {}
    for (group, _), confusion in count_confusion(grouped, len(classes), by=["_value", "_block"]).items():
        groups.setdefault(group, []).append(confusion)
    return {group: Counts(tuple(classes), np.stack(blocks)) for group, blocks in groups.items()}


def count_worst_records(predictions: DataFrame, classes: Sequence[str], most: int) -> dict[str, NDArray[np.int64]]:
    """Count the confusion (C, C) of the records with the lowest accuracy, these first; of equal ones the longest."""
    right = (F.col("_true") == F.col("_predicted")).cast("int")
    records = predictions.groupBy("_record").agg(F.avg(right).alias("accuracy"), F.count(F.lit(1)).alias("beats"))
    worst = [row["_record"] for row in records.orderBy("accuracy", F.desc("beats"), "_record").take(most)]
    found = count_confusion(predictions.where(F.col("_record").isin(worst)), len(classes), by=["_record"])
    return {record: found[record,] for record in worst}


def most_confident_errors(predictions: DataFrame, keys: Sequence[str], most: int) -> DataFrame:
    """Find of each true class the beats that were predicted as another with the highest probability.

    Returns
    -------
    DataFrame
        The keys, `_true`, `_predicted`, `_confidence`; at most `most` rows a class.
    """
    order = Window.partitionBy("_true").orderBy(F.desc("_confidence"), *map(column, keys))
    wrong = predictions.where("_true != _predicted").withColumn("_rank", F.row_number().over(order))
    return wrong.where(F.col("_rank") <= most).select(*map(column, keys), "_true", "_predicted", "_confidence")

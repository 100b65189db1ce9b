"""What scoring and evaluating count alike: confusions, frequent values, and the table of metrics."""

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.errors import DataError
from lstm_fcn.evaluation.metrics import MetricRow
from lstm_fcn.spark.rows import few_rows
from lstm_fcn.spark.sql import column
from lstm_fcn.spark.tables import refuse_missing

_LABEL_TYPES = re.compile(r"tinyint|smallint|int|bigint|float|double|decimal\(.*\)|string")
_WHOLE = r"^[+-]?\d{1,15}(\.0*)?$"
_LOOKED_AT = 100

_METRICS_TYPES = {
    **dict.fromkeys(("run_id", "model", "group_by", "group", "class", "metric"), "string"),
    **dict.fromkeys(("value", "low", "high"), "double"),
    "support": "bigint",
}
MOST_VALUES = 20


def check_labels(table: DataFrame, name: str, what: str) -> None:
    """Refuse a column that is not there or holds nothing that can be the number of a class: 1, 1.0 or the text '1'.

    Parameters
    ----------
    table : DataFrame
    name : str
    what : str
        What the table is, for the message.

    Raises
    ------
    DataError
    """
    refuse_missing([name], table, what)
    kind, found = dict(table.dtypes)[name], ""
    if kind == "string":
        texts = [row[0] for row in table.select(column(name)).where(column(name).isNotNull()).take(_LOOKED_AT)]
        if not texts or any(re.match(_WHOLE, text.strip()) for text in texts):
            return
        found = f" such as {texts[0]!r}"
    if found or not _LABEL_TYPES.fullmatch(kind):
        raise DataError(
            f"{what}: expected column '{name}' to hold the numbers of classes (whole numbers of any type, or texts of "
            f"digits), found {kind}{found}"
        )


def class_position(table: DataFrame, name: str, labels: Sequence[int]) -> Column:
    """Return the position of a column's value among the labels of the classes; NULL where it is none of them."""
    value = column(name)
    if dict(table.dtypes)[name] == "string":
        value = F.when(F.trim(value).rlike(_WHOLE), F.trim(value).cast("double"))
    return F.coalesce(*(F.when(value == label, F.lit(i)) for i, label in enumerate(labels)))


def count_confusion(table: DataFrame, classes: int, by: Sequence[str] = ()) -> dict[tuple[str, ...], NDArray[np.int64]]:
    """Count beats by true class (row) and predicted class (column).

    Parameters
    ----------
    table : DataFrame
        With `_true` and `_predicted` (int, positions of classes, without NULL).
    classes : int
    by : sequence of str
        Text columns by whose values to count.

    Returns
    -------
    dict
        Values of `by`, in ascending order -> (C, C) array. Without `by` one array, {(): ...}, rows or not.
    """
    counted, shape = table.groupBy(*by, "_true", "_predicted").count().toPandas(), (classes, classes)
    found: dict[tuple[str, ...], NDArray[np.int64]] = {} if by else {(): np.zeros(shape, np.int64)}
    for *key, true, predicted, count in counted.itertuples(index=False, name=None):
        found.setdefault(tuple(key), np.zeros(shape, np.int64))[true, predicted] = count
    return dict(sorted(found.items()))


def most_frequent(values: DataFrame) -> dict[str, int]:
    """Count the rows of each `value`, the twenty most frequent ones."""
    counts = values.groupBy("value").count().orderBy(F.desc("count"), "value").take(MOST_VALUES)
    return {str(row["value"]): row["count"] for row in counts}


def metrics_table(
    spark: SparkSession, run_id: str, model: str | None, rows: Iterable[tuple[str | None, str | None, MetricRow]]
) -> DataFrame:
    """Put metrics into a long table.

    Parameters
    ----------
    spark : SparkSession
    run_id : str
    model : str or None
    rows : iterable of (group_by, group, row)
        The column and its value that the beats were selected by, or None and None for all beats.

    Returns
    -------
    DataFrame
        `run_id, model, group_by, group, class, metric, value, low, high, support`.
    """
    values = [
        (run_id, model, group_by, group, row.class_, row.metric, row.value, row.low, row.high, row.support)
        for group_by, group, row in rows
    ]
    return few_rows(spark, values, _METRICS_TYPES)

"""What a scoring run counts of the predictions that it has written; nothing collected grows with them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lstm_fcn.data.series import LENGTH_BINS
from lstm_fcn.spark.columns import likeliest_probability
from lstm_fcn.spark.metrics import MOST_VALUES, class_position
from lstm_fcn.spark.scoring.manifest import ScoredRows
from lstm_fcn.spark.sql import column

if TYPE_CHECKING:
    from lstm_fcn.model.header import Header


class _Entry(NamedTuple):
    """The rows with one value of what is counted, the sum of their confidences, and how many values there are."""

    rows: int
    confidence: float
    values: int


_Entries = Mapping[tuple[str, str], _Entry]
"""(what, value) -> its rows."""


def count_predictions(
    predictions: DataFrame, header: "Header", label: str | None
) -> tuple[ScoredRows, NDArray[np.int64]]:
    """Count a predictions table, reading it once.

    Parameters
    ----------
    predictions : DataFrame
        As `lstm_fcn.spark.score` makes it, or with its columns spread.
    header : Header
        Of the model.
    label : str or None
        Column with the true label, if the model's labels are integers.

    Returns
    -------
    ScoredRows
    array of shape (C, C)
        Beats by true class (row) and predicted class (column): those that were scored, with a label that the model
        knows.
    """
    several = header.network.task == "multilabel"
    confidence = F.lit(None) if several else likeliest_probability(predictions, header.classes)
    most = max(MOST_VALUES, len(header.classes) ** 2, LENGTH_BINS)
    entries = _count_entries(predictions, _entries(predictions, header, label), confidence, most)
    lengths = {value: entry.rows for (what, value), entry in entries.items() if what == "length"}
    scored, failed = sum(lengths.values()), entries.get(("failed", ""), _Entry(0, 0.0, 0)).rows
    confident = sum(entry.confidence for (what, _), entry in entries.items() if what == "length")
    counts = ScoredRows(
        rows=scored + failed,
        scored=scored,
        failed=failed,
        errors=_most_frequent(entries, "error"),
        predicted={value: entry.rows for (what, value), entry in entries.items() if what == "class"},
        lengths=[lengths.get(str(i), 0) for i in range(LENGTH_BINS)],
        mean_confidence=confident / scored if scored and not several else None,
        unknown_labels=_most_frequent(entries, "unknown"),
        unknown_records=_most_frequent(entries, "record"),
        unknown_record_count=max((entry.values for (what, _), entry in entries.items() if what == "record"), default=0),
    )
    confusion = np.zeros((len(header.classes), len(header.classes)), np.int64)
    for (what, value), entry in entries.items():
        if what == "confusion":
            true, predicted = map(int, value.split())
            confusion[true, predicted] = entry.rows
    return counts, confusion


def _entries(predictions: DataFrame, header: "Header", label: str | None) -> Column:
    """Return what a row counts as: an array of (what, value)."""
    bins = F.floor((F.greatest("beat_length", F.lit(1)) - 1) * LENGTH_BINS / header.network.length)
    of_scored = [_entry("length", bins)]
    if header.network.task != "multilabel":
        of_scored.append(_entry("class", F.col("predicted_class")))
    if label is not None:
        true, predicted = (class_position(predictions, name, header.predictions) for name in (label, "prediction"))
        unknown = F.coalesce(column(label).cast("string"), F.lit("None"))
        known = _entry("confusion", F.concat_ws(" ", true, predicted))
        of_scored.append(F.when(true.isNull(), _entry("unknown", unknown)).otherwise(known))
    scored = F.array(*of_scored)
    if header.network.task == "multilabel":
        scored = F.concat(scored, F.transform("predicted_class", lambda name: _entry("class", name)))
    failed = F.array(_entry("failed", F.lit("")), _entry("error", F.col("error")))
    entries = F.when(F.col("error").isNull(), scored).otherwise(failed)
    known_records = header.training_data.known_records
    if known_records is None or "record" not in predictions.columns:
        return entries
    record = F.col("record").cast("string")
    unknown = F.array(_entry("record", F.when(~record.isin(known_records), record)))
    return F.concat(entries, F.filter(unknown, lambda entry: entry["value"].isNotNull()))


def _entry(what: str, value: Column) -> Column:
    return F.struct(F.lit(what).alias("what"), value.cast("string").alias("value"))


def _count_entries(predictions: DataFrame, entries: Column, confidence: Column, most: int) -> _Entries:
    """Count the rows of each (what, value), and add up their confidences; of each `what` the most frequent values."""
    rows = predictions.select(F.explode(entries).alias("entry"), confidence.cast("double").alias("confidence"))
    counted = rows.groupBy("entry.what", "entry.value").agg(
        F.count(F.lit(1)).alias("count"), F.sum("confidence").alias("confidence")
    )
    of_what = Window.partitionBy("what")
    place = F.row_number().over(of_what.orderBy(F.desc("count"), "value"))
    placed = counted.withColumns({"place": place, "values": F.count(F.lit(1)).over(of_what)})
    found = placed.where(F.col("place") <= most).orderBy("what", "place").collect()
    return {(row["what"], row["value"]): _Entry(row["count"], row["confidence"] or 0.0, row["values"]) for row in found}


def _most_frequent(entries: _Entries, wanted: str) -> dict[str, int]:
    found = {value: entry.rows for (what, value), entry in entries.items() if what == wanted}
    return dict(list(found.items())[:MOST_VALUES])

"""Detected beats against reference beats of the same records: matched in one task a record, counted in Spark."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.errors import DataError
from lstm_fcn.evaluation.detection import detection_rates, match_beats
from lstm_fcn.settings.evaluate_detection import EvaluateDetectionSettings
from lstm_fcn.spark.evaluation.counts import MOST_BLOCKS
from lstm_fcn.spark.table_names import is_table_name, refuse_pattern
from lstm_fcn.spark.tables import check_columns, filter_rows, holds_files, read_table, refuse_missing

MISSED, EXTRA, UNSCORED = "missed", "extra", "not scored"
"""Stand for the class that a beat was not predicted as, the label that it does not have, and no prediction."""

COUNTS_SCHEMA = "record string, true string, predicted string, beats long"


def open_beats(spark: SparkSession, source: str, where: str | None) -> DataFrame:
    """Open beats with their times: a beat table, or what score.py wrote.

    Raises
    ------
    DataError, SettingsError
        If there is no such table, or it lacks a column.
    """
    inner = f"{source.rstrip('/')}/predictions"  # of what score.py wrote
    table = read_table(spark, inner if not is_table_name(source) and holds_files(spark, inner) else source)
    refuse_missing(["record"], table, source)
    check_columns(table, {"time_s": ("double", "float")}, source)
    return filter_rows(table, where).where("time_s IS NOT NULL")


def count_matches(detected: DataFrame, reference: DataFrame, classes: Sequence[str], window: float) -> DataFrame:
    """Count the beats of each record by their label in the reference and their predicted class.

    Parameters
    ----------
    detected : DataFrame
        `record`, `time_s` and, where it was scored, `predicted_class`.
    reference : DataFrame
        `record`, `time_s` and `label` (position among the classes).
    classes : sequence of str
    window : float
        Seconds that two of one beat may be apart.

    Returns
    -------
    DataFrame
        `record`, `true` (a class, or 'extra'), `predicted` (a class, 'missed' or 'not scored'), `beats`.
    """
    names = F.array(*(F.lit(name) for name in classes))
    scored = F.col("predicted_class") if "predicted_class" in detected.columns else F.lit(None).cast("string")
    found = detected.select(F.col("record").cast("string"), F.col("time_s").cast("double"), scored.alias("name"))
    label = F.get(names, F.col("label").cast("int")) if "label" in reference.columns else F.lit(None).cast("string")
    known = reference.select(F.col("record").cast("string"), F.col("time_s").cast("double"), label.alias("name"))

    def match(known: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
        return _count(known.sort_values("time_s"), found.sort_values("time_s"), window)

    return known.groupBy("record").cogroup(found.groupBy("record")).applyInPandas(match, COUNTS_SCHEMA)


def _count(known: pd.DataFrame, found: pd.DataFrame, window: float) -> pd.DataFrame:
    record = str((found if known.empty else known)["record"].iloc[0])
    pairs = match_beats(known["time_s"].to_numpy(), found["time_s"].to_numpy(), window)
    true, predicted = known["name"].fillna("beat").to_numpy(), found["name"].fillna(UNSCORED).to_numpy()
    rows = pd.DataFrame({"true": true[pairs.reference], "predicted": predicted[pairs.detected]})
    missed = pd.DataFrame({"true": np.delete(true, pairs.reference), "predicted": MISSED})
    extra = pd.DataFrame({"true": EXTRA, "predicted": np.delete(predicted, pairs.detected)})
    whole = pd.concat([each for each in (rows, missed, extra) if len(each)])
    counted = whole.groupby(["true", "predicted"]).size().rename("beats").reset_index()
    return counted.assign(record=record)[["record", "true", "predicted", "beats"]]


def rates_of_records(counts: DataFrame) -> DataFrame:
    """Count matched, missed and extra beats by record, with Se and +P.

    Returns
    -------
    DataFrame
        `record, matched, missed, extra, Se, +P`; Se and +P are NULL where they are not defined.
    """
    missed, extra = F.col("predicted") == MISSED, F.col("true") == EXTRA
    beats = F.col("beats")
    summed = counts.groupBy("record").agg(
        F.sum(F.when(~missed & ~extra, beats).otherwise(0)).alias("matched"),
        F.sum(F.when(missed, beats).otherwise(0)).alias("missed"),
        F.sum(F.when(extra, beats).otherwise(0)).alias("extra"),
    )
    return summed.select(
        "*",
        F.expr("try_divide(matched, matched + missed)").alias("Se"),
        F.expr("try_divide(matched, matched + extra)").alias("+P"),
    )


def confusion_with_misses(counts: DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Lay out the beats by label (rows; the last: extra) and prediction (columns; then not scored and missed).

    Raises
    ------
    DataError
        If there is not one beat.
    """
    rows = counts.groupBy("true", "predicted").agg(F.sum("beats").alias("beats")).toPandas()
    if rows.empty:
        raise DataError("there are no beats to compare: have both the same records?")
    table = rows.pivot_table(index="true", columns="predicted", values="beats", fill_value=0).astype("int64")
    index = [name for name in (*classes, "beat", EXTRA) if name in table.index or name == EXTRA]
    columns = [name for name in (*classes, UNSCORED, MISSED) if name in table.columns or name == MISSED]
    return table.reindex(index=index, columns=columns, fill_value=0)


def evaluate_detection(spark: SparkSession, settings: EvaluateDetectionSettings) -> str:
    """Compare detected beats with annotated ones, write the counts by record, and lay out the result to read.

    Raises
    ------
    DataError, SettingsError
        If a table is not there, lacks a column, or the output is there already.
    """
    refuse_pattern(settings.output)
    if holds_files(spark, settings.output):
        raise DataError(f"{settings.output} is there already: remove it, or write somewhere else")
    detected = open_beats(spark, settings.beats, settings.where)
    reference = open_beats(spark, settings.reference, settings.where)
    count_matches(detected, reference, settings.classes, settings.window).write.parquet(f"{settings.output}/counts")
    counts = spark.read.parquet(f"{settings.output}/counts")
    rates_of_records(counts).coalesce(1).write.parquet(f"{settings.output}/records")
    records = spark.read.parquet(f"{settings.output}/records")
    # As many groups of whole records as the intervals of the evaluation are drawn from.
    block = F.pmod(F.xxhash64("record"), F.lit(MOST_BLOCKS)) if records.count() > MOST_BLOCKS else F.col("record")
    summed = records.groupBy(block).agg(F.sum("matched"), F.sum("missed"), F.sum("extra")).collect()
    rates = detection_rates(np.array([row[1:] for row in summed]), settings.draws, settings.seed)
    lines = [
        f"{name:<4}{value:.4f}" + (f" ({spread[0]:.4f}-{spread[1]:.4f})" if spread else "")
        for name, value, spread in rates
    ]
    table = confusion_with_misses(counts, settings.classes).rename_axis(index="true", columns="predicted")
    return "\n".join([table.to_string(), *lines])

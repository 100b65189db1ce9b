"""The records with the most S and V beats, and the recording of their longest runs, for the report."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import and_, or_
from pathlib import Path

from pyspark.sql import Column, DataFrame, Row, SparkSession, Window
from pyspark.sql import functions as F

from lstm_fcn.data.labels import is_aami
from lstm_fcn.evaluation.report.content import Ectopy, RecordSummary, Run, Strip
from lstm_fcn.spark.catalog import describe_table
from lstm_fcn.spark.scoring.folder_output import written_types
from lstm_fcn.spark.scoring.output import selects_partitions
from lstm_fcn.spark.scoring.record_summary import (
    ECTOPIC,
    around_longest_runs,
    has_times,
    record_keys,
    summarize_records,
)
from lstm_fcn.spark.sql import column
from lstm_fcn.spark.table_names import table_name

log = logging.getLogger(__name__)

_MOST_RECORDS = 10
"""Records to list of each class."""

_WITH_STRIPS = 3
"""Of these, the first ones that have a run get a strip of it."""

_BEFORE, _AFTER = 1.5, 8.5
"""Seconds of a strip around the first beat of the run: ten in all, as of a strip on paper."""

_MOST_BEATS = 100
"""On a strip."""

_LOWEST_MEAN_RATE = 30.0
"""Beats a minute. A record with a lower mean has lost beats: those of the published test rows are one in five."""


def sequence_columns(table: DataFrame, classes: Sequence[str]) -> list[str]:
    """Name the columns that say how beats follow each other; none where these cannot be told, which is logged."""
    if not is_aami(classes) or not has_times(table):
        return []
    return ["record", "time_s", *(name for name in ("sample", "lead") if name in table.columns)]


def partition_columns(spark: SparkSession, predictions: str) -> list[str]:
    """Name the columns of the partitions of predictions, in each of which a record is one of its own."""
    name = table_name(predictions)
    return list(written_types(spark, predictions) if name is None else describe_table(spark, name).partition_by)


def selects_whole_records(table: DataFrame, where: str, partition_by: Sequence[str]) -> bool:
    """Check whether a condition holds for all beats of a record or for none."""
    if selects_partitions(where, table, partition_by):
        return True
    keys = [column(name) for name in record_keys(partition_by)]
    rows = table.where("record IS NOT NULL").select(*keys, F.expr(where).alias("_is_selected"))
    counted = rows.groupBy(*keys).agg(F.count(F.lit(1)).alias("_all"), F.count_if("_is_selected").alias("_selected"))
    return not counted.where(F.col("_selected").between(1, F.col("_all") - 1)).take(1)


def as_sequences(rows: DataFrame, classes: Sequence[str], partition_by: Sequence[str]) -> DataFrame:
    """Bring all predictions, also those without a label, into the form that the summary of the records takes.

    Parameters
    ----------
    rows : DataFrame
        As `lstm_fcn.spark.evaluation.rows.normalize` makes it, with the columns of `sequence_columns`.
    classes : sequence of str
    partition_by : sequence of str
    """
    sample, lead = (F.col(name) if name in rows.columns else F.lit(None) for name in ("sample", "lead"))
    return rows.select(
        *map(column, record_keys(partition_by)),
        "time_s",
        sample.cast("long").alias("sample"),
        lead.cast("string").alias("lead"),
        F.get(F.array(*map(F.lit, classes)), F.col("_predicted")).alias("predicted_class"),
        F.col("_error").alias("error"),
        F.col("_probability").alias("probability"),
        F.lit(None).cast("string").alias("model"),
        F.lit(None).cast("string").alias("run_id"),
    )


def collect_ectopy(sequences: DataFrame, partition_by: Sequence[str], folder: Path | None) -> Ectopy | None:
    """Find of S and of V the records with the largest burden, and read the recording of their longest runs.

    Parameters
    ----------
    sequences : DataFrame
        As `as_sequences` makes them.
    partition_by : sequence of str
    folder : Path or None
        Of WFDB records; without it there are no runs.

    Returns
    -------
    Ectopy or None
        None where no record has such a beat. Records whose mean rate shows that most of their beats are missing are
        left out.

    Raises
    ------
    DataError
        If a record cannot be read.
    """
    most = _find_most(sequences, partition_by)
    if not any(most.values()):
        log.info("stage=records not summarized: no record with its beats has one that was predicted as S or V")
        return None
    summaries = {
        of: [RecordSummary(_name(row, partition_by), row.asDict()) for row in rows] for of, rows in most.items()
    }
    runs = [] if folder is None else _read_runs(sequences, partition_by, most, folder)
    return Ectopy(summaries, runs, has_recordings=folder is not None)


def _find_most(sequences: DataFrame, partition_by: Sequence[str]) -> dict[str, list[Row]]:
    """Return for each class the summaries of the records with the largest burden, these first."""
    summary = summarize_records(sequences, partition_by).where(F.col("mean_rate") >= _LOWEST_MEAN_RATE)
    of_each = summary.withColumn("_of", F.explode(F.array(*map(F.lit, ECTOPIC))))
    burden = F.when(F.col("_of") == "V", F.col("v_burden")).otherwise(F.col("s_burden"))
    keys = map(column, record_keys(partition_by))
    place = F.row_number().over(Window.partitionBy("_of").orderBy(F.desc("_burden"), F.desc("beats"), *keys))
    ranked = of_each.withColumn("_burden", burden).where("_burden > 0").withColumn("_place", place)
    rows = ranked.where(F.col("_place") <= _MOST_RECORDS).orderBy("_of", "_place").collect()
    return {of: [row for row in rows if row["_of"] == of] for of in reversed(ECTOPIC)}


def _read_runs(
    sequences: DataFrame, partition_by: Sequence[str], most: Mapping[str, Sequence[Row]], folder: Path
) -> list[Run]:
    return [run for of, rows in most.items() for run in _runs_of_class(sequences, partition_by, of, rows, folder)]


def _runs_of_class(
    sequences: DataFrame, partition_by: Sequence[str], of: str, rows: Sequence[Row], folder: Path
) -> Iterator[Run]:
    with_run = [row for row in rows if row[f"{of.lower()}_runs"]][:_WITH_STRIPS]
    if not with_run:
        return
    keys = record_keys(partition_by)
    is_one = [_is_record(row, keys) for row in with_run]
    around = around_longest_runs(sequences.where(reduce(or_, is_one)), partition_by, of, _BEFORE, _AFTER)
    nearest = F.abs(F.col("time_s") - F.col("begins_at"))
    beats = sorted(around.orderBy(nearest).take(_WITH_STRIPS * _MOST_BEATS), key=lambda beat: float(beat["time_s"]))
    for row in with_run:
        own = [beat for beat in beats if all(beat[name] == row[name] for name in keys)]
        yield _run(_name(row, partition_by), of, own, folder)


def _is_record(row: Row, keys: Sequence[str]) -> Column:
    return reduce(and_, (column(name).eqNullSafe(F.lit(row[name])) for name in keys))


def _run(name: str, of: str, beats: Sequence[Row], folder: Path) -> Run:
    from lstm_fcn.data.wfdb_files import read_strip

    first = next(beat for beat in beats if beat["time_s"] == beat["begins_at"])
    strip = read_strip(folder, first["record"], first["sample"], _BEFORE, _AFTER, first["lead"])
    marks = [(1000 * (beat["time_s"] - first["time_s"]), beat["class"]) for beat in beats]
    return Run(name, of, first["beats"], first["rate"], first["begins_at"], Strip(*strip), marks)


def _name(row: Row, partition_by: Sequence[str]) -> str:
    others = [f"{name} {row[name]}" for name in partition_by if name != "record"]
    return ", ".join([str(row["record"]), *others])

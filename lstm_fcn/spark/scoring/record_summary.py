"""What a reader of ECGs wants to know of a record, its hours or a patient: rates, S and V beats, how they follow."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from lstm_fcn.data.labels import CLASSES, is_aami
from lstm_fcn.spark.columns import likeliest_probability
from lstm_fcn.spark.sql import column

if TYPE_CHECKING:
    from lstm_fcn.model.header import Header

log = logging.getLogger(__name__)

LONGEST_INTERVAL = 10.0
"""Seconds between two beats; what is longer is a gap of the recording, and no interval."""

PAUSE = 2.0
"""Seconds. Longer intervals are pauses (Steinberg et al. 2017)."""

INTERVALS_OF_A_RATE = 8
"""The lowest and the highest heart rate are means over so many intervals, as one early beat is no rate."""

SURE = 0.9
"""A beat whose likeliest class has a lower probability is counted in `unsure`."""

HOUR = "hour"
"""Column that a summary by hour makes: the whole hours of `time_s`."""

ECTOPIC = ("S", "V")
_SHORTEST_RUN = 3
_SHORTEST_BIGEMINY = 3

_NEEDED = {"record": ("string",), "time_s": ("double", "float")}


def can_summarize(beats: DataFrame, header: "Header") -> bool:
    """Check whether the records of a beat table can be summarized; where a column is missing, log so."""
    return is_aami(header.classes) and header.network.task != "multilabel" and has_times(beats)


def has_times(beats: DataFrame) -> bool:
    """Check whether a table has the record and the time of each beat; where a column is missing, log so."""
    types = dict(beats.dtypes)
    odd = [name for name, expected in _NEEDED.items() if types.get(name) not in expected]
    if odd:
        log.info("stage=records not summarized: the table of beats has no column %s", " and no ".join(odd))
    return not odd


def summarize_records(
    predictions: DataFrame, partition_by: Sequence[str], by: Sequence[str] = ("record",)
) -> DataFrame:
    """Summarize each record, in each partition; or its hours, or all records of a patient.

    Parameters
    ----------
    predictions : DataFrame
        Of a model with AAMI's classes; with `record` and `time_s`. Beats without either are left out.
    partition_by : sequence of str
    by : sequence of str
        What a row is of: columns of the predictions, and `hour`, the hour of `time_s`.

    Returns
    -------
    DataFrame
        A row for each value of the columns. Whatever they are, no interval and no run is of two records: an interval
        counts where it ends, and a run, a couplet or an episode where it begins. `hours`: from the first beat of each
        record to its last, as the sum of what is between the beats, gaps too. `mean_rate`, `lowest_rate`,
        `highest_rate`: beats a minute, from the intervals of at most 10 s. For S and V each, `v_beats`, `v_burden`
        (% of the scored beats), `v_couplets` (exactly two in a row), `v_runs` (three or more in a row),
        `v_longest_run` (beats), `v_fastest_run` (beats a minute, from the intervals within a run). `bigeminy`: episodes
        in which every second beat is V, with at least three V. `pauses`: intervals of more than 2 s. `unsure`: share of
        scored beats of a confidence below 0.9. `model`, `run_id`: of the last run that scored one of the beats. A beat
        that could not be scored and a gap end a run. Definitions: Steinberg et al. 2017, ISHNE-HRS expert consensus
        statement on ambulatory ECG, Heart Rhythm 14(7), e55.
    """
    if HOUR in by:
        predictions = predictions.withColumn(HOUR, F.floor(F.col("time_s") / 3600))
    records, keys = record_keys(partition_by), summary_keys(partition_by, by)
    carried = dict.fromkeys([*records, *keys, "model", "run_id"])
    rows = _with_runs(_beats(predictions, list(carried)), records)
    return rows.groupBy(*map(column, keys)).agg(*(value.alias(name) for name, value in figures().items()))


def record_keys(partition_by: Sequence[str]) -> list[str]:
    """Name the columns that say which record a beat is of."""
    return summary_keys(partition_by, ["record"])


def summary_keys(partition_by: Sequence[str], by: Sequence[str]) -> list[str]:
    """Name the columns that say which row of a summary a beat is of."""
    return list(dict.fromkeys([*partition_by, *by]))


def figures() -> dict[str, Column]:
    """Compute the columns of a summary, from the beats of each row."""
    beats, scored = F.count(F.lit(1)), F.count("_class")
    in_bigeminy = F.col("_v_in_alternation") >= _SHORTEST_BIGEMINY
    is_unsure = F.col("_class").isNotNull() & (F.col("_confidence") < SURE)
    return {
        "beats": beats,
        "unscored": beats - scored,
        "hours": F.coalesce(F.sum("_since"), F.lit(0.0)) / 3600,
        "mean_rate": _rate(F.avg("_interval")),
        "lowest_rate": _rate(F.max("_mean_interval")),
        "highest_rate": _rate(F.min("_mean_interval")),
        **{f"{of.lower()}_{what}": value for of in ECTOPIC for what, value in _ectopic(of).items()},
        "bigeminy": _count(F.col("_begins_alternation") & in_bigeminy),
        "pauses": _count(F.col("_interval") > PAUSE),
        "unsure": F.try_divide(_count(is_unsure), scored),
        "model": F.max_by("model", "run_id"),
        "run_id": F.max("run_id"),  # ids order the runs
    }


def around_longest_runs(
    predictions: DataFrame, partition_by: Sequence[str], of: str, before: float, after: float
) -> DataFrame:
    """Find the beats around the first beat of each record's longest run of a class; of equal ones the first.

    Parameters
    ----------
    predictions : DataFrame
        As `summarize_records` takes them, with `sample` and `lead` too.
    partition_by : sequence of str
    of : str
        The class.
    before, after : float
        Seconds.

    Returns
    -------
    DataFrame
        A row a beat, of the records that have such a run: what names the record, `sample`, `lead`, `time_s`, `class`
        (NULL for a beat that was not scored), and of the run `begins_at` (s), `beats` and `rate` (beats a minute).
    """
    keys = record_keys(partition_by)
    rows = _with_runs(_beats(predictions, [*keys, "sample", "lead"]), keys)
    is_first = (F.col("_class") == of) & F.col("_begins_run") & (F.col("_in_run") >= _SHORTEST_RUN)
    run = F.struct("_in_run", (-F.col("_time")).alias("_sooner"), "_rate_of_run")
    longest = F.max(F.when(is_first, run)).over(Window.partitionBy(*map(column, keys)))
    since = F.col("time_s") - F.col("begins_at")
    found = rows.withColumn("_run", longest).select(
        *(column(name) for name in (*keys, "sample", "lead")),
        F.col("_time").alias("time_s"),
        F.col("_class").alias("class"),
        (-F.col("_run._sooner")).alias("begins_at"),
        F.col("_run._in_run").alias("beats"),
        F.col("_run._rate_of_run").alias("rate"),
    )
    return found.where(since.between(-before, after))


def _beats(predictions: DataFrame, carried: Sequence[str]) -> DataFrame:
    return predictions.where("record IS NOT NULL AND time_s IS NOT NULL").select(
        *map(column, carried),
        F.col("time_s").alias("_time"),
        F.when(F.col("error").isNull(), F.col("predicted_class")).alias("_class"),
        likeliest_probability(predictions, CLASSES).alias("_confidence"),
    )


def _with_runs(rows: DataFrame, keys: Sequence[str]) -> DataFrame:
    """Add intervals, and of each beat the run of one class, and the alternation of V and others, that it is in."""
    ordered = Window.partitionBy(*map(column, keys)).orderBy("_time")
    several = ordered.rowsBetween(1 - INTERVALS_OF_A_RATE, Window.currentRow)
    since, before = F.col("_time") - F.lag("_time").over(ordered), F.lag("_class").over(ordered)
    interval = F.when(since <= LONGEST_INTERVAL, since)
    rows = rows.withColumns({"_since": since, "_interval": interval, "_before": before})
    goes_on = F.col("_interval").isNotNull()
    changes = (F.col("_class") == "V") != (F.col("_before") == "V")
    whole = F.count("_interval").over(several) == INTERVALS_OF_A_RATE
    rows = rows.withColumns(
        {
            "_begins_run": ~F.coalesce(goes_on & (F.col("_class") == F.col("_before")), F.lit(False)),
            "_begins_alternation": ~F.coalesce(goes_on & changes, F.lit(False)),
            "_mean_interval": F.when(whole, F.avg("_interval").over(several)),
        }
    )
    rows = rows.withColumns({f"_{what}": _number(f"_begins_{what}", ordered) for what in ("run", "alternation")})
    run, alternation = (Window.partitionBy(*map(column, keys), f"_{what}") for what in ("run", "alternation"))
    inner = F.when(~F.col("_begins_run"), F.col("_interval"))
    return rows.withColumns(
        {
            "_in_run": F.count(F.lit(1)).over(run),
            "_rate_of_run": _rate(F.avg(inner).over(run)),
            "_v_in_alternation": _count(F.col("_class") == "V").over(alternation),
        }
    )


def _number(begins: str, ordered: WindowSpec) -> Column:
    return F.sum(F.col(begins).cast("int")).over(ordered)


def _ectopic(name: str) -> dict[str, Column]:
    """Count the beats of a class, alone, in pairs and in runs."""
    of_class = F.col("_class") == name
    begins = of_class & F.col("_begins_run")
    begins_run = begins & (F.col("_in_run") >= _SHORTEST_RUN)
    return {
        "beats": _count(of_class),
        "burden": F.try_divide(100 * _count(of_class), F.count("_class")),
        "couplets": _count(begins & (F.col("_in_run") == 2)),
        "runs": _count(begins_run),
        "longest_run": F.max(F.when(begins_run, F.col("_in_run"))),
        "fastest_run": F.max(F.when(begins_run, F.col("_rate_of_run"))),
    }


def _rate(interval: Column) -> Column:
    # Of beats with one time there is none; and Spark 4 ends a job that divides by zero.
    return F.try_divide(F.lit(60.0), interval)


def _count(condition: Column) -> Column:
    return F.count(F.when(condition, F.lit(1)))

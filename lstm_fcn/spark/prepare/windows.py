"""A table of beats that somebody else cut to a beat table: one task a record, whose windows are laid into a lead."""

import logging
from collections.abc import Callable

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstm_fcn.context.form import CONTEXT_FORM, WINDOW
from lstm_fcn.context.lead import BEFORE
from lstm_fcn.data.windows import record_of_windows
from lstm_fcn.errors import DataError
from lstm_fcn.spark.prepare.records import FAILURE_SCHEMA, Reading, beats_of_record, failed
from lstm_fcn.spark.prepare.signals import NUMBER_TYPES, SIGNAL_TYPES, frequency_of, rows_of_lead
from lstm_fcn.spark.tables import check_columns, refuse_missing

log = logging.getLogger(__name__)

_TABLE = "the table of windows"
_NUMBERS = ("fs", "time_s", "before_s")
_MOVED = 12
"""Values by which a beat may be moved in its window (0.1 s), so that it lies on the record's template."""

_WAY_OUT = (
    "; a model that takes contexts scores none of these. Give windows from 0.5 s before to 0.7 s after the R peak, or "
    "such that reach into the next beat; or score with a model that takes beat, if that is complete"
)


def beats_of_windows(windows: DataFrame, reading: Reading | None = None) -> DataFrame:
    """Cut the beats of records anew, from a table of windows around their R peaks.

    Parameters
    ----------
    windows : DataFrame
        One row for each beat, and all beats of a record: `record` (string), `fs` (Hz), `time_s` (of the R peak, from
        the beginning of the recording, s), `window` (array of numbers, in a unit that is the same over the record; NULL
        or NaN where one is missing), `before_s` (from the first sample of the window to the R peak, s), and optionally
        `lead` (string) and `symbol` (WFDB).
    reading : Reading, optional
        Its annotator is of no effect.

    Returns
    -------
    DataFrame
        As `lstm_fcn.spark.prepare.records.beats_of_records` returns it. A beat has NaN where no window has a sample.

    Raises
    ------
    DataError
        If a column is missing or of another type.
    """
    reading = reading or Reading()
    check_columns(windows, dict.fromkeys(_NUMBERS, NUMBER_TYPES) | {"window": SIGNAL_TYPES}, _TABLE)
    refuse_missing(["record"], windows, _TABLE)
    optional = [name for name in ("lead", "symbol") if name in windows.columns]
    rows = windows.select(
        *(F.col(name).cast("double") for name in _NUMBERS),
        *(F.col(name).cast("string") for name in ("record", *optional)),
        F.col("window").cast("array<float>"),
    )
    if reading.only:
        rows = rows.where(F.col("record").isin(list(reading.only)))
    return rows.groupBy("record").applyInPandas(_cutter(reading), FAILURE_SCHEMA)


def _cutter(reading: Reading) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def cut(rows: pd.DataFrame) -> pd.DataFrame:
        name = str(rows["record"].iloc[0])
        try:
            fs = frequency_of(rows)
            lead, beats = rows_of_lead(rows, reading)
            return beats_of_record(name, record_of_windows(name, beats, fs, lead), reading.test_records)
        except DataError as error:
            return failed(name, str(error))

    return cut


def log_what_is_missing(beats: DataFrame) -> None:
    """Log how many beats lack samples, and which; and the way out where it is most of them.

    Parameters
    ----------
    beats : DataFrame
        A beat table that was made from windows.
    """
    conditions = {
        "window": _lacks(F.slice(CONTEXT_FORM, 1, WINDOW)),
        "before": _lacks(F.slice(CONTEXT_FORM, 1, BEFORE - _MOVED)),
        "after": _lacks(F.slice(CONTEXT_FORM, BEFORE + _MOVED + 1, WINDOW)),
        "beat": _lacks(F.col("beat")),
    }
    counts = [F.count_if(condition).alias(name) for name, condition in conditions.items()]
    found = beats.agg(F.count("*").alias("all"), *counts).collect()[0].asDict()
    log.log(
        logging.WARNING if found["window"] else logging.INFO,
        "stage=prepare of %d beats %d lack samples of their window in %s: %d of the 0.4 s before the R peak, %d of the "
        "0.6 s after it; %d lack samples of beat%s",
        *(found["all"], found["window"], CONTEXT_FORM, found["before"], found["after"], found["beat"]),
        _WAY_OUT if found["window"] > found["all"] / 2 else "",
    )


def _lacks(values: Column) -> Column:
    return F.exists(values, F.isnan)

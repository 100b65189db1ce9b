"""A table of signals to a beat table: one task a record, whose segments are put together."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstm_fcn.data.detection import DETECTOR, detect_beats
from lstm_fcn.data.records import Record, check_annotations, check_frequency, check_length, choose_lead
from lstm_fcn.errors import DataError
from lstm_fcn.spark.prepare.records import FAILURE_SCHEMA, Reading, beats_of_record, failed
from lstm_fcn.spark.tables import check_columns, refuse_missing

SIGNAL_TYPES = tuple(f"array<{kind}>" for kind in ("float", "double", "int", "smallint", "bigint"))
NUMBER_TYPES = ("double", "float", "int", "bigint", "smallint")
_INTEGERS = ("int", "bigint", "smallint")


def beats_of_signals(
    signals: DataFrame, annotations: DataFrame | None = None, reading: Reading | None = None
) -> DataFrame:
    """Cut the records of a table of signals.

    Parameters
    ----------
    signals : DataFrame
        `record` (string), `fs` (Hz), `signal` (array of numbers; NULL or NaN where one is missing), and optionally
        `lead` (string), `start` (timestamp) or `segment` (integer). A record may have several rows: of each lead and of
        each segment. Segments are put together in the order of `start`, with what is between them missing, or in the
        order of `segment`, without a gap.
    annotations : DataFrame, optional
        `record` (string), `sample` (integer, in the record's samples from its first segment on), `symbol` (WFDB).
        Without it the beats are detected.
    reading : Reading, optional
        Its annotator is of no effect.

    Returns
    -------
    DataFrame
        As `lstm_fcn.spark.prepare.records.beats_of_records` returns it.

    Raises
    ------
    DataError
        If a column is missing or of another type.
    """
    reading = reading or Reading()
    check_columns(signals, {"fs": NUMBER_TYPES, "signal": SIGNAL_TYPES}, "the table of signals")
    refuse_missing(["record"], signals, "the table of signals")
    optional = [name for name in ("lead", "start", "segment") if name in signals.columns]
    rows = signals.select(
        F.col("record").cast("string"),
        F.col("fs").cast("double"),
        F.col("signal").cast("array<float>"),
        *(F.unix_micros("start").alias(name) if name == "start" else F.col(name) for name in optional),
    )
    if reading.only:
        rows = rows.where(F.col("record").isin(list(reading.only)))
    if annotations is None:
        return rows.groupBy("record").applyInPandas(_cutter(reading), FAILURE_SCHEMA)
    check_columns(annotations, {"sample": _INTEGERS, "symbol": ("string",)}, "the table of annotations")
    refuse_missing(["record"], annotations, "the table of annotations")
    beats = annotations.select(F.col("record").cast("string"), F.col("sample").cast("long"), "symbol")
    both = rows.groupBy("record").cogroup(beats.groupBy("record"))
    return both.applyInPandas(_annotated_cutter(reading), FAILURE_SCHEMA)


def _cutter(reading: Reading) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def cut(rows: pd.DataFrame) -> pd.DataFrame:
        return _cut(rows, None, reading)

    return cut


def _annotated_cutter(reading: Reading) -> Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]:
    def cut(rows: pd.DataFrame, annotations: pd.DataFrame) -> pd.DataFrame:
        return _cut(rows, annotations, reading)

    return cut


def _cut(rows: pd.DataFrame, annotations: pd.DataFrame | None, reading: Reading) -> pd.DataFrame:
    name = str((annotations if rows.empty and annotations is not None else rows)["record"].iloc[0])
    try:
        if rows.empty:
            raise DataError("it has annotations, and no signal")
        return beats_of_record(name, _record(name, rows, annotations, reading), reading.test_records)
    except DataError as error:
        return failed(name, str(error))


def _record(name: str, rows: pd.DataFrame, annotations: pd.DataFrame | None, reading: Reading) -> Record:
    fs = frequency_of(rows)
    lead, rows = rows_of_lead(rows, reading)
    signal = _put_together(rows, fs)
    if annotations is None:
        samples = detect_beats(signal, fs)
        return Record(name, signal, fs, lead, samples, None, DETECTOR)
    if annotations.empty:
        raise DataError("the table of annotations has none of it")
    ordered = annotations.sort_values("sample", kind="stable")
    record = Record(
        name, signal, fs, lead, ordered["sample"].to_numpy(np.int64), ordered["symbol"].tolist(), "annotations"
    )
    check_annotations(record)
    return record


def frequency_of(rows: pd.DataFrame) -> float:
    """Return the one sampling frequency of a record's rows.

    Raises
    ------
    DataError
        If they have several, or it is none of an ECG.
    """
    frequencies = rows["fs"].unique()
    if len(frequencies) > 1:
        raise DataError(f"expected one sampling frequency, found {', '.join(f'{fs:g}' for fs in frequencies)} Hz")
    fs = float(frequencies[0])
    check_frequency(fs)
    return fs


def rows_of_lead(rows: pd.DataFrame, reading: Reading) -> tuple[str, pd.DataFrame]:
    """Choose a lead among a record's rows, and return its name and its rows; without a column `lead` all of them."""
    if "lead" not in rows:
        return "", rows
    names = list(dict.fromkeys(rows["lead"].fillna("")))
    lead = names[choose_lead(names, [""] * len(names), reading.leads)]
    return lead, rows[rows["lead"].fillna("") == lead]


def _put_together(rows: pd.DataFrame, fs: float) -> NDArray[np.float32]:
    """Put the segments of a record together, with NaN for what is between them."""
    if rows["signal"].isna().any():
        raise DataError("a signal is NULL")
    if len(rows) == 1:
        signal = np.asarray(rows["signal"].iloc[0], dtype=np.float32)
        check_length(len(signal))
        return signal
    if "start" in rows:
        return _by_time(rows.sort_values("start"), fs)
    if "segment" not in rows:
        raise DataError(f"it has {len(rows)} rows of one lead, and no column 'start' or 'segment' to order them by")
    if rows["segment"].duplicated().any():
        raise DataError("two rows of one lead have the same segment")
    return np.concatenate([np.asarray(each, dtype=np.float32) for each in rows.sort_values("segment")["signal"]])


def _by_time(rows: pd.DataFrame, fs: float) -> NDArray[np.float32]:
    starts: NDArray[Any] = np.rint((rows["start"] - rows["start"].iloc[0]).to_numpy(np.float64) / 1e6 * fs)
    ends = starts + rows["signal"].map(len).to_numpy()
    if (starts[1:] < ends[:-1] - 1).any():  # times are rounded
        raise DataError("two rows of one lead overlap in time")
    check_length(int(ends.max()))
    signal = np.full(int(ends.max()), np.nan, dtype=np.float32)
    for start, values in zip(starts.astype(np.int64), rows["signal"], strict=True):
        signal[start : start + len(values)] = values
    return signal

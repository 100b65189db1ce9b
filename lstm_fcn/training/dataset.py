"""Reading what a training learns from: a beat table, or one of the two CSV forms."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from lstm_fcn.data.beat_files import open_beat_table, pin_version
from lstm_fcn.data.beats import (
    BEAT_LENGTH,
    NOT_KNOWN,
    Beats,
    UnlabelledBeats,
    is_csv,
    read_labelled_beats,
    read_other_beats,
    refuse_unusable,
)
from lstm_fcn.data.label_scheme import AAMI, LabelScheme
from lstm_fcn.data.series import stack_series
from lstm_fcn.errors import DataError
from lstm_fcn.model.config import Task
from lstm_fcn.training.training_csv import read_training_csv
from lstm_fcn.training.training_set import TrainingSet

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def read_training_set(
    path: str,
    rows: str,
    task: Task,
    scheme: LabelScheme = AAMI,
    *,
    spark: "SparkSession | None" = None,
    options: Mapping[str, str] | None = None,
) -> TrainingSet:
    """Read labelled series.

    Parameters
    ----------
    path : str
        A beat table (Parquet, or schema.table of the catalog); or a file whose name ends in .csv (.csv.gz, ...):
        without a header, values and the label last; with one, one-hot columns y* or a column label, and the values in
        columns x*.
    rows : str
        COLUMN=VALUE: the rows of a beat table to read, or all. A CSV file is read whole.
    task : str
        With 'multilabel' any number of the y* columns can be 1.
    scheme : LabelScheme
        What the labels mean. A beat table's are AAMI's unless it names its classes, or something else was asked for.
    spark : SparkSession, optional
        That knows the catalog; files need none.
    options : mapping, optional
        That name the version of a table of the catalog; without them its newest one.

    Raises
    ------
    DataError
        If it is not there, has another form, or values are missing.
    SettingsError
        If it is a table of the catalog, and there is no session.
    """
    pinned = pin_version(path, spark, options)
    data = read_training_csv(path, task, scheme) if is_csv(path) else _read_table(path, rows, scheme, spark, pinned)
    _check_task(data, task, path)
    return data


def _read_table(
    path: str, rows: str, scheme: LabelScheme, spark: "SparkSession | None", options: Mapping[str, str]
) -> TrainingSet:
    column, value = (None, "") if rows == "all" else rows.split("=", 1)
    beats, found = read_labelled_beats(path, column, value, scheme, spark=spark, options=options)
    columns = [f"beat[{i}]" for i in range(beats.series.shape[1])]
    return TrainingSet(beats, found.classes, columns, rows, found.labels, options)


def _check_task(data: TrainingSet, task: Task, path: str) -> None:
    count, several = len(data.classes), data.beats.labels.ndim > 1
    if several != (task == "multilabel"):
        raise DataError(f"{path}: --task {task} needs a .csv file with several columns y* (0 or 1 in each)")
    if count < 2 or (task == "binary" and count != 2):
        expected = "two classes" if task == "binary" else "two classes or more"
        raise DataError(f"{path}: expected {expected}, found {', '.join(data.classes)}")


def read_validation(path: str, data: TrainingSet, task: Task, *, spark: "SparkSession | None" = None) -> Beats:
    """Read the beats that validate a training, all that the source holds.

    Raises
    ------
    DataError
        If they do not fit the training's, or as `read_training_set` does.
    """
    scheme = LabelScheme(data.classes, data.labels)
    found = read_training_csv(path, task, scheme) if is_csv(path) else _read_table(path, "all", scheme, spark, {})
    expected, length = data.beats.series.shape[1], found.beats.series.shape[1]
    if length != expected:
        raise DataError(f"{path}: expected series of {expected} values as in training, found {length}")
    if set(found.columns) == set(data.columns) and list(found.columns) != list(data.columns):
        raise DataError(f"{path}: its columns are those of the training in another order")
    return found.beats


def read_other_rows(
    path: str,
    rows: str,
    length: int = BEAT_LENGTH,
    *,
    spark: "SparkSession | None" = None,
    options: Mapping[str, str] | None = None,
) -> UnlabelledBeats | None:
    """Read the rows of a beat table that are not trained on, to compare; a CSV file has none."""
    if is_csv(path) or rows == "all":
        return None
    column, value = rows.split("=", 1)
    return read_other_beats(path, column, value, length, spark=spark, options=options)


def read_unlabelled(path: str, length: int, *, spark: "SparkSession | None" = None) -> Beats:
    """Read the series of a beat table for a training that needs no labels of them: these are `NOT_KNOWN`.

    Raises
    ------
    DataError
        If it is not there, or a series has missing values or another length.
    """
    rows = open_beat_table(path, ["beat"], ["record"], spark=spark).read()
    series, errors = stack_series(rows["beat"], length)
    refuse_unusable(errors, path)
    named = "record" in rows and rows["record"].notna().all()
    records = rows["record"].to_numpy(dtype=object) if named else None
    return Beats(series, np.full(len(series), NOT_KNOWN), records)

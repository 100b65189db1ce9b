"""Reading what a training learns from: a beat table, or one of the two CSV forms."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstm_fcn.beats import BEAT_LENGTH, Beats, UnlabelledBeats, is_csv, read_beats, read_other_beats
from lstm_fcn.errors import DataError
from lstm_fcn.hyperparameters import Task
from lstm_fcn.labels import CLASSES

_MOST_CLASSES = 10_000


@dataclass(frozen=True)
class TrainingSet:
    """Labelled beats and what they are called.

    Attributes
    ----------
    beats : Beats
    classes : tuple of str
    columns : sequence of str
        A name for each position of a series.
    rows : str
        Which rows of the source these are.
    """

    beats: Beats
    classes: tuple[str, ...]
    columns: Sequence[str]
    rows: str


def read_training_set(path: str, rows: str, task: Task) -> TrainingSet:
    """Read labelled series.

    Parameters
    ----------
    path : str
        A beat table (Parquet); or a file whose name ends in .csv (.csv.gz, ...): without a header, values and
        the label last; with one, one-hot columns y* and the values in columns x*.
    rows : str
        COLUMN=VALUE: the rows of a beat table to read. A CSV file is read whole.
    task : str
        With 'multilabel' any number of the y* columns can be 1.

    Raises
    ------
    DataError
        If it is not there, has another form, or values are missing.
    """
    if is_csv(path):
        data = _with_header(path, task) if _has_header(path) else _label_last(path)
    else:
        columns = [f"beat[{i}]" for i in range(BEAT_LENGTH)]
        data = TrainingSet(read_beats(path, *rows.split("=")), CLASSES, columns, rows)
    _check_task(data, task, path)
    return data


def _check_task(data: TrainingSet, task: Task, path: str) -> None:
    count, several = len(data.classes), data.beats.labels.ndim > 1
    if several != (task == "multilabel"):
        raise DataError(f"{path}: --task {task} needs a .csv file with several columns y* (0 or 1 in each)")
    if count < 2 or (task == "binary" and count != 2):
        expected = "two classes" if task == "binary" else "two classes or more"
        raise DataError(f"{path}: expected {expected}, found {', '.join(data.classes)}")


def read_validation(path: str, data: TrainingSet, task: Task) -> Beats:
    """Read the beats that judge a training, all that the source holds.

    Raises
    ------
    DataError
        If they do not fit the training's, or as `read_training_set` does.
    """
    named = is_csv(path) and _has_header(path)
    if named:
        found = _with_header(path, task)
    else:
        found = _label_last(path) if is_csv(path) else TrainingSet(read_beats(path), CLASSES, (), "all")
    expected, length = data.beats.series.shape[1], found.beats.series.shape[1]
    if length != expected:
        raise DataError(f"{path}: expected series of {expected} values as in training, found {length}")
    if found.classes != data.classes if named else len(found.classes) > len(data.classes):
        raise DataError(f"{path}: expected the classes {', '.join(data.classes)}, found {', '.join(found.classes)}")
    if set(found.columns) == set(data.columns) and list(found.columns) != list(data.columns):
        raise DataError(f"{path}: its columns are those of the training in another order")
    return found.beats


def read_other_rows(path: str, rows: str) -> UnlabelledBeats | None:
    """Read the rows of a beat table that are not trained on, to compare; a CSV file has none."""
    return None if is_csv(path) else read_other_beats(path, *rows.split("="))


def _has_header(path: str) -> bool:
    first = _read_csv(path, nrows=1, dtype=str, header=None).iloc[0]
    return bool(pd.to_numeric(first, errors="coerce").isna().all())


def _read_csv(path: str, **options: object) -> pd.DataFrame:
    try:
        table: pd.DataFrame = pd.read_csv(path, **options)  # type: ignore[call-overload]
    except (OSError, ValueError, ImportError) as error:
        raise DataError(f"cannot read the CSV file {path}: {error}") from error
    if table.empty:
        raise DataError(f"{path} has no rows")
    return table


def _label_last(path: str) -> TrainingSet:
    table = _read_csv(path, header=None)
    table.columns = [f"column {i + 1}" for i in range(table.shape[1])]
    values = _numbers(table, path)
    labels = values[:, -1]
    odd = labels[(labels < 0) | (labels % 1 != 0) | (labels >= _MOST_CLASSES)]
    if len(odd):
        raise DataError(f"{path}: expected a label 0, 1, ... in the last column, found {odd[0]:g}")
    count = int(labels.max()) + 1
    if values.shape[1] < 2:
        raise DataError(f"{path}: expected values and a label in each row, found a single column")
    is_published = values.shape[1] == BEAT_LENGTH + 1 and count == len(CLASSES)
    classes = CLASSES if is_published else tuple(str(label) for label in range(count))
    beats = Beats(np.ascontiguousarray(values[:, :-1], np.float32), labels.astype(np.int64))
    return TrainingSet(beats, classes, list(table.columns[:-1]), "all")


def _with_header(path: str, task: Task) -> TrainingSet:
    table = _read_csv(path)
    x = sorted((name for name in table.columns if name.startswith("x")), key=_number)
    y = [name for name in table.columns if name.startswith("y")]
    if not x or not y:
        raise DataError(f"{path}: expected columns y* and x*, found {', '.join(table.columns[:5])}, ...")
    series = _numbers(table[x], path).astype(np.float32)
    classes, labels = _one_hot(_numbers(table[y], path), tuple(y), task, path)
    return TrainingSet(Beats(series, labels), classes, x, "all")


def _number(name: str) -> int:
    """Give the number at the end of a column's name, so that x_10 comes after x_9 wherever it stands."""
    digits = re.search(r"\d+$", name)
    return int(digits[0]) if digits else 0


def _one_hot(
    values: NDArray[np.float64], names: tuple[str, ...], task: Task, path: str
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    if not np.isin(values, (0, 1)).all():
        raise DataError(f"{path}: expected 0 or 1 in the columns {', '.join(names[:5])}")
    hot = values.astype(np.int64)
    if task == "multilabel":
        return names, hot
    if task == "binary" and len(names) == 1:
        return ("0", "1"), hot[:, 0]
    several = np.flatnonzero(hot.sum(axis=1) != 1)
    if len(several):
        raise DataError(
            f"{path}: expected a 1 in exactly one of {', '.join(names[:5])}, found {hot[several[0]].sum()} in data row "
            f"{several[0] + 1}; with several labels a series use --task multilabel, with one column --task binary"
        )
    return names, hot.argmax(axis=1)


def _numbers(table: pd.DataFrame, path: str) -> NDArray[np.float64]:
    values: NDArray[np.float64] = table.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    with np.errstate(over="ignore"):  # a value beyond float32 is named below
        bad = np.argwhere(~np.isfinite(values.astype(np.float32)))
    if len(bad):
        row, column = bad[0]
        found = str(table.iloc[row, column])
        raise DataError(
            f"{path}: {len(bad):,} missing values or other than numbers, the first in data row {row + 1}, "
            f"'{table.columns[column]}': {'nothing' if found == 'nan' else found}"
        )
    return values

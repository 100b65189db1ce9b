"""Reading what a training learns from: a beat table, or one of the two CSV forms."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstm_fcn.data.beat_files import open_beat_table, pin_version
from lstm_fcn.data.beats import (
    BEAT_LENGTH,
    NOT_KNOWN,
    Beats,
    UnlabelledBeats,
    is_csv,
    read_labelled_beats,
    read_other_beats,
    refuse_twice,
    refuse_unusable,
    stack_series,
)
from lstm_fcn.data.label_scheme import AAMI, Label, LabelScheme
from lstm_fcn.data.labels import CLASSES
from lstm_fcn.errors import DataError
from lstm_fcn.model.config import Task
from lstm_fcn.training.guards import refuse_other_names

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_MOST_CLASSES = 10_000
_SHOWN = 60


@dataclass(frozen=True)
class TrainingSet:
    """Labelled beats and the names of their classes.

    Attributes
    ----------
    beats : Beats
    classes : tuple of str
    columns : sequence of str
        A name for each position of a series.
    rows : str
        Which rows of the source these are.
    labels : tuple, optional
        What stands for each class in the source, where it is not 0, 1, ...
    options : mapping
        That read the same version of the source again, if it is a table with versions.
    """

    beats: Beats
    classes: tuple[str, ...]
    columns: Sequence[str]
    rows: str
    labels: tuple[Label, ...] | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str | None:
        """The version of the source, as `--beats-options` takes it; None where it has none."""
        return ",".join(f"{name}={value}" for name, value in self.options.items()) or None


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
    data = _read_csv_form(path, task, scheme) if is_csv(path) else _read_table(path, rows, scheme, spark, pinned)
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
    found = _read_csv_form(path, task, scheme) if is_csv(path) else _read_table(path, "all", scheme, spark, {})
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


def _read_csv_form(path: str, task: Task, scheme: LabelScheme) -> TrainingSet:
    first, options = _first_row(path)
    if not all(_is_number(value) for value in first):
        if not any(_is_number(value) for value in first):
            refuse_twice(first, path)
            return _with_header(_read_csv(path, **options), path, task, scheme)
        # Left to be read: the first value that is no number is named.
    elif [float(value) for value in first] == list(range(len(first))):
        options["skiprows"] = int(str(options.get("skiprows", 0))) + 1  # pandas' names for columns without any
    return _label_last(_read_csv(path, header=None, **options), path, scheme)


def _first_row(path: str) -> tuple[list[str], dict[str, object]]:
    """Return the first row and how to read the rest: a line sep=; says what is between the values."""
    options: dict[str, object] = {}
    first = _read_csv(path, nrows=1, dtype=str, header=None).iloc[0]
    if str(first[0]).lower().startswith("sep="):
        options = {"skiprows": 1, "sep": str(first[0])[4:] or ","}
        first = _read_csv(path, nrows=1, dtype=str, header=None, **options).iloc[0]
    found = re.search("[;\t]", "".join(map(str, first)))
    if found:
        raise DataError(
            f"{path}: expected commas between the values, found {found[0]!r}: write it with commas, and with points in "
            "the decimals"
        )
    return first.fillna("").tolist(), options


def _is_number(text: str) -> bool:
    return not pd.isna(pd.to_numeric(text, errors="coerce"))


def _read_csv(path: str, **options: object) -> pd.DataFrame:
    try:
        table: pd.DataFrame = pd.read_csv(path, **options)  # type: ignore[call-overload]
    except (OSError, ValueError, ImportError) as error:
        raise DataError(f"cannot read the CSV file {path}: {str(error).strip()}") from error
    if table.empty:
        raise DataError(f"{path} has no rows")
    return table


def _label_last(table: pd.DataFrame, path: str, scheme: LabelScheme) -> TrainingSet:
    table.columns = pd.Index([f"column {i + 1}" for i in range(table.shape[1])])
    if table.shape[1] < 2:
        found = str(table.iloc[0, 0])[:_SHOWN]
        raise DataError(
            f"{path}: expected values and a label in each row, found a single column, '{found}'; put commas between"
        )
    return _labelled(table.iloc[:, :-1], table.iloc[:, -1], path, scheme)


def _labelled(values: pd.DataFrame, label: pd.Series, path: str, scheme: LabelScheme) -> TrainingSet:
    """Pair columns of values with a column that holds each row's label."""
    series = _numbers(values, path).astype(np.float32)
    columns = list(values.columns)
    if scheme.asked:
        codes, labels = scheme.encode(label, f"{path}, '{label.name}'")
        return TrainingSet(Beats(series, codes), scheme.classes, columns, "all", labels)
    numbers = _label_numbers(label, path)
    count = int(numbers.max()) + 1
    is_published = len(columns) == BEAT_LENGTH and count == len(CLASSES)
    classes = CLASSES if is_published else tuple(str(each) for each in range(count))
    return TrainingSet(Beats(series, numbers.astype(np.int64)), classes, columns, "all")


def _label_numbers(label: pd.Series, path: str) -> NDArray[np.float64]:
    numbers = pd.to_numeric(label, errors="coerce").to_numpy(dtype=np.float64)
    odd = np.flatnonzero(~((numbers >= 0) & (numbers % 1 == 0) & (numbers < _MOST_CLASSES)))
    if len(odd):
        found, missing = label.iloc[odd[0]], bool(pd.isna(label.iloc[odd[0]]))
        hint = f"name other labels with --classes, e.g. --classes={found}=NAME,..."
        if missing:
            hint = "leave such rows out" if label.notna().any() else "take out the commas at the ends of the rows"
        where = "the last column" if str(label.name).startswith("column ") else f"'{label.name}'"
        raise DataError(
            f"{path}: expected a label 0, 1, ... in {where}, found {'nothing' if missing else found} in data row "
            f"{odd[0] + 1}; {hint}"
        )
    return numbers


def _with_header(table: pd.DataFrame, path: str, task: Task, scheme: LabelScheme) -> TrainingSet:
    table.columns = pd.Index([str(name).strip() for name in table.columns])
    x = sorted((name for name in table.columns if name.startswith("x")), key=_number)
    y = sorted((name for name in table.columns if name.startswith("y")), key=_number)
    if not x or not (y or "label" in table.columns):
        found = ", ".join(table.columns[:5])
        raise DataError(f"{path}: expected columns y* and x*, found {found}, ...; y* can be a column label")
    refuse_other_names(x, path)
    if not y:
        return _labelled(table[x], table["label"], path, scheme)
    series = _numbers(table[x], path).astype(np.float32)
    classes, labels = _one_hot(_numbers(table[y], path), tuple(y), task, path)
    if scheme.asked:
        classes, labels = _in_order_of(scheme, classes, labels, path)
    return TrainingSet(Beats(series, labels), classes, x, "all")


def _in_order_of(
    scheme: LabelScheme, found: tuple[str, ...], labels: NDArray[np.int64], path: str
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Bring labels by the columns of a file into the order of the classes that are known."""
    if set(found) != set(scheme.classes):
        raise DataError(f"{path}: expected the classes {', '.join(scheme.classes)}, found {', '.join(found)}")
    order = [found.index(name) for name in scheme.classes]
    return scheme.classes, labels[:, order] if labels.ndim > 1 else np.argsort(order)[labels]


def _number(name: str) -> int:
    """Return the number at the end of a column's name, so that x_10 comes after x_9 wherever it stands."""
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
        found = str(table.iloc[row, column])[:_SHOWN]
        raise DataError(
            f"{path}: {len(bad):,} missing values or other than numbers, the first in data row {row + 1}, "
            f"'{table.columns[column]}': {'nothing' if found == 'nan' else found}"
        )
    return values

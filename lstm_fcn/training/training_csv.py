"""Labelled series from a CSV file: values and the label last, or columns y* and x* with a header."""

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstm_fcn.data.beats import BEAT_LENGTH, Beats, refuse_twice
from lstm_fcn.data.label_scheme import LabelScheme
from lstm_fcn.data.labels import CLASSES
from lstm_fcn.errors import DataError
from lstm_fcn.model.config import Task
from lstm_fcn.training.guards import refuse_other_names
from lstm_fcn.training.training_set import TrainingSet

_MOST_CLASSES = 10_000
_SHOWN = 60


def read_training_csv(path: str, task: Task, scheme: LabelScheme) -> TrainingSet:
    """Read labelled series from one of the two CSV forms, as `read_training_set` describes them.

    Raises
    ------
    DataError
        If the file cannot be read, has another form, or values are missing.
    """
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

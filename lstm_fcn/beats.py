"""The beat table: its columns, reading it for training, and telling which beats can be scored."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
from numpy.typing import NDArray

from lstm_fcn.errors import DataError
from lstm_fcn.labels import CLASSES

BEAT_LENGTH = 187
"""Values of a beat; the last ones of a short beat are zero."""

SERIES_FREQUENCY = 120.0
"""Of a beat's values, Hz: the records' 360 Hz, every third sample. (The literature says 125 Hz.)"""

BEAT_SCHEMA = (
    "record string, sample long, symbol string, label int, length int, beat array<float>, split string, `group` string"
)
"""The beat table as Spark DDL."""


@dataclass(frozen=True)
class Beats:
    """Labelled beats in memory.

    Attributes
    ----------
    series : (n, length) float32 array
    labels : (n,) int64 array
        Positions among the classes; where a series can have several, an (n, C) array of 0 and 1.
    records : (n,) object array, optional
        The record that each beat is from, where it is known.
    """

    series: NDArray[np.float32]
    labels: NDArray[np.int64]
    records: NDArray[np.object_] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64]) -> "Beats":
        """Give the beats at these positions."""
        return Beats(self.series[rows], self.labels[rows], None if self.records is None else self.records[rows])

    def class_counts(self, classes: int) -> NDArray[np.int64]:
        """Count the beats of each class."""
        return np.bincount(self.labels, minlength=classes) if self.labels.ndim == 1 else self.labels.sum(axis=0)

    def fingerprint(self) -> str:
        """SHA-256 over the values and the labels, in their order."""
        content = self.series.astype("<f4").tobytes() + self.labels.astype("<i8").tobytes()
        return hashlib.sha256(content).hexdigest()


def is_csv(path: str) -> bool:
    """Tell a CSV file, compressed or not, from a table."""
    return re.search(r"\.csv(\.(gz|bz2|zip|xz|zst))?$", path.lower()) is not None and not Path(path).is_dir()


class UnlabelledBeats(NamedTuple):
    """Series (n, length) and, where they are known, the records (n,) they are from."""

    series: NDArray[np.float32]
    records: NDArray[np.object_] | None


def read_beats(path: str, column: str | None = None, value: str = "") -> Beats:
    """Read the beats of a beat table, all or those that a column selects, ordered by record and sample.

    Parameters
    ----------
    path : str
        Parquet file or folder, local or a URI that pyarrow knows.
    column, value : str, optional
        The rows to read, e.g. those with split = 'train' or group = 'DS1'.

    Raises
    ------
    DataError
        If there is no such table, a column is missing or of another type, no row is selected, or a row
        cannot be trained on (no label, NULL or NaN values, a length of its own).
    """
    selecting = {} if column is None else {column: pa.types.is_string}
    dataset = _open(path, {"beat": _is_float_list, "label": pa.types.is_integer} | selecting)
    order = [name for name in ("record", "sample") if name in dataset.schema.names]
    condition = None if column is None else pc.field(column) == value
    table = dataset.to_table(columns=["beat", "label", *order], filter=condition)
    if not len(table) and column is None:
        raise DataError(f"{path} has no rows")
    if not len(table):
        hint = (
            ". Only MIT-BIH records have a published split: prepare others with --test-records, which holds out "
            "whole records, and a CSV file with --csv-split"
        )
        raise DataError(f"{path} has no row with {column} = '{value}'" + (hint if column == "split" else ""))
    rows = table.to_pandas()
    if order:
        # The fingerprint must not depend on how the table was cut into files.
        rows = rows.sort_values(order, kind="stable")
    return _to_beats(rows, path)


def read_other_beats(path: str, column: str, value: str) -> UnlabelledBeats:
    """Read what else a beat table holds: the beats with another value in the column.

    Rows with NULL in the column are on no side; series that cannot be scored are left out.
    """
    dataset = _open(path, {"beat": _is_float_list, column: pa.types.is_string})
    has_records = "record" in dataset.schema.names
    columns = ["beat", "record"] if has_records else ["beat"]
    rows = dataset.to_table(columns=columns, filter=pc.field(column) != value).to_pandas()
    series, errors = stack_series(rows["beat"])
    return UnlabelledBeats(series, rows["record"].to_numpy(dtype=object)[errors == ""] if has_records else None)


def _open(path: str, expected: dict[str, Callable[[pa.DataType], bool]]) -> pads.Dataset:
    try:
        dataset = pads.dataset(path, format="parquet")
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"no beat table at {path}: {error}") from error
    schema = dataset.schema
    for name, fits in expected.items():
        if name not in schema.names:
            raise DataError(f"{path} has no column '{name}'; found: {', '.join(schema.names)}")
        if not fits(schema.field(name).type):
            kind = {"beat": "a list of float or double", "label": "an integer"}.get(name, "a string")
            raise DataError(f"{path}: expected column '{name}' to be {kind}, found {schema.field(name).type}")
    return dataset


def _is_float_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) and pa.types.is_floating(kind.value_type))


def _to_beats(rows: pd.DataFrame, path: str) -> Beats:
    series, errors = stack_series(rows["beat"])
    if (errors != "").any():
        reasons = pd.Series(errors[errors != ""]).value_counts()
        listed = ", ".join(f"{count} x {reason}" for reason, count in reasons.items())
        raise DataError(f"{path}: beats that cannot be trained on: {listed}")
    unknown = rows["label"][~rows["label"].isin(range(len(CLASSES)))].unique()
    if len(unknown):
        found = ", ".join("NULL" if pd.isna(label) else str(label) for label in unknown[:5])
        raise DataError(f"{path}: expected labels 0 to {len(CLASSES) - 1}, found {found}")
    records = rows["record"].to_numpy(dtype=object) if "record" in rows and rows["record"].notna().all() else None
    return Beats(series, rows["label"].to_numpy(dtype=np.int64), records)


def stack_series(column: pd.Series, length: int = BEAT_LENGTH) -> tuple[NDArray[np.float32], NDArray[np.object_]]:
    """Stack a column of arrays, and say for each row that has to stay out why.

    Parameters
    ----------
    column : Series of n arrays or None
    length : int
        Values that each array must have.

    Returns
    -------
    series : (n_good, length) float32 array
        The good rows, in order.
    errors : (n,) object array
        '' for a good row, else the reason.
    """
    errors = np.full(len(column), "", dtype=object)
    good = []
    for i, values in enumerate(column):
        if values is None:
            errors[i] = "the beat is NULL"
        elif len(values) != length:
            errors[i] = f"expected {length} values, found {len(values)}"
        else:
            good.append(values)
    series = np.stack(good).astype(np.float32, copy=False) if good else np.empty((0, length), np.float32)
    finite = np.isfinite(series).all(axis=1)
    if not finite.all():
        errors[np.flatnonzero(errors == "")[~finite]] = "the beat holds NULL, NaN or infinity"
    return series[finite], errors


def implausible(series: NDArray[np.float32], lowest: float | None, highest: float | None) -> NDArray[np.object_]:
    """Say for each series (n, length) why a model's answer to it would mean nothing, or ''.

    Parameters
    ----------
    series : (n, length) float32 array
    lowest, highest : float or None
        Of the values in training, where they are known. A tenth of their distance is allowed beyond them, for
        filters and resampling that overshoot.
    """
    errors = np.full(len(series), "", dtype=object)
    least, most = series.min(axis=1, initial=np.inf), series.max(axis=1, initial=-np.inf)
    if lowest is not None and highest is not None:
        beyond = (highest - lowest) / 10
        errors[(least < lowest - beyond) | (most > highest + beyond)] = (
            f"values outside those of training ({lowest:g} to {highest:g})"
        )
    errors[least == most] = "the beat is a flat line"
    return errors

"""The beat table: its columns, reading it for training, and finding the beats that can be scored."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstm_fcn.context.form import CONTEXT_FORM
from lstm_fcn.data.beat_files import open_beat_table
from lstm_fcn.data.label_scheme import AAMI, Label, LabelScheme
from lstm_fcn.data.series import stack_series
from lstm_fcn.errors import DataError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BEAT_LENGTH = 187
"""Values of a beat; the last ones of a short beat are zero."""

SERIES_FREQUENCY = 120.0
"""Of a beat's values, Hz: the records' 360 Hz, every third sample. (The literature says 125 Hz.)"""

NOT_KNOWN = -1
"""Label of a beat that has none, where labels are positions among the classes."""

BEAT_SCHEMA = (
    "record string, sample long, symbol string, label int, length int, beat array<float>, split string, "
    f"`group` string, fs double, lead string, time_s double, annotator string, {CONTEXT_FORM} array<float>"
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
    weights : (n,) float32 array, optional
        How much each beat counts in training, where they do not count the same.
    targets : (n, C) float32 array, optional
        Probabilities to learn beside the labels (`lstm_fcn.training.distillation`); a label can then be `NOT_KNOWN`.
    """

    series: NDArray[np.float32]
    labels: NDArray[np.int64]
    records: NDArray[np.object_] | None = None
    weights: NDArray[np.float32] | None = None
    targets: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64]) -> "Beats":
        """Return the beats at these positions."""
        return Beats(
            self.series[rows],
            self.labels[rows],
            None if self.records is None else self.records[rows],
            None if self.weights is None else self.weights[rows],
            None if self.targets is None else self.targets[rows],
        )

    def class_counts(self, classes: int) -> NDArray[np.int64]:
        """Count the beats of each class."""
        if self.labels.ndim > 1:
            return np.asarray(self.labels.sum(axis=0))
        return np.bincount(self.labels[self.labels != NOT_KNOWN], minlength=classes)

    def class_weights(self, classes: int) -> NDArray[np.int64] | NDArray[np.float64]:
        """Sum the weights of the beats of each class; without weights count the beats."""
        if self.weights is None:
            return self.class_counts(classes)
        if self.labels.ndim > 1:
            return np.asarray((self.labels * self.weights[:, None]).sum(axis=0), dtype=np.float64)
        known = self.labels != NOT_KNOWN
        return np.bincount(self.labels[known], self.weights[known], minlength=classes)

    def fingerprint(self) -> str:
        """SHA-256 over the values, the labels and the weights where there are some, in their order."""
        content = self.series.astype("<f4").tobytes() + self.labels.astype("<i8").tobytes()
        content += b"" if self.weights is None else self.weights.astype("<f4").tobytes()
        return hashlib.sha256(content).hexdigest()


def is_csv(path: str) -> bool:
    """Check whether a path is that of a CSV file, compressed or not."""
    return re.search(r"\.csv(\.(gz|bz2|zip|xz|zst))?$", path.lower()) is not None and not Path(path).is_dir()


def refuse_twice(names: Iterable[str], path: str) -> None:
    """Refuse a header with two columns of one name, of which pandas and Spark make others (x_5: x_5.1, x_54).

    Raises
    ------
    DataError
    """
    counts = Counter(name.strip(" \t\"'") for name in names)
    twice = [name for name, count in counts.items() if name and count > 1]
    if twice:
        raise DataError(f"{path}: expected one column of each name, found {counts[twice[0]]} named '{twice[0]}'")


class UnlabelledBeats(NamedTuple):
    """Series (n, length) and, where they are known, the records (n,) they are from."""

    series: NDArray[np.float32]
    records: NDArray[np.object_] | None


def read_beats(
    path: str,
    column: str | None = None,
    value: str = "",
    scheme: LabelScheme = AAMI,
    *,
    spark: "SparkSession | None" = None,
) -> Beats:
    """Read the beats of a beat table, all or those that a column selects, ordered by record and sample.

    Parameters
    ----------
    path : str
        Parquet file or folder, local or a URI that pyarrow knows. Folders can be partitioned (split=train/). Or a
        table of the catalog (schema.table).
    column, value : str, optional
        The rows to read, e.g. those with split = 'train' or group = 'DS1'.
    scheme : LabelScheme
        What the labels mean, if the table does not name its classes. Where it was asked for, series of any one length
        are taken.
    spark : SparkSession, optional
        That knows the catalog; files need none.

    Raises
    ------
    DataError
        If there is no such table, a column is missing or of another type, no row is selected, or a row
        cannot be trained on (no label, NULL or NaN values, a length of its own).
    SettingsError
        If it is a table of the catalog, and there is no session.
    """
    return read_labelled_beats(path, column, value, scheme, spark=spark)[0]


def read_labelled_beats(
    path: str,
    column: str | None,
    value: str,
    scheme: LabelScheme,
    *,
    spark: "SparkSession | None" = None,
    options: Mapping[str, str] | None = None,
) -> tuple[Beats, LabelScheme]:
    """Read beats as `read_beats` does, of the version that the options name, and what their labels mean."""
    table = open_beat_table(path, ["beat", "label"], ["record", "sample"], column, spark=spark, options=options)
    scheme = scheme.named_by(table.classes, path)
    rows = table.read(value)
    if not len(rows) and column is None:
        raise DataError(f"{path} has no rows")
    if not len(rows):
        hint = (
            ". Only MIT-BIH records have a published split: prepare others with --test-records, which holds out whole "
            "records, and a CSV file with --csv-split"
        )
        found = ", ".join(map(repr, table.values())) or "nothing but NULL"
        raise DataError(
            f"{path} has no row with {column} = '{value}'; found {found}" + (hint if column == "split" else "")
        )
    order = [name for name in ("record", "sample") if name in rows]
    if order:
        # The fingerprint must not depend on how the table was cut into files.
        rows = rows.sort_values(order, kind="stable")
    beats, labels = _to_beats(rows, path, scheme)
    return beats, replace(scheme, labels=labels)


def read_other_beats(
    path: str,
    column: str,
    value: str,
    length: int = BEAT_LENGTH,
    *,
    spark: "SparkSession | None" = None,
    options: Mapping[str, str] | None = None,
) -> UnlabelledBeats:
    """Read what else a beat table holds: the beats with another value in the column.

    Rows with NULL in the column are on no side; series that cannot be scored are left out.
    """
    rows = open_beat_table(path, ["beat"], ["record"], column, spark=spark, options=options).read(value, equal=False)
    series, errors = stack_series(rows["beat"], length)
    return UnlabelledBeats(series, rows["record"].to_numpy(dtype=object)[errors == ""] if "record" in rows else None)


def _to_beats(rows: pd.DataFrame, path: str, scheme: LabelScheme) -> tuple[Beats, tuple[Label, ...] | None]:
    length = _usual_length(rows["beat"]) if scheme.asked else BEAT_LENGTH
    series, errors = stack_series(rows["beat"], length)
    refuse_unusable(errors, path)
    codes, labels = scheme.encode(rows["label"], path)
    records = rows["record"].to_numpy(dtype=object) if "record" in rows and rows["record"].notna().all() else None
    return Beats(series, codes, records), labels


def refuse_unusable(errors: NDArray[np.object_], path: str) -> None:
    """Refuse beats that cannot be trained on, for the reasons (n,) that `stack_series` found.

    Raises
    ------
    DataError
        Which counts them.
    """
    if (errors != "").any():
        reasons = pd.Series(errors[errors != ""]).value_counts()
        listed = ", ".join(f"{count} x {reason}" for reason, count in reasons.items())
        raise DataError(f"{path}: beats that cannot be trained on: {listed}")


def _usual_length(beats: pd.Series) -> int:
    lengths = [len(values) for values in beats if values is not None]
    return max(set(lengths), key=lengths.count) if lengths else BEAT_LENGTH

"""The beats of a training on contexts, and how much each counts."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstm_fcn.context.form import CONTEXT_FORM, CONTEXT_LENGTH, FEATURES, WINDOW
from lstm_fcn.data.beat_files import open_beat_table
from lstm_fcn.data.labels import CLASSES
from lstm_fcn.data.series import stack_series
from lstm_fcn.errors import DataError
from lstm_fcn.model.context_network import PREDICTED

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class ContextBeats:
    """Labelled beats with their contexts, of one or more leads.

    Attributes
    ----------
    contexts : (n, CONTEXT_LENGTH) float32 array
    labels : (n,) int64 array
        Positions in `lstm_fcn.data.labels.CLASSES`.
    records : (n,) int64 array
        Number of the record that a beat is from; all leads of a record have the same.
    leads : (n,) int64 array
        Number of the lead of that record.
    names : tuple of str
        Of the records, by their numbers.
    """

    contexts: NDArray[np.float32]
    labels: NDArray[np.int64]
    records: NDArray[np.int64]
    leads: NDArray[np.int64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def windows(self) -> NDArray[np.float32]:
        """The windows (n, WINDOW)."""
        return self.contexts[:, :WINDOW]

    @property
    def features(self) -> NDArray[np.float32]:
        """The features (n, features)."""
        return self.contexts[:, 2 * WINDOW :]

    def feature(self, name: str) -> NDArray[np.float32]:
        """One feature (n,)."""
        return self.features[:, FEATURES.index(name)]

    def fingerprint(self) -> str:
        """SHA-256 over contexts and labels, in their order."""
        return hashlib.sha256(self.contexts.tobytes() + self.labels.tobytes()).hexdigest()


def read_context_beats(
    paths: Sequence[str], leave_out: Sequence[str] = (), *, spark: "SparkSession | None" = None
) -> ContextBeats:
    """Read the labelled beats of beat tables; those whose context is not whole are left out.

    Parameters
    ----------
    paths : sequence of str
        Beat tables (Parquet, or schema.table) as jobs/prepare.py writes them, e.g. one of each lead. The same
        record in two of them is two leads of it.
    leave_out : sequence of str
        Values of the column `group` whose rows are not read, e.g. DS2.
    spark : SparkSession, optional
        That knows the catalog; files need none.

    Raises
    ------
    DataError
        If a table cannot be read, has no contexts, labels or records, or no class has beats of five records.
    """
    tables = [_read_table(path, leave_out, spark).assign(table=number) for number, path in enumerate(paths)]
    rows = pd.concat(tables, ignore_index=True)
    contexts, errors = stack_series(rows[CONTEXT_FORM], CONTEXT_LENGTH)
    rows = rows[errors == ""]
    if not len(rows):
        raise DataError(f"{', '.join(paths)}: no beat has a context; prepare the records anew with jobs/prepare.py")
    numbers, names = pd.factorize(rows["record"])
    beats = ContextBeats(
        np.ascontiguousarray(contexts),
        rows["label"].to_numpy(np.int64),
        numbers.astype(np.int64),
        rows["table"].to_numpy(np.int64),
        tuple(map(str, names)),
    )
    for label, name in enumerate(PREDICTED):
        found = len(np.unique(beats.records[beats.labels == label]))
        if found < _FEWEST_RECORDS:
            raise DataError(f"expected beats of class {name} from {_FEWEST_RECORDS} records or more, found {found}")
    return beats


_FEWEST_RECORDS = 5
"""As many as there are folds."""


def _read_table(path: str, leave_out: Sequence[str], spark: "SparkSession | None") -> pd.DataFrame:
    rows = open_beat_table(path, [CONTEXT_FORM, "label", "record", "sample"], ["group"], spark=spark).read()
    if "group" in rows:
        rows = rows[~rows["group"].isin(list(leave_out))]
    rows = rows[rows["label"].notna()]
    if not rows["label"].isin(range(len(CLASSES))).all():
        raise DataError(f"{path}: expected the labels 0 to {len(CLASSES) - 1} ({', '.join(CLASSES)})")
    return rows.sort_values(["record", "sample"], kind="stable")


def beat_weights(beats: ContextBeats, rows: NDArray[np.bool_], most: int) -> NDArray[np.float64]:
    """Weigh the beats for drawing: (n,); 0 for all but `rows`, and for F and Q.

    A record counts for at most `most` beats of a class, and a class by the root of what it has then: neither the
    patient with the most beats nor the commonest class decides.
    """
    known = rows & (beats.labels < len(PREDICTED))
    key = (beats.records * len(CLASSES) + beats.labels) * (1 + beats.leads.max()) + beats.leads
    of_key = np.bincount(key[known], minlength=key.max() + 1)
    weights = np.where(known, np.minimum(1, most / np.maximum(of_key[key], 1)), 0.0)
    of_class = np.bincount(beats.labels, weights, minlength=len(CLASSES))
    balanced: NDArray[np.float64] = weights / np.sqrt(np.maximum(of_class, 1))[beats.labels]
    return balanced


def draw_rows(weights: NDArray[np.float64], steps: int, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw the beats of each training step, with replacement: (steps, size)."""
    return rng.choice(len(weights), size=(steps, size), p=weights / weights.sum())

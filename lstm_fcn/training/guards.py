"""What makes a result look better than it is: a label left among the values, the same beats on both sides."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.data.beats import Beats, UnlabelledBeats
from lstm_fcn.errors import DataError
from lstm_fcn.model.header import Purpose

_FEWEST_BEATS = 50
_BEATS_PER_VALUE = 10
_FEWEST_DIFFERENT = 20
_NO_VALUE = re.compile(
    r"(^|[_ .-]|^x)"
    r"(label|class|target|split|group|id|index|idx|row|record|patient|subject|sample|time|timestamp)s?$",
    re.IGNORECASE,
)


def refuse_other_names(columns: Sequence[str], source: str) -> None:
    """Refuse columns among the values whose names say that they are none, e.g. x_label or xid.

    Raises
    ------
    DataError
        Which names the first one.
    """
    odd = [name for name in columns if _NO_VALUE.search(name)]
    if odd:
        raise DataError(
            f"{source}: column '{odd[0]}' is among the values, whose names begin as its does, and seems to be none: "
            "rename it or take it out"
        )


def refuse_counting(beats: Beats, columns: Sequence[str]) -> None:
    """Refuse series in which a position counts the rows: a row number, a time, the number of a record.

    Such a position goes up, or down, from row to row with at least twenty different values, which a signal's does
    not; or, where the rows were shuffled, it holds whole numbers, no two the same, beyond all other values. Where most
    positions do so, it is how the series are.

    Parameters
    ----------
    beats : Beats
        In the order of their source.
    columns : sequence of str
        The positions' names, for the message.

    Raises
    ------
    DataError
        Which names the column.
    """
    series = beats.series
    if len(series) < _FEWEST_DIFFERENT or series.shape[1] < 2:
        return
    steps = np.sign(np.diff(series, axis=0))
    counts = ((steps >= 0).all(axis=0) | (steps <= 0).all(axis=0)) & ((steps != 0).sum(axis=0) >= _FEWEST_DIFFERENT - 1)
    counts |= _are_shuffled_numbers(series)
    if not counts.any() or counts.mean() > 0.5:
        return
    column = int(counts.argmax())
    first = ", ".join(f"{value:g}" for value in series[:3, column])
    raise DataError(
        f"'{columns[column]}' is no signal: it counts from row to row ({first}, ...), as row numbers, times and record "
        "numbers do. Take it out of the series; a model that sees it learns the order of the rows"
    )


def _are_shuffled_numbers(series: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return (length,): which positions hold whole numbers, no two the same, that go beyond all other positions'."""
    if len(series) < _FEWEST_BEATS:
        return np.zeros(series.shape[1], dtype=bool)
    highest = series.max(axis=0)
    found: NDArray[np.bool_] = np.zeros(series.shape[1], dtype=bool)
    column = int(highest.argmax())
    values = series[:, column]
    is_beyond = highest[column] > np.delete(highest, column).max()
    found[column] = bool(is_beyond and (values % 1 == 0).all() and len(np.unique(values)) == len(values))
    return found


def refuse_label_leak(beats: Beats, classes: Sequence[str], columns: Sequence[str]) -> None:
    """Refuse series in which a single position determines a class.

    That is what a label, or one column of a one-hot label, looks like that was left among the values: few
    different values, each of which occurs with that class always or never. Fewer than 50 beats, or less
    than ten for each different value or of the class, are too few to know.

    Parameters
    ----------
    beats : Beats
    classes : sequence of str
    columns : sequence of str
        The positions' names, for the message.

    Raises
    ------
    DataError
        Which names the column.
    """
    if len(beats) < _FEWEST_BEATS:
        return
    belongs = _belongs(beats.labels, len(classes))
    for column, values in zip(columns, beats.series.T, strict=True):
        determined = _determined_classes(values, belongs)
        if determined.any():
            which = (
                "the label" if determined[_has_enough(belongs)].all() else f"class {classes[int(determined.argmax())]}"
            )
            raise DataError(
                f"'{column}' determines {which} of every one of {len(beats):,} series: it looks like a label "
                "left among the values. Take it out of the series; no figure of a model that sees it means anything"
            )


def _belongs(labels: NDArray[np.int64], classes: int) -> NDArray[np.bool_]:
    """Return (n, C): whether a series is of a class."""
    return labels.astype(bool) if labels.ndim > 1 else labels[:, None] == np.arange(classes)


def _determined_classes(values: NDArray[np.float32], belongs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return (C,): which classes, with series both in and out of them, these values separate."""
    different, value = np.unique(values, return_inverse=True)
    if len(different) * _BEATS_PER_VALUE > len(values):
        return np.zeros(belongs.shape[1], dtype=bool)
    count = np.bincount(value)[:, None]
    inside = np.stack([np.bincount(value, weights=of_class) for of_class in belongs.T], axis=1)
    separated: NDArray[np.bool_] = ((inside == 0) | (inside == count)).all(axis=0)
    return separated & _has_enough(belongs)


def _has_enough(belongs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return (C,): which classes have several beats in and out of them; chance separates a single one easily."""
    members = belongs.sum(axis=0)
    enough: NDArray[np.bool_] = np.minimum(members, len(belongs) - members) >= _BEATS_PER_VALUE
    return enough


def count_identical(series: NDArray[np.float32], others: NDArray[np.float32]) -> int:
    """Count the series that are value for value among the others too."""
    known = {row.tobytes() for row in others}
    return sum(row.tobytes() in known for row in series)


def overlap_warnings(fitted: Beats, evaluated: Beats | UnlabelledBeats, name: str) -> list[str]:
    """Describe what the fitted beats and those that evaluate them have in common.

    Parameters
    ----------
    fitted : Beats
    evaluated : Beats or UnlabelledBeats
    name : str
        Of the evaluated side, e.g. 'validation'.
    """
    warnings, total = [], len(evaluated.series)
    identical = count_identical(evaluated.series, fitted.series)
    if identical:
        warnings.append(f"{identical:,} of {total:,} {name} series are identical to a training series")
    if fitted.records is not None and evaluated.records is not None:
        shared = np.isin(evaluated.records.astype(str), fitted.records.astype(str))
        if shared.any():
            records = len(np.unique(evaluated.records[shared].astype(str)))
            warnings.append(
                f"{shared.sum():,} of {total:,} {name} beats are from {records} records that are trained on too: "
                "their patients are known to the model, so its figures on them say nothing of new patients"
            )
    return warnings


def purpose(fitted: Beats, *evaluated: Beats | UnlabelledBeats | None) -> Purpose:
    """Say what records a model is made for: new ones if whole records were held out to choose or to evaluate it.

    Parameters
    ----------
    fitted : Beats
    *evaluated : Beats, UnlabelledBeats or None
        Each side that it is chosen or evaluated on; None where there is none.
    """
    if fitted.records is None:
        return "known records"
    known = set(map(str, fitted.records))
    sides = [set(map(str, each.records)) for each in evaluated if each is not None and each.records is not None]
    return "new records" if any(side and known.isdisjoint(side) for side in sides) else "known records"

"""What makes a result look better than it is: a label left among the values, the same beats on both sides."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.beats import Beats, UnlabelledBeats
from lstm_fcn.errors import DataError

_FEWEST_BEATS = 50
_BEATS_PER_VALUE = 10


def refuse_label_leak(beats: Beats, classes: Sequence[str], columns: Sequence[str]) -> None:
    """Refuse series in which a single position tells a class.

    That is what a label, or one column of a one-hot label, looks like that was left among the values: few
    different values, each of which occurs with that class always or never. Fewer than 50 beats, or less
    than ten for each different value or of the class, are too few to tell.

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
        told = _told_classes(values, belongs)
        if told.any():
            which = "the label" if told[_has_enough(belongs)].all() else f"class {classes[int(told.argmax())]}"
            raise DataError(
                f"'{column}' determines {which} of every one of {len(beats):,} series: it looks like a label "
                "left among the values. Take it out of the series; no figure of a model that sees it means anything"
            )


def _belongs(labels: NDArray[np.int64], classes: int) -> NDArray[np.bool_]:
    """Give (n, C): whether a series is of a class."""
    return labels.astype(bool) if labels.ndim > 1 else labels[:, None] == np.arange(classes)


def _told_classes(values: NDArray[np.float32], belongs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which classes, with series both in and out of them, these values separate."""
    different, value = np.unique(values, return_inverse=True)
    if len(different) * _BEATS_PER_VALUE > len(values):
        return np.zeros(belongs.shape[1], dtype=bool)
    count = np.bincount(value)[:, None]
    inside = np.stack([np.bincount(value, weights=of_class) for of_class in belongs.T], axis=1)
    separated: NDArray[np.bool_] = ((inside == 0) | (inside == count)).all(axis=0)
    return separated & _has_enough(belongs)


def _has_enough(belongs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which classes have several beats in and out of them: chance separates a single one easily."""
    members = belongs.sum(axis=0)
    enough: NDArray[np.bool_] = np.minimum(members, len(belongs) - members) >= _BEATS_PER_VALUE
    return enough


def count_identical(series: NDArray[np.float32], others: NDArray[np.float32]) -> int:
    """Count the series that are value for value among the others too."""
    known = {row.tobytes() for row in others}
    return sum(row.tobytes() in known for row in series)


def overlap_warnings(fitted: Beats, judging: Beats | UnlabelledBeats, name: str) -> list[str]:
    """Say what the fitted beats and those that judge them have in common.

    Parameters
    ----------
    fitted : Beats
    judging : Beats or UnlabelledBeats
    name : str
        Of the judging side, e.g. 'validation'.
    """
    warnings, total = [], len(judging.series)
    identical = count_identical(judging.series, fitted.series)
    if identical:
        warnings.append(f"{identical:,} of {total:,} {name} series are identical to a training series")
    if fitted.records is not None and judging.records is not None:
        shared = np.isin(judging.records.astype(str), fitted.records.astype(str))
        if shared.any():
            records = len(np.unique(judging.records[shared].astype(str)))
            warnings.append(
                f"{shared.sum():,} of {total:,} {name} beats are from {records} records that are trained on too: "
                "their patients are known to the model, so its figures on them say nothing of new patients"
            )
    return warnings

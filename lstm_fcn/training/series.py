"""What an estimator is given, made into what a training takes: series of one channel, labels that a file can hold."""

import json
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lstm_fcn.data.beats import Beats
from lstm_fcn.errors import DataError
from lstm_fcn.model.file import MAX_HEADER_BYTES

_MOST_REPEATS = 8
_LABEL_KINDS = "biufUO"
_MOST_TEXT = MAX_HEADER_BYTES // 8
"""Bytes of labels, or of names, of which a file's header holds some in several forms."""


def one_channel(X: ArrayLike) -> ArrayLike:
    """Return series (n, length) from (n, 1, length), as sktime and aeon have them; all else as it is.

    Raises
    ------
    ValueError
        If there are several channels, or masked values.
    """
    refuse_masked(X)
    if isinstance(X, list | tuple):
        try:
            stacked = np.asarray(X)
        except ValueError:  # of several lengths, which scikit-learn has words for
            return X
        X = stacked if stacked.ndim == 3 else X
    if getattr(X, "ndim", None) != 3:
        return X
    shape = tuple(np.shape(X))
    if shape[1] != 1:
        raise ValueError(
            f"expected series of one channel, of shape (n, length) or (n, 1, length), found {shape}; choose a channel, "
            "e.g. X[:, [0]]"
        )
    return X[:, 0]  # type: ignore[call-overload, index]


def refuse_masked(*arrays: object) -> None:
    """Refuse masked values, whose masks scikit-learn and torch drop without a word.

    Raises
    ------
    ValueError
    """
    if any(np.ma.is_masked(array) for array in arrays):  # type: ignore[no-untyped-call]
        raise ValueError("expected no masked values, found some: leave out these series, or fill the values in")


def refuse_lost_labels(classes: NDArray[Any]) -> None:
    """Refuse labels that do not come back from a model file as they are.

    Raises
    ------
    ValueError
    """
    try:
        text = _as_kept(classes)
    except (TypeError, ValueError, OverflowError) as error:
        shown = ", ".join(ascii(str(label)) for label in classes[:3])
        raise ValueError(
            f"expected labels that a model file can hold, numbers or text; found {shown}, ... ({error}); convert them, "
            "e.g. with y.astype(str)"
        ) from error
    if len(text) > _MOST_TEXT:
        raise ValueError(
            f"expected labels of no more than {_MOST_TEXT:,} bytes in all, found {len(text):,}: shorten them"
        )


def _as_kept(classes: NDArray[Any]) -> bytes:
    kind = classes.dtype.kind
    if kind not in _LABEL_KINDS:
        raise TypeError(f"of type {classes.dtype}")
    text = json.dumps(classes.tolist(), allow_nan=False, ensure_ascii=False).encode()
    kept = np.array(json.loads(text))
    if kind != "O" and kept.dtype.kind not in {"i": "i", "u": "iu"}.get(kind, kind):
        raise ValueError(f"they come back as {kept.dtype}")  # what is beyond int64 beside what is not
    if not np.array_equal(kept, classes):
        raise ValueError("they come back changed")
    return text


def names_to_keep(names: Sequence[str] | None) -> list[str] | None:
    """Return feature names that a model file can hold; where they are too long none, with a warning."""
    if names is None:
        return None
    size = len(json.dumps(list(names)).encode())
    if size > _MOST_TEXT:
        warnings.warn(f"the feature names are not kept in the model file: {size:,} bytes of them", stacklevel=3)
        return None
    return list(names)


def in_canonical_order(beats: Beats) -> Beats:
    """Order beats by their content, so that a training does not depend on the order of its rows."""
    weights = np.ones(len(beats), np.float32) if beats.weights is None else beats.weights
    keys = [
        series.tobytes() + np.asarray(label).tobytes() + weight.tobytes()
        for series, label, weight in zip(np.ascontiguousarray(beats.series), beats.labels, weights, strict=True)
    ]
    return beats.take(np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64))


def apply_weights(beats: Beats) -> Beats:
    """Take beats with small whole weights so many times; other weights count against each other, 1 on average.

    Raises
    ------
    DataError
        If all weights are zero.
    """
    weights = beats.weights
    if weights is None:
        return beats
    if not weights.any():
        raise DataError("expected a sample_weight above 0, found only zeros")
    if (weights % 1 == 0).all() and weights.sum() <= _MOST_REPEATS * len(weights):
        repeated = beats.take(np.repeat(np.arange(len(beats)), weights.astype(np.int64)))
        return replace(repeated, weights=None)
    return replace(beats, weights=(weights / weights.mean()).astype(np.float32))

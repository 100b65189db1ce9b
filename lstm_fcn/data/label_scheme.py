"""What the values of a label column stand for: the classes in their order, and each class's own label."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstm_fcn.data.labels import CLASSES
from lstm_fcn.errors import DataError, SettingsError

Label = bool | int | float | str

CLASSES_KEY = "classes"
"""In the metadata of a label column, as Spark and its Parquet files keep them: the names of the labels 0, 1, ..."""

_SHOWN = 5
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.0+)?")


@dataclass(frozen=True)
class LabelScheme:
    """The classes, and what stands for each in a label column.

    Attributes
    ----------
    classes : tuple of str
    labels : tuple, optional
        The label of each class. Without it the labels are 0, 1, ... or, where they are text, the classes' names.
    asked : bool
        False: nobody has said what the labels mean, so AAMI's are expected.
    """

    classes: tuple[str, ...] = CLASSES
    labels: tuple[Label, ...] | None = None
    asked: bool = True

    def encode(self, values: pd.Series, source: str) -> tuple[NDArray[np.int64], tuple[Label, ...] | None]:
        """Return the position of each value among the classes, and the labels where they are not 0, 1, ...

        Parameters
        ----------
        values : Series
            Whole numbers of any type (0, 0.0, '0'), or text.
        source : str
            Where they are from, for the message.

        Raises
        ------
        DataError
            If a value is none of them.
        """
        codes, different = pd.factorize(values.to_numpy(dtype=object), use_na_sentinel=True)
        keys = [as_label(value) for value in different]
        is_text = any(isinstance(key, str) for key in keys)
        labels = self.labels
        if labels is None and is_text and self.asked:
            labels = self.classes
        positions = {label: i for i, label in enumerate(range(len(self.classes)) if labels is None else labels)}
        odd = [key for key in keys if key not in positions]
        if odd or (codes < 0).any():
            shown = ", ".join([*(["NULL"] if (codes < 0).any() else []), *map(str, odd)][:_SHOWN])
            raise DataError(
                f"{source}: expected labels {self._described(labels)}, found {shown}{self._hint(odd, keys)}"
            )
        encoded: NDArray[np.int64] = np.array([positions[key] for key in keys], dtype=np.int64)[codes]
        return encoded, labels

    def named_by(self, names: Sequence[str], source: str) -> "LabelScheme":
        """Return the scheme for a table that names the classes of its labels 0, 1, ... itself.

        Parameters
        ----------
        names : sequence of str
            None where it does not.
        source : str
            The table, for the message.

        Raises
        ------
        DataError
            If other classes were asked for.
        """
        if not names or self.stands_for(names):
            return self
        if self.asked:
            raise DataError(
                f"{source} names its classes {', '.join(names)}, in the order of the labels 0, 1, ...; expected "
                f"{', '.join(self.classes)}, as --classes, the model or the training beats have them. Prepare the "
                "table with these, or leave out --classes"
            )
        return LabelScheme(tuple(names))

    def stands_for(self, names: Sequence[str]) -> bool:
        """Check whether the labels 0, 1, ... stand for these classes."""
        labels = range(len(self.classes)) if self.labels is None else self.labels
        return dict(zip(labels, self.classes, strict=True)) == dict(enumerate(names))

    def _described(self, labels: Sequence[Label] | None) -> str:
        if labels is None:
            return f"0 to {len(self.classes) - 1}"
        return ", ".join(map(str, labels))

    def _hint(self, odd: Sequence[Label], keys: Sequence[Label]) -> str:
        if not odd:
            return ""
        found = sorted(keys, key=lambda key: (str(type(key)), key))
        example = ",".join(key if isinstance(key, str) else f"{key}=NAME" for key in found[:_SHOWN])
        return f"; say what the labels mean with --classes, e.g. --classes={example}"


AAMI = LabelScheme(asked=False)
"""Taken where nobody says what the labels mean, and only for labels 0 to 4."""


def parse_classes(entries: Sequence[str]) -> LabelScheme:
    """Read `--classes`: names in the order of the labels 0, 1, ..., text labels as they are, or LABEL=NAME.

    Raises
    ------
    SettingsError
        If names and LABEL=NAME are mixed, a class or a label comes twice, or there are fewer than two.
    """
    if not entries:
        return AAMI
    pairs = [entry.rpartition("=") for entry in entries]
    mapped = [bool(sign) for _, sign, _ in pairs]
    if any(mapped) != all(mapped):
        raise SettingsError(f"expected --classes as names or all as LABEL=NAME, found {','.join(entries)}")
    names = tuple(name for _, _, name in pairs)
    labels = tuple(as_label(label) for label, _, _ in pairs) if all(mapped) else None
    for kind, found in (("names", names), ("labels", labels or ())):
        if len(set(found)) != len(found):
            raise SettingsError(f"expected different {kind} in --classes, found {','.join(entries)}")
    if len(names) < 2:
        raise SettingsError(f"expected two --classes or more, found {','.join(entries)}")
    return LabelScheme(names, labels)


def as_label(value: Any) -> Label:
    """Return a label as a whole number where it is one in any form (0, 0.0, Decimal, '0'), else as text."""
    if isinstance(value, bool | np.bool_):
        return int(value)
    if isinstance(value, str):
        text = value.strip()
        # '01' is no number's usual form: it stays what it is, beside '1'.
        return int(text.partition(".")[0]) if _WHOLE.fullmatch(text) else text
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating | Decimal) and math.isfinite(value) and value == int(value):
        return int(value)
    return str(value)

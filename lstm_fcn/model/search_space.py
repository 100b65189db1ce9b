"""What a search may try: for each hyperparameter a list of values, or a range to draw from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError

from lstm_fcn.errors import did_you_mean
from lstm_fcn.model.config import Architecture, Optimization

SEARCHABLE = (*(name for name in Architecture.model_fields if name != "task"), "lr", "batch_size", "epochs")
"""The published hyperparameters."""

HALVING_FACTOR = 3
"""Of the trials of a rung one in so many goes on to the next, with so many times the epochs."""

_EXAMPLE = "e.g. lr: {low: 0.0003, high: 0.01, log: true} or batch_size: [32, 64, 128]"


@dataclass(frozen=True)
class Range:
    """Values from `low` to `high`, both included, evenly or (`log`) evenly in their logarithm.

    scikit-learn draws from anything that has `rvs`. scipy's distributions know no whole numbers on a logarithmic
    scale, and give numpy's numbers, which no JSON file takes.
    """

    low: float
    high: float
    log: bool
    is_whole: bool

    def rvs(self, random_state: np.random.RandomState) -> float:
        """Draw a value."""
        half = 0.5 if self.is_whole else 0.0  # so that both ends are as likely as what is between them
        ends = self.low - half, self.high + half
        if self.log:
            drawn = math.exp(random_state.uniform(math.log(ends[0]), math.log(ends[1])))
        else:
            drawn = random_state.uniform(*ends)
        return min(max(round(drawn) if self.is_whole else drawn, self.low), self.high)


Space = Mapping[str, "list[Any] | Range"]
"""Hyperparameter -> what it may be; scikit-learn's `param_distributions`."""


def parse_space(space: Mapping[str, Any]) -> dict[str, "list[Any] | Range"]:
    """Check a search space as it is written in YAML.

    Parameters
    ----------
    space : mapping
        Hyperparameter -> list of values, or mapping with `low`, `high` and, if wanted, `log: true`.

    Raises
    ------
    ValueError
        If a name is not a hyperparameter's, a value is out of its bounds, or an entry has another form.
    """
    if not space:
        raise ValueError(f"expected at least one hyperparameter in space, {_EXAMPLE}")
    return {name: _parse(name, entry) for name, entry in space.items()}


def _parse(name: str, entry: Any) -> "list[Any] | Range":
    if name not in SEARCHABLE:
        hint = did_you_mean(name, SEARCHABLE, f"expected {', '.join(SEARCHABLE)}")
        raise ValueError(f"space: no hyperparameter '{name}'; {hint}")
    if isinstance(entry, list) and entry:
        return [_value(name, value) for value in entry]
    if isinstance(entry, dict) and {"low", "high"} <= entry.keys() <= {"low", "high", "log"}:
        return _range(name, entry)
    raise ValueError(f"space: expected {name} to be a list of values or a range, {_EXAMPLE}; found {entry!r}")


def _range(name: str, entry: Mapping[str, Any]) -> Range:
    low, high, log = _value(name, entry["low"]), _value(name, entry["high"]), entry.get("log", False)
    if not isinstance(log, bool):
        raise ValueError(f"space: expected log of {name} to be true or false, found {log!r}")
    if not low < high:
        raise ValueError(f"space: expected low of {name} to be less than high, found {low} and {high}")
    if log and low <= 0:
        raise ValueError(f"space: expected low of {name} to be above 0 for log: true, found {low}")
    return Range(low, high, log, is_whole=isinstance(low, int))


def _value(name: str, value: Any) -> Any:
    """Return a value as its hyperparameter has it, whole or not."""
    owner = Architecture if name in Architecture.model_fields else Optimization
    try:
        return getattr(owner(**{name: value}), name)
    except ValidationError as error:
        raise ValueError(f"space: {name}: {error.errors()[0]['msg']}, found {value!r}") from error

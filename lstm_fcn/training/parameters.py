"""The parameters of an estimator, checked as settings are."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
from pydantic import ValidationError
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from lstm_fcn.errors import ParameterError, SettingsError
from lstm_fcn.model.config import Architecture, Distillation, NetworkConfig, Optimization

_Checked = TypeVar("_Checked", NetworkConfig, Optimization, Distillation)
_Published = type[Architecture] | type[Optimization] | type[Distillation]


@contextmanager
def parameter_errors() -> Iterator[None]:
    """Raise what is wrong with a setting as an error of a parameter."""
    try:
        yield
    except ParameterError:
        raise
    except SettingsError as error:
        raise ParameterError(str(error)) from error


def checked(estimator: BaseEstimator, kind: type[_Checked], of: _Published, **own: Any) -> _Checked:
    """Return hyperparameters within their bounds, or name the parameter of the estimator that is not.

    Parameters
    ----------
    estimator : BaseEstimator
    kind : type
        Of the result.
    of : type
        Whose fields are taken from the estimator, where it has them.
    own : Any
        Fields that are not.

    Raises
    ------
    ParameterError
    """
    taken = {name: getattr(estimator, name) for name in of.model_fields if hasattr(estimator, name)}
    try:
        return kind(**taken | own)
    except ValidationError as error:
        # Of alternatives the last is the dict of weights.
        first = error.errors()[-1 if isinstance(own.get("class_weights"), Mapping) else 0]
        if not first["loc"]:  # of several together
            raise ParameterError(first["msg"].removeprefix("Value error, ")) from error
        name = {"seed": "random_state"}.get(str(first["loc"][0]), str(first["loc"][0]))
        raise ParameterError(f"{name}={getattr(estimator, name, first['input'])!r}: {first['msg']}") from error


def weights_by_name(class_weights: Any, labels: Sequence[Any]) -> Any:
    """Return weights of classes by the classes' names, where they are given by label; else as they are.

    Raises
    ------
    ParameterError
        If there is no such label.
    """
    if not isinstance(class_weights, Mapping):
        return class_weights
    unknown = [label for label in class_weights if label not in labels]
    if unknown:
        known = ", ".join(map(repr, labels))
        raise ParameterError(f"class_weights: no label {unknown[0]!r} in y; expected some of {known}")
    return {str(labels[labels.index(label)]): weight for label, weight in class_weights.items()}


def seed_of(random_state: int | np.random.RandomState | None) -> int:
    """Return a seed for torch: the random state where it is a number, else one that it draws."""
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31))

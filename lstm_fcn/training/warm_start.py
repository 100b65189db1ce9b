"""Training on from a model: what is taken from it, and when that cannot be."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.data.label_scheme import LabelScheme
from lstm_fcn.data.series import implausible
from lstm_fcn.errors import DataError, ModelError, SettingsError
from lstm_fcn.model.config import Optimization
from lstm_fcn.training.training_set import TrainingSet

if TYPE_CHECKING:
    from lstm_fcn.model.header import Header

_MOST_IMPLAUSIBLE = 0.1

OWN = ("lr", "batch_size", "epochs")
"""What a warm start takes from its own call."""


def continued(header: "Header", optimization: Optimization) -> Optimization:
    """Take the learning rate, the batch size and the epochs from the call, everything else from the model."""
    own = optimization.model_dump(include=set(OWN))
    _, optimization_of_model = header.of_series()
    return optimization_of_model.model_copy(update=own)


def refuse_other_values(header: "Header", given: Mapping[str, Any], name: str) -> None:
    """Refuse hyperparameters that were given and are not those of the model.

    Parameters
    ----------
    header : Header
    given : mapping
        Hyperparameter -> value.
    name : str
        Of the model, for the message.

    Raises
    ------
    SettingsError
    """
    network, optimization = header.of_series()
    known = network.model_dump() | optimization.model_dump()
    other = [key for key in given if key not in OWN and given[key] != known[key]]
    if other:
        kept = ", ".join(f"{key} {known[key]} (found {given[key]})" for key in other)
        raise SettingsError(
            f"--init-from {name} takes all but {', '.join(OWN)} from the model, which has {kept}; remove what differs"
        )


def scheme_of(header: "Header") -> LabelScheme:
    """Return what labels mean to a model."""
    labels = tuple(header.labels)
    return LabelScheme(tuple(header.classes), None if labels == tuple(range(len(labels))) else labels)


def require_same_form(header: "Header", data: TrainingSet) -> None:
    """Refuse beats that the model cannot be trained on.

    Raises
    ------
    ModelError
        If their classes or their length are not the model's.
    DataError
        If their values are not.
    """
    require_same_length(header, data)
    plausible_series(header, data.beats.series)
    if list(data.classes) != header.classes:
        raise ModelError(
            f"model {header.name} knows the classes {', '.join(header.classes)}; found {', '.join(data.classes)}"
        )


def plausible_series(header: "Header", series: NDArray[np.float32]) -> NDArray[np.float32]:
    """Keep the series (n, length) whose values can be those that a model takes, as scoring does.

    Raises
    ------
    DataError
        If those of more than a tenth of the series cannot.
    """
    kept: NDArray[np.float32] = series[are_plausible(header, series)]
    return kept


def are_plausible(header: "Header", series: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Check (n,) which series (n, length) have values that can be those that a model takes.

    Raises
    ------
    DataError
        If those of more than a tenth cannot.
    """
    data = header.training_data
    reasons = implausible(series, data.lowest, data.highest)
    bad = reasons[reasons != ""]
    if len(bad) > _MOST_IMPLAUSIBLE * len(series):
        raise DataError(
            f"{len(bad):,} of {len(series):,} series are not such as the model {header.name} takes: {bad[0]}. Scale "
            "them as those that it was trained on"
        )
    return np.asarray(reasons == "")


def require_same_length(header: "Header", data: TrainingSet) -> None:
    """Refuse beats that the model cannot read.

    Raises
    ------
    ModelError
        If their length is not the model's.
    """
    length = data.beats.series.shape[1]
    if length != header.network.length:
        raise ModelError(f"model {header.name} takes series of {header.network.length} values, found {length}")

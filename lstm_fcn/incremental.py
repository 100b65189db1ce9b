"""Training on from a model: what is taken from it, and when that cannot be."""

from typing import TYPE_CHECKING

from lstm_fcn.errors import ModelError
from lstm_fcn.hyperparameters import Optimization
from lstm_fcn.training_set import TrainingSet

if TYPE_CHECKING:
    from lstm_fcn.header import Header


def continued(header: "Header", optimization: Optimization) -> Optimization:
    """Take the learning rate, the batch size and the epochs from the call, everything else from the model."""
    own = optimization.model_dump(include={"lr", "batch_size", "epochs"})
    return header.optimization.model_copy(update=own)


def require_same_form(header: "Header", data: TrainingSet) -> None:
    """Refuse beats that the model cannot be trained on.

    Raises
    ------
    ModelError
        If their classes or their length are not the model's.
    """
    require_same_length(header, data)
    if list(data.classes) != header.classes:
        raise ModelError(
            f"model {header.name} knows the classes {', '.join(header.classes)}; found {', '.join(data.classes)}"
        )


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

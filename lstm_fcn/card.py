"""What a model says of itself where it runs without this package."""

from typing import Any

from lstm_fcn.modelfile import Model

INPUT = "beat"
OUTPUT = "probability"


def card(model: Model) -> dict[str, Any]:
    """Describe a model: which it is, what its probabilities stand for, and what series it is for.

    Parameters
    ----------
    model : Model

    Returns
    -------
    dict of str to JSON values
        `name` and `sha256` (of the model file); `task`; `classes`, `class_names` and `labels` in the order of the
        probabilities; `sampling_frequency` (Hz), `lowest` and `highest` (values in training) or None where they are
        not known.
    """
    header = model.header
    return {
        "name": header.name,
        "sha256": model.sha256,
        "task": header.network.task,
        "classes": header.classes,
        "class_names": header.class_names,
        "labels": header.labels,
        "sampling_frequency": header.sampling_frequency,
        "lowest": header.training_data.lowest,
        "highest": header.training_data.highest,
    }

"""What a training leaves beside its model: the history as data, and pictures of the data and the result."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import confusion_matrix

from lstm_fcn.beats import SERIES_FREQUENCY, Beats
from lstm_fcn.labels import CLASSES
from lstm_fcn.network import LSTMFCN
from lstm_fcn.plots import plot_beats, plot_class_counts, plot_confusion, plot_history
from lstm_fcn.storage import write_atomically
from lstm_fcn.training_state import Epoch
from lstm_fcn.validation import decide, logits_of


def write_history(epochs: Sequence[Epoch], folder: Path) -> None:
    """Write the epochs as JSON lines."""
    lines = [epoch.model_dump_json(exclude_none=True) + "\n" for epoch in epochs]
    write_atomically(folder / "history.jsonl", "".join(lines).encode())


def draw(
    folder: Path, network: LSTMFCN, epochs: Sequence[Epoch], classes: Sequence[str], fitted: Beats, judged: Beats
) -> list[Path]:
    """Draw the class distribution, the learning curves and, where a beat has one label, the confusion matrix.

    Parameters
    ----------
    folder : Path
    network : LSTMFCN
    epochs, classes : sequences
    fitted : Beats
        Those it was fitted to.
    judged : Beats
        Those to draw the confusion matrix of.
    """
    pictures = [
        plot_class_counts(fitted.class_counts(len(classes)), classes, folder),
        plot_history([epoch.model_dump() for epoch in epochs], folder),
    ]
    if fitted.labels.ndim == 1:
        if tuple(classes) == CLASSES:
            pictures.append(plot_beats(fitted, classes, SERIES_FREQUENCY, folder))
        called = decide(network, logits_of(network, torch.from_numpy(judged.series)))
        confusion = confusion_matrix(judged.labels, called.numpy(), labels=np.arange(len(classes)))
        pictures.append(plot_confusion(confusion, classes, folder))
    return pictures

"""What a training leaves beside its model: the history as data, and pictures of the data and the result."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from lstm_fcn.data.beats import SERIES_FREQUENCY, Beats
from lstm_fcn.data.labels import CLASS_NAMES, is_aami
from lstm_fcn.data.series import beat_lengths
from lstm_fcn.model.network import LSTMFCN
from lstm_fcn.storage import write_atomically
from lstm_fcn.training.state import Epoch
from lstm_fcn.training.validation import decide, logits_of

_EXAMPLES = 12
_STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "savefig.dpi": 120}


def write_history(epochs: Sequence[Epoch], folder: Path) -> None:
    """Write the epochs as JSON lines."""
    lines = [epoch.model_dump_json(exclude_none=True) + "\n" for epoch in epochs]
    write_atomically(folder / "history.jsonl", "".join(lines).encode())


def draw(
    folder: Path, network: LSTMFCN, epochs: Sequence[Epoch], classes: Sequence[str], fitted: Beats, evaluated: Beats
) -> list[Path]:
    """Draw the class distribution, the learning curves and, where a beat has one label, the confusion matrix.

    Parameters
    ----------
    folder : Path
    network : LSTMFCN
    epochs, classes : sequences
    fitted : Beats
        Those it was fitted to.
    evaluated : Beats
        Those to draw the confusion matrix of.
    """
    pictures = [
        plot_class_counts(fitted.class_counts(len(classes)), classes, folder),
        plot_history([epoch.model_dump() for epoch in epochs], folder),
    ]
    if fitted.labels.ndim == 1:
        if is_aami(classes):
            pictures.append(plot_beats(fitted, classes, SERIES_FREQUENCY, folder))
        predicted = decide(network, logits_of(network, torch.from_numpy(evaluated.series)))
        confusion = confusion_matrix(evaluated.labels, predicted.numpy(), labels=np.arange(len(classes)))
        pictures.append(plot_confusion(confusion, classes, folder))
    return pictures


def plot_beats(beats: Beats, classes: Sequence[str], sampling_frequency: float, folder: Path) -> Path:
    """Draw some beats of each class over each other, evenly spread over the table. Time in ms."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(11, 2.6), layout="constrained")
        axes = figure.subplots(1, len(classes), sharex=True, sharey=True, squeeze=False)[0]
        time = np.arange(beats.series.shape[1]) / sampling_frequency * 1000
        for label, (name, ax) in enumerate(zip(classes, axes, strict=True)):
            of_class = beats.series[beats.labels == label]
            examples = of_class[:: max(1, len(of_class) // _EXAMPLES)][:_EXAMPLES]
            for beat, length in zip(examples, beat_lengths(examples), strict=True):
                ax.plot(time[:length], beat[:length], color="tab:blue", alpha=0.35, linewidth=0.9)
            ax.set_title(f"{name}: {CLASS_NAMES.get(name, name)}\n{len(of_class):,} beats", fontsize=9)
            ax.set_xlabel("ms from the R peak")
        axes[0].set_ylabel("scaled amplitude")
        return _save(figure, folder / "beats.png")


def plot_class_counts(counts: NDArray[np.int64], classes: Sequence[str], folder: Path) -> Path:
    """Draw how many beats each class has, on a logarithmic scale: the rare ones matter."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(5.4, 3), layout="constrained")
        ax = figure.subplots()
        bars = ax.bar(np.arange(len(classes)), counts, tick_label=list(classes), color="tab:blue")
        ax.bar_label(bars, [f"{count:,}" for count in counts], fontsize=8)
        ax.set_yscale("log")
        ax.set_ylim(bottom=0.5)
        ax.set_ylabel("beats")
        ax.set_title("beats trained on", fontsize=9)
        return _save(figure, folder / "classes.png")


def plot_history(epochs: Sequence[dict[str, float | None]], folder: Path) -> Path:
    """Draw loss, accuracy and macro-F1 over the epochs, on the training beats and those held out."""
    panels: dict[str, tuple[str, ...]] = {
        "loss": ("train_loss", "valid_loss"),
        "accuracy": ("train_accuracy", "valid_accuracy"),
    }
    if epochs[0]["valid_macro_f1"] is not None:
        panels["macro-F1"] = ("valid_macro_f1",)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4 * len(panels), 3), layout="constrained")
        for ax, (title, names) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
            for name in names:
                if epochs[0][name] is not None:
                    _draw_curve(ax, [epoch[name] for epoch in epochs], name)
            ax.set_xlabel("epoch")
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
            ax.set_title(title, fontsize=9)
            ax.legend(frameon=False)
        return _save(figure, folder / "training.png")


def _draw_curve(ax: Axes, values: Sequence[float | None], name: str) -> None:
    training = name.startswith("train")
    ax.plot(
        np.arange(1, len(values) + 1),
        np.array(values, dtype=float),
        label="training" if training else "held out",
        color="tab:blue" if training else "tab:orange",
        marker="." if len(values) < 30 else None,
    )


def plot_confusion(confusion: NDArray[np.int64], classes: Sequence[str], folder: Path) -> Path:
    """Draw the confusion matrix: shaded by the share of the true class, with that share and the count."""
    support = confusion.sum(axis=1, keepdims=True)
    share = confusion / np.maximum(support, 1)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(5.4, 4.6), layout="constrained")
        ax = figure.subplots()
        ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for (i, j), value in np.ndenumerate(share):
            color = "white" if value > 0.5 else "black"
            ax.text(j, i, f"{value:.1%}\n{confusion[i, j]:,}", ha="center", va="center", color=color, fontsize=8)
        ax.set_xticks(range(len(classes)), classes)
        ax.set_yticks(range(len(classes)), [f"{c}  ({n:,})" for c, n in zip(classes, support[:, 0], strict=True)])
        ax.set_xlabel("predicted class")
        ax.set_ylabel("true class (beats)")
        ax.spines[:].set_visible(False)
        return _save(figure, folder / "confusion.png")


def _save(figure: Figure, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path

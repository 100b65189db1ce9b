"""Pictures of the beats, the training and the result, as PNG files."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lstm_fcn.beats import Beats
from lstm_fcn.labels import CLASS_NAMES

_EXAMPLES = 12
_STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "savefig.dpi": 120}


def plot_beats(beats: Beats, classes: Sequence[str], sampling_frequency: float, folder: Path) -> Path:
    """Draw some beats of each class over each other, evenly spread over the table. Time in ms."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(11, 2.6), layout="constrained")
        axes = figure.subplots(1, len(classes), sharex=True, sharey=True, squeeze=False)[0]
        time = np.arange(beats.series.shape[1]) / sampling_frequency * 1000
        for label, (name, ax) in enumerate(zip(classes, axes, strict=True)):
            of_class = beats.series[beats.labels == label]
            for beat in of_class[:: max(1, len(of_class) // _EXAMPLES)][:_EXAMPLES]:
                length = np.flatnonzero(beat)[-1] + 1 if beat.any() else 0
                ax.plot(time[:length], beat[:length], color="tab:blue", alpha=0.35, linewidth=0.9)
            ax.set_title(f"{name}: {CLASS_NAMES.get(name, name)}\n{len(of_class):,} beats", fontsize=9)
            ax.set_xlabel("ms from the R peak")
        axes[0].set_ylabel("scaled amplitude")
        return _save(figure, folder / "beats.png")


def plot_history(loss: Sequence[float], accuracy: Sequence[float], folder: Path) -> Path:
    """Draw loss and accuracy on the training beats, one value an epoch."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(8, 3), layout="constrained")
        for ax, name, values in zip(figure.subplots(1, 2), ("loss", "accuracy"), (loss, accuracy), strict=True):
            ax.plot(np.arange(1, len(values) + 1), values, marker="." if len(values) < 30 else None)
            ax.set_xlabel("epoch")
            ax.set_title(f"training {name}", fontsize=9)
        return _save(figure, folder / "training.png")


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

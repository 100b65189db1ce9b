"""The curves of a report: class distribution, ROC, precision-recall, calibration, withholding."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lstm_fcn.evaluation.curves import CONFIDENCE_BINS, Curve, coverage, precision_recall_curve, reliability, roc_curve
from lstm_fcn.evaluation.report.drawing import ALARM, COLORS, DASHES, picture, style

_SIZE = (4.6, 3.4)


def draw_classes(confusion: NDArray[np.int64], classes: Sequence[str]) -> Markup:
    """Draw how many beats each class has, and how many were predicted as it."""
    true, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    with style():
        figure = Figure(figsize=_SIZE, layout="constrained")
        ax, at = figure.subplots(), np.arange(len(classes))
        for shift, counts, name, color in ((-0.2, true, "true", COLORS[0]), (0.2, predicted, "predicted", COLORS[1])):
            bars = ax.bar(at + shift, counts, 0.38, label=name, color=color)
            ax.bar_label(bars, [f"{count:,}" for count in counts], fontsize=7, rotation=90, padding=2)
        ax.set_xticks(at, list(classes))
        ax.set_yscale("symlog", linthresh=1)
        ax.set_ylim(0, max(10, confusion.sum()) * 12)
        ax.set_ylabel("beats (logarithmic)")
        ax.legend(ncols=2, loc="upper right")
    text = ", ".join(
        f"{name} {t:,} true and {c:,} predicted" for name, t, c in zip(classes, true, predicted, strict=True)
    )
    return picture(figure, f"Beats of each class: {text}.")


def draw_roc(scores: NDArray[np.float64], classes: Sequence[str], areas: Sequence[float | None]) -> Markup:
    """Draw the ROC curves (C, SCORE_BINS, 2) of all classes."""
    names = ("false positive rate", "sensitivity (Se)")
    return _draw_curves("ROC", roc_curve, scores, classes, areas, names, "default")


def draw_precision_recall(scores: NDArray[np.float64], classes: Sequence[str], areas: Sequence[float | None]) -> Markup:
    """Draw the precision-recall curves (C, SCORE_BINS, 2) of all classes."""
    names = ("sensitivity (Se)", "positive predictivity (+P)")
    return _draw_curves("Precision-recall", precision_recall_curve, scores, classes, areas, names, "steps-pre")


def _draw_curves(
    title: str,
    curve_of: Callable[[NDArray[np.float64]], Curve],
    scores: NDArray[np.float64],
    classes: Sequence[str],
    areas: Sequence[float | None],
    labels: tuple[str, str],
    drawstyle: Literal["default", "steps-pre"],
) -> Markup:
    """Draw curves as their areas are computed: straight from point to point, or in steps."""
    with style():
        figure = Figure(figsize=_SIZE, layout="constrained")
        ax = figure.subplots()
        for i, (name, area) in enumerate(zip(classes, areas, strict=True)):
            if area is None:
                continue  # a class without beats has no curve
            curve = curve_of(scores[i])
            color, dashes = COLORS[i % len(COLORS)], DASHES[(i + i // len(COLORS)) % len(DASHES)]
            label = f"{name}  {area:.3f}"
            ax.plot(curve.x, curve.y, drawstyle=drawstyle, label=label, color=color, linestyle=dashes)
        ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=labels[0], ylabel=labels[1])
        ax.grid(visible=True)
        ax.legend(title="class, area", loc="lower right" if title == "ROC" else "lower left")
    text = ", ".join(
        f"{name} {'not defined' if a is None else f'{a:.3f}'}" for name, a in zip(classes, areas, strict=True)
    )
    return picture(figure, f"{title} curves; area under the curve of each class: {text}.")


def draw_reliability(confidence: NDArray[np.float64]) -> Markup:
    """Draw accuracy over confidence, (CONFIDENCE_BINS, 3) counts, and how many beats are where."""
    beats, accuracy, mean = reliability(confidence)
    with style():
        figure = Figure(figsize=_SIZE, layout="constrained")
        ax, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        _diagonal(ax)
        ax.plot(mean, accuracy, marker="o", markersize=4, color=COLORS[0])
        ax.set(xlim=(0, 1), ylim=(-0.02, 1.02), ylabel="share that is right")
        ax.grid(visible=True)
        below.bar((np.arange(len(beats)) + 0.5) / len(beats), beats, 0.9 / len(beats), color=COLORS[0])
        below.set_yscale("symlog", linthresh=1)
        below.set(xlabel="confidence (probability of the predicted class)", ylabel="beats")
    text = "; ".join(
        f"{n:,.0f} beats of mean confidence {m:.2f} are right in {a:.1%}"
        for n, m, a in zip(beats, mean, accuracy, strict=True)
        if n
    )
    return picture(figure, f"Calibration: {text}.")


def _diagonal(ax: Axes) -> None:
    ax.plot([0, 1], [0, 1], color=ALARM, linewidth=0.8, linestyle="--")


def draw_withholding(confidence: NDArray[np.float64]) -> Markup:
    """Draw how right the rest is, over the share of beats that is left, when the less confident ones are withheld."""
    share, accuracy = coverage(confidence)
    with style():
        figure = Figure(figsize=_SIZE, layout="constrained")
        ax = figure.subplots()
        ax.plot(share, accuracy, color=COLORS[0], marker=".", markersize=3)
        for threshold in (0, 90, 99):
            if share[threshold] > 0:
                place, name = (share[threshold], accuracy[threshold]), f"≥ {threshold / CONFIDENCE_BINS:g}"
                ax.annotate(name if threshold else "all", place, xytext=(5, -9), textcoords="offset points")
        ax.set(xlabel="share of beats with at least that confidence", ylabel="accuracy on them")
        ax.grid(visible=True)
        ax.ticklabel_format(useOffset=False)
        ax.invert_xaxis()
    text = "; ".join(
        f"confidence of at least {at / CONFIDENCE_BINS:g}: {share[at]:.1%} of the beats, {accuracy[at]:.2%} right"
        for at in (0, 50, 90, 99)
        if share[at] > 0
    )
    return picture(figure, f"Withholding beats. {text}.")

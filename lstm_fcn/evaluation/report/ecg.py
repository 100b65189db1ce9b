"""ECGs on their paper: a wrongly predicted beat, with where in it the model saw the class, and a run of beats."""

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from numpy.typing import NDArray

from lstm_fcn.data.series import beat_lengths
from lstm_fcn.evaluation.report.content import Run, WrongBeat
from lstm_fcn.evaluation.report.drawing import ALARM, COLORS, picture, style

_SIZE = (3.4, 2.2)
_SIZE_OF_STRIP = (11, 2.1)
_SMALL_SQUARE, _LARGE_SQUARE = (40, 0.1), (200, 0.5)
"""Of ECG paper: ms and mV."""

_AGAINST = "#8f6fc9"
_STRONGEST = 0.7
"""Opacity of what spoke most."""

_EVERY_OTHER = 400
"""ms; a number at each large square would not fit."""

_SECOND = 1000
_NOT_SCORED = "?"

_MOST_MILLIVOLTS = 20
"""The squares of a wilder signal would be too many to draw."""


def draw_beat(beat: WrongBeat) -> Markup:
    """Draw a beat: the recording in its unit where there is one, else the scaled series in ms, if known."""
    length = max(int(beat_lengths(beat.series[None])[0]), 2)
    scale = 1000 / beat.frequency if beat.frequency is not None else 1.0
    time = np.arange(length, dtype=np.float64) * scale
    with style():
        figure = Figure(figsize=_SIZE, layout="constrained")
        ax = figure.subplots()
        if beat.strip is None:
            ax.plot(time, beat.series[:length], color=COLORS[0], linewidth=1.1)
            ax.set_ylabel("scaled")
            ax.set_ylim(-0.08, 1.08)
        else:
            ax.plot(beat.strip.ms, beat.strip.values, color=COLORS[0], linewidth=1.1)
            ax.set_ylabel(beat.strip.unit)
            _rule_as_ecg_paper(ax, beat.strip.unit)
        if beat.activation is not None:
            _shade(ax, time, beat.activation[:length])
        ax.set_xlabel("value" if beat.frequency is None and beat.strip is None else "ms from the R peak")
        ax.margins(x=0)
    return picture(figure, _alternative(beat))


def draw_run(run: Run) -> Markup:
    """Draw the recording around a run, with the predicted class over each beat."""
    with style():
        figure = Figure(figsize=_SIZE_OF_STRIP, layout="constrained")
        ax = figure.subplots()
        ax.plot(run.strip.ms, run.strip.values, color=COLORS[0], linewidth=1.1)
        _rule_as_ecg_paper(ax, run.strip.unit)
        ax.xaxis.set_major_formatter(lambda ms, _: f"{ms / 1000:.0f}" if ms % _SECOND == 0 else "")
        ax.set(ylabel=run.strip.unit, xlabel="s from the first beat of the run")
        ax.margins(x=0)
        for ms, name in run.marks:
            weight = "bold" if name == run.class_ else "normal"
            ax.annotate(name or _NOT_SCORED, (ms, 1.01), None, ax.get_xaxis_transform(), ha="center", weight=weight)
    predicted = " ".join(name or "not scored" for _, name in run.marks)
    return picture(figure, f"ECG of record {run.record} at its longest run of {run.class_}. Predicted: {predicted}.")


def _rule_as_ecg_paper(ax: Axes, unit: str) -> None:
    squares: list[tuple[Axis, float, float]] = [(ax.xaxis, _SMALL_SQUARE[0], _LARGE_SQUARE[0])]
    low, high = ax.get_ylim()
    if unit == "mV" and high - low < _MOST_MILLIVOLTS:
        squares.append((ax.yaxis, _SMALL_SQUARE[1], _LARGE_SQUARE[1]))
    for axis, small, large in squares:
        axis.set_major_locator(MultipleLocator(large))
        axis.set_minor_locator(MultipleLocator(small))
        axis.grid(visible=True, which="major", color=ALARM, alpha=0.45)
        axis.grid(visible=True, which="minor", color=ALARM, alpha=0.18)
    ax.xaxis.set_major_formatter(lambda ms, _: f"{ms:.0f}" if ms % _EVERY_OTHER == 0 else "")


def _shade(ax: Axes, time: NDArray[np.float64], activation: NDArray[np.float32]) -> None:
    """Colour the background: orange where the class was found, violet where the beat spoke against it."""
    low, high = ax.get_ylim()
    strength = np.abs(activation) / (float(np.abs(activation).max()) or 1.0)
    colors = np.where(activation[:, None] > 0, to_rgb(COLORS[1]), to_rgb(_AGAINST))
    # Clear where nothing spoke, so that the paper is the page's, light or dark.
    shades = np.concatenate([colors, _STRONGEST * strength[:, None]], axis=1)[None]
    ax.imshow(shades, aspect="auto", extent=(time[0], time[-1], low, high), zorder=-1)
    ax.set_ylim(low, high)


def _alternative(beat: WrongBeat) -> str:
    key = ", ".join(f"{name} {value}" for name, value in beat.key.items())
    text = f"Beat of {key}: labelled {beat.true}, predicted {beat.predicted} with probability {beat.confidence:.3f}."
    if beat.activation is None:
        return text
    strongest = int(beat.activation.argmax())
    where = f"value {strongest}" if beat.frequency is None else f"{strongest * 1000 / beat.frequency:.0f} ms"
    return f"{text} What speaks most for {beat.predicted} is at {where}."

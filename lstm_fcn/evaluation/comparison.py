"""Two sets of predictions of the same beats: is one better, or was it luck?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from lstm_fcn.evaluation.bootstrap import draw_blocks, interval, sum_blocks
from lstm_fcn.evaluation.metrics import OVERALL, defined, metric_values

_COMPARED = ("accuracy", "balanced_accuracy", "macro_f1")


@dataclass(frozen=True)
class Sides:
    """McNemar's test on the beats of a class, or on all.

    Attributes
    ----------
    class_ : str
    gained, lost : int
        Beats that only the first predictions have right, and that only the others have.
    p_value : float
        The exact two-sided one: how often chance alone splits so many beats as unevenly.
    """

    class_: str
    gained: int
    lost: int
    p_value: float


@dataclass(frozen=True)
class Difference:
    """A figure of both predictions and its difference, first minus other, with its 95 % interval."""

    metric: str
    first: float | None
    other: float | None
    difference: float | None
    low: float | None
    high: float | None


def mcnemar(joint: NDArray[np.int64], classes: Sequence[str]) -> list[Sides]:
    """Test whether two predictions are equally often right.

    Parameters
    ----------
    joint : (C, C, C) int array
        Beats by true class, by the class that the first predicted, and by the one that the other predicted.
    classes : sequence of C str

    Returns
    -------
    list of Sides
        Of all beats, then of each class.

    Notes
    -----
    McNemar (1947), Psychometrika 12(2), 153-157. It takes beats as independent, which those of one patient are not;
    the interval of a difference over records is the stricter answer.
    """
    first = np.array([joint[i, i, :].sum() - joint[i, i, i] for i in range(len(classes))])
    other = np.array([joint[i, :, i].sum() - joint[i, i, i] for i in range(len(classes))])
    names = [OVERALL, *classes]
    gained, lost = ([int(each.sum()), *map(int, each)] for each in (first, other))
    return [Sides(name, won, gone, _p_value(won, gone)) for name, won, gone in zip(names, gained, lost, strict=True)]


def _p_value(gained: int, lost: int) -> float:
    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def differences(joint: NDArray[np.int64], classes: Sequence[str], draws: int, seed: int) -> list[Difference]:
    """Compare the overall figures, with intervals of their differences by a paired bootstrap over the blocks.

    Parameters
    ----------
    joint : (R, C, C, C) int array
        As `mcnemar` takes them, by block.
    classes : sequence of C str
    draws, seed : int
    """
    blocks, needed = len(joint), joint.sum(axis=(0, 2, 3)) > 0
    whole, drawn = (
        [metric_values(sum_blocks(weights, joint.sum(axis=axis)), classes, needed) for axis in (3, 2)]
        for weights in (np.ones((1, blocks)), draw_blocks(blocks, draws, seed))
    )
    found = []
    for metric in _COMPARED:
        first, other = (float(of_one[OVERALL, metric][0]) for of_one in whole)
        spread = interval(drawn[0][OVERALL, metric] - drawn[1][OVERALL, metric]) or (None, None)
        found.append(Difference(metric, defined(first), defined(other), defined(first - other), *spread))
    return found

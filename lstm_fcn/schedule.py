"""The learning rate over a training."""

import math

from lstm_fcn.hyperparameters import Optimization

_WARM_UP = 0.25
_START = 0.04


def learning_rate(optimization: Optimization, part: float) -> float:
    """Give the rate after a part of the training.

    Parameters
    ----------
    optimization : Optimization
        One cycle (Smith 2018) rises linearly in the first quarter and falls along a cosine to zero.
    part : float
        0 at the beginning, 1 at the end.
    """
    peak = optimization.lr
    if optimization.schedule == "constant":
        return peak
    if part < _WARM_UP:
        return peak * (_START + (1 - _START) * part / _WARM_UP)
    return peak * (0.5 + 0.5 * math.cos(math.pi * (part - _WARM_UP) / (1 - _WARM_UP)))

"""Measuring what scoring in int8 needs to know: the range of the values inside the network, and how far it errs."""

import numpy as np
import torch
from numpy.typing import NDArray

from lstm_fcn.engine import Engine, rough_network
from lstm_fcn.hyperparameters import SCORING_BATCH_SIZE
from lstm_fcn.modelfile import Int8Calibration, Model, parse_model, serialize
from lstm_fcn.network import LSTMFCN

CALIBRATION_BEATS = 4096
"""So many of the training beats are looked at."""

_SMALLEST = 1e-6
"""Stands for the maximum of a block that puts out nothing but zeros."""

_SAFETY = 4.0
"""The margin in terms of the largest error of a probability that was seen. Two classes can change places only where
their lead is below twice the error; the rest is for beats that err more than those of the calibration."""


def calibrate(model: Model, series: NDArray[np.float32], threads: int = 1) -> Model:
    """Add to a model what scoring in int8 needs.

    Parameters
    ----------
    model : Model
    series : (n, length) array
        Of the beats that it was trained on; all are used.
    threads : int

    Raises
    ------
    SettingsError
        If the packages for int8 are not installed.
    """
    network = model.network()
    maxima = _maxima(network, series)
    exact = Engine(model, threads=threads).probabilities(series)
    rough = rough_network(network, maxima, SCORING_BATCH_SIZE, threads).probabilities(series)
    margin = min(1.0, _SAFETY * float(np.abs(rough - exact).max()))
    calibration = Int8Calibration(maxima=maxima, margin=margin, beats=len(series))
    return parse_model(serialize(network, model.header.model_copy(update={"int8": calibration})), model.header.name)


@torch.inference_mode()
def _maxima(network: LSTMFCN, series: NDArray[np.float32]) -> list[float]:
    blocks = (network.block_1, network.block_2, network.block_3)
    maxima = [_SMALLEST] * len(blocks)
    for start in range(0, len(series), SCORING_BATCH_SIZE):
        rows = torch.from_numpy(series[start : start + SCORING_BATCH_SIZE])
        maps = network.scale(rows)[:, None, None, :]
        for i, block in enumerate(blocks):
            maps = block(maps)
            maxima[i] = max(maxima[i], float(maps.max()))
    return maxima

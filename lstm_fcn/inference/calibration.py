"""Measuring what scoring in int8 needs to know: the range of the values inside the network, and how far it errs."""

import numpy as np
import torch
from numpy.typing import NDArray

from lstm_fcn.errors import ModelError
from lstm_fcn.inference.engine import Engine, int8_convolutions
from lstm_fcn.inference.folded_network import FoldedNetwork
from lstm_fcn.model.config import SCORING_BATCH_SIZE
from lstm_fcn.model.file import Model, parse_model, serialize
from lstm_fcn.model.header import Int8Calibration
from lstm_fcn.model.network import LSTMFCN

_MOST_BEATS = 4096

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
        Of the beats that it was trained on; of more than 4,096 so many are drawn, always the same.
    threads : int
        Processor threads; set for the whole process, as torch has it.

    Raises
    ------
    ModelError
        If int8 errs too much to be of use with this model.
    SettingsError
        If the packages for int8 are not installed.
    """
    some = series[np.random.default_rng(0).permutation(len(series))[:_MOST_BEATS]]
    exact = Engine(model, threads=threads).probabilities(some)
    network = model.network()
    maxima = _maxima(network, some)
    rough = FoldedNetwork(network, int8_convolutions(maxima, threads), SCORING_BATCH_SIZE).probabilities(some)
    error = float(np.abs(rough - exact).max())
    if _SAFETY * error >= 1:
        raise ModelError(
            f"int8 does not suit the model '{model.header.name}': a probability was {error:.2f} off, "
            f"expected less than {1 / _SAFETY:.2f}; score it with --precision float32"
        )
    calibration = Int8Calibration(maxima=maxima, margin=_SAFETY * error, beats=len(some))
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

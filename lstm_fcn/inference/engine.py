"""Inference: numpy in, probabilities out. No Spark in here."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from lstm_fcn.errors import SettingsError
from lstm_fcn.inference.float_convolutions import FloatConvolutions
from lstm_fcn.inference.folded_context import FoldedContextNetwork
from lstm_fcn.inference.folded_network import FoldedNetwork
from lstm_fcn.inference.folding import Convolution
from lstm_fcn.inference.padding import Convolutions
from lstm_fcn.model.config import SCORING_BATCH_SIZE, ScoringDevice, ScoringPrecision
from lstm_fcn.model.context_network import ContextLSTMFCN
from lstm_fcn.model.device import choose_device
from lstm_fcn.model.file import Model

_BLOCK = 4096
"""Series that are sorted by their length together; what is in memory at once besides input and result."""


class Engine:
    """A model made ready to score: what the network it is made of gives, sooner. Not for two threads at once.

    Parameters
    ----------
    model : Model
    precision : 'float32' or 'int8'
        int8 computes the convolutions with integers of 8 bits and, where that leaves the label in doubt, everything
        again in float32. It needs `onnxruntime` and a model that `jobs/calibrate.py` has seen.
    device : 'cpu' or 'cuda'
    batch_size : int
        Series a forward pass.
    threads : int
        Processor threads; set for the whole process, as torch has it.

    Attributes
    ----------
    header : Header
        Of the model.
    looked_twice : int
        Series so far that int8 left in doubt.

    Raises
    ------
    SettingsError
        If there is no such device, or int8 lacks its packages or is to run on CUDA.
    ModelError
        If the model is not calibrated for int8.
    """

    def __init__(
        self,
        model: Model,
        *,
        precision: ScoringPrecision = "float32",
        device: ScoringDevice = "cpu",
        batch_size: int = SCORING_BATCH_SIZE,
        threads: int = 1,
    ) -> None:
        if precision == "int8" and device != "cpu":
            raise SettingsError("int8 computes on the processor: use --device cpu, or --precision float32 on CUDA")
        torch.set_num_threads(threads)
        torch.backends.cudnn.allow_tf32 = False  # products of 10 bits are not float32's
        self.header = model.header
        self.looked_twice = 0
        network = model.any_network().to(choose_device(device))
        self._exact: FoldedNetwork | FoldedContextNetwork
        if isinstance(network, ContextLSTMFCN):
            self._exact = FoldedContextNetwork(network, batch_size)
        else:
            self._exact = FoldedNetwork(network, FloatConvolutions, batch_size)
        self._rough: FoldedNetwork | None = None
        if precision == "int8":
            calibration = model.header.require_int8()
            self._margin = calibration.margin
            self._rough = FoldedNetwork(model.network(), int8_convolutions(calibration.maxima, threads), batch_size)

    def probabilities(self, series: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score series (n, length) to probabilities (n, classes)."""
        result = np.empty((len(series), self.header.network.classes), dtype=np.float32)
        for start in range(0, len(series), _BLOCK):
            rows = slice(start, start + _BLOCK)
            result[rows] = self._score(series[rows])
        return result

    def _score(self, series: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._rough is None:
            return self._exact.probabilities(series)
        probabilities = self._rough.probabilities(series)
        doubtful = _lead(probabilities, self.header.network.task == "multilabel") <= self._margin
        self.looked_twice += int(doubtful.sum())
        probabilities[doubtful] = self._exact.probabilities(series[doubtful])
        return probabilities


def _lead(probabilities: NDArray[np.float32], several: bool) -> NDArray[np.float32]:
    """Compute the lead of the likeliest class; with several labels the distance of each from its threshold."""
    if several:
        nearest: NDArray[np.float32] = 2 * np.abs(probabilities - 0.5).min(axis=1)
        return nearest
    two = np.partition(probabilities, -2, axis=1)
    return two[:, -1] - two[:, -2]


def int8_convolutions(maxima: Sequence[float], threads: int) -> Callable[[Sequence[Convolution]], Convolutions]:
    """Choose int8 for the convolutions of a `FoldedNetwork`, without a second look.

    Parameters
    ----------
    maxima : sequence of float
        The largest output of each block.
    threads : int

    Raises
    ------
    SettingsError
        If the packages for it are not installed.
    """
    try:
        from lstm_fcn.inference.int8_convolutions import Int8Convolutions
    except ModuleNotFoundError as error:
        raise SettingsError.not_installed("int8", error) from error
    return lambda layers: Int8Convolutions(layers, maxima, threads)

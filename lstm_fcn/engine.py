"""Inference: numpy in, probabilities out. No Spark in here."""

import numpy as np
import torch
from numpy.typing import NDArray

from lstm_fcn.modelfile import Model

DEFAULT_BATCH_SIZE = 16
"""Beats a forward pass. Small on purpose: the activations of larger batches fall out of the cache."""


class Engine:
    """A model made ready to score on one processor.

    Parameters
    ----------
    model : Model
    batch_size : int
        Beats a forward pass.
    threads : int
        Processor threads; set for the whole process, as torch has it.
    """

    def __init__(self, model: Model, batch_size: int = DEFAULT_BATCH_SIZE, threads: int = 1) -> None:
        torch.set_num_threads(threads)
        self.header = model.header
        self._network = model.network()
        self._batch_size = batch_size

    def probabilities(self, series: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score series (n, length) to probabilities (n, classes)."""
        result = np.empty((len(series), self.header.network.classes), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(series), self._batch_size):
                rows = slice(start, start + self._batch_size)
                result[rows] = self._network(torch.from_numpy(series[rows])).numpy()
        return result

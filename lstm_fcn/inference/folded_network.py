"""The network for inference: folded layers, and no work on the padding."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstm_fcn.data.series import beat_lengths
from lstm_fcn.inference.folding import Convolution, SingleStepLSTM, folded_blocks
from lstm_fcn.inference.padding import Convolutions, PooledConvolutions
from lstm_fcn.model.network import LSTMFCN


class FoldedNetwork:
    """A network with folded layers, whose convolutions skip the padding.

    Parameters
    ----------
    network : LSTMFCN
        In evaluation mode.
    convolutions : callable
        Makes of the network's folded convolution blocks what computes them.
    batch_size : int
    """

    def __init__(
        self, network: LSTMFCN, convolutions: Callable[[Sequence[Convolution]], Convolutions], batch_size: int
    ) -> None:
        layers = folded_blocks(network)
        self._network = network
        self._batch_size = batch_size
        self._lstm = SingleStepLSTM(network.lstm)
        zeros = network.head.weight.new_zeros(1, network.config.length)
        self._pooled = PooledConvolutions(convolutions(layers), layers, network.scale(zeros).detach())

    @torch.inference_mode()
    def probabilities(self, series: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score series (n, length) to probabilities (n, classes).

        They are taken in the order of their lengths, so that each batch computes no more columns than its
        longest series needs.
        """
        result = np.empty((len(series), self._network.config.classes), dtype=np.float32)
        stops = beat_lengths(series)
        by_length = np.argsort(stops, kind="stable")
        for start in range(0, len(series), self._batch_size):
            rows = by_length[start : start + self._batch_size]
            batch = torch.from_numpy(series[rows]).to(self._network.head.weight.device)
            result[rows] = self._forward(batch, int(stops[rows[-1]])).cpu().numpy()
        return result

    def _forward(self, series: Tensor, end: int) -> Tensor:
        scaled = self._network.scale(series)  # (B, L)
        features = torch.cat([self._lstm(scaled), self._pooled.means(scaled, end)], dim=1)  # (B, hidden + filters_3)
        return self._network.activate(self._network.head(features))  # (B, C)

"""The network that takes contexts, for inference: folded layers."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstm_fcn.context.form import WINDOW
from lstm_fcn.inference.float_convolutions import FloatConvolutions
from lstm_fcn.inference.folding import SingleStepLSTM, folded_blocks
from lstm_fcn.model.context_network import ContextLSTMFCN


class FoldedContextNetwork:
    """A network that takes contexts, with folded layers.

    Parameters
    ----------
    network : ContextLSTMFCN
        In evaluation mode.
    batch_size : int
    """

    def __init__(self, network: ContextLSTMFCN, batch_size: int) -> None:
        self._network = network
        self._batch_size = batch_size
        self._lstm = SingleStepLSTM(network.lstm)
        self._convolutions = FloatConvolutions(folded_blocks(network))

    @torch.inference_mode()
    def probabilities(self, contexts: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score contexts (n, length) to probabilities (n, classes)."""
        result = np.empty((len(contexts), self._network.config.classes), dtype=np.float32)
        for start in range(0, len(contexts), self._batch_size):
            rows = slice(start, start + self._batch_size)
            batch = torch.from_numpy(contexts[rows]).to(self._network.offsets.device)
            result[rows] = self._forward(batch).cpu().numpy()
        return result

    def _forward(self, contexts: Tensor) -> Tensor:
        network, channels = self._network, self._network.channels(contexts)  # (B, 2, W)
        pooled = self._convolutions.sums(channels.unsqueeze(2), border=True) / WINDOW  # (B, filters_3)
        odds = network.head(torch.cat([self._lstm(channels.flatten(1)), pooled], dim=1))[:, 0]
        return network.activate(network.join(network.rhythm(network.features(contexts)), odds))

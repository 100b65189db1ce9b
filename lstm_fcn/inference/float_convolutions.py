"""The convolution blocks in float32, by torch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lstm_fcn.inference.folding import Convolution


class FloatConvolutions:
    """Three folded convolution blocks and the sum over their last output.

    Not for two threads at once: each block's padded input lies in a buffer that is used again.
    """

    def __init__(self, layers: Sequence[Convolution]) -> None:
        self._layers = layers
        self._buffers = [layer.weight.new_empty(0) for layer in layers]

    def sums(self, series: Tensor, border: bool) -> Tensor:
        """Sum over the columns of the last block's output, as `lstm_fcn.inference.padding.Convolutions` says."""
        maps, floor = series, float("-inf")  # the series itself is not clipped
        for number, (weight, bias, (left, right)) in enumerate(self._layers):
            padded = self._buffer(number, maps.shape, left, right if border else 0)
            # The ReLU of the block before, on its way into the buffer.
            torch.clamp(maps, min=floor, out=padded.narrow(3, left, maps.shape[3]))
            maps, floor = torch.conv2d(padded, weight, bias), 0.0  # (B, filters, 1, columns)
        return maps.relu_().sum(dim=(2, 3))

    def _buffer(self, number: int, shape: torch.Size, left: int, right: int) -> Tensor:
        """Return a tensor (B, channels, 1, left + columns + right), channels last, with zeros at both ends."""
        rows, channels, _, columns = shape
        size = rows * (left + columns + right) * channels
        if self._buffers[number].numel() < size:
            self._buffers[number] = self._buffers[number].new_empty(size)
        padded = self._buffers[number][:size].view(rows, 1, left + columns + right, channels)
        padded[:, :, :left] = 0
        padded[:, :, left + columns :] = 0
        return padded.permute(0, 3, 1, 2)

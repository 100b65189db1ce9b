"""The mean over all columns of the convolutions' output, without computing those of the padding.

A beat of n values is zero from there on. An output column from n + left on, where `left` is how far before a
column the values lie that decide it, sees none of the beat: there every beat has what a series of nothing but
zeros has, the right border included. So the columns before it are computed, and the rest is added as it is
for that series. It is exact for any scaling, because a scaled zero is one wherever it stands.
"""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from lstm_fcn.inference.folding import Convolution

_MOST_WIDTHS = 256
"""Different widths, for each of which a constant is kept; longer series are cut more coarsely."""


class Convolutions(Protocol):
    """The convolution blocks as an engine computes them."""

    def sums(self, series: Tensor, border: bool) -> Tensor:
        """Sum over the columns of the last block's output.

        Parameters
        ----------
        series : (B, channels, 1, W) tensor
            Scaled.
        border : bool
            Whether the series ends there, with the zeros of 'same' after it in every block. Without, it is the
            beginning of a longer one, and only the columns that it decides are summed: the first W - right.

        Returns
        -------
        (B, filters) tensor
        """
        ...


class PooledConvolutions:
    """The global average pool over convolution blocks that skip the padding.

    Parameters
    ----------
    convolutions : Convolutions
    layers : sequence of Convolution
        Which they compute.
    zeros : (1, L) tensor
        A series of nothing but zeros, scaled.
    """

    def __init__(self, convolutions: Convolutions, layers: Sequence[Convolution], zeros: Tensor) -> None:
        self._convolutions = convolutions
        self._left = sum(layer.padding[0] for layer in layers)
        self._right = sum(layer.padding[1] for layer in layers)
        self._zeros = zeros[:, None, None, :]
        self._length = zeros.shape[1]
        self._step = -(-self._length // _MOST_WIDTHS)
        self._tails: dict[int, Tensor] = {}

    def means(self, scaled: Tensor, end: int) -> Tensor:
        """Average over all columns for series (B, L) that are zero, before scaling, from `end` on: (B, filters)."""
        scaled = scaled[:, None, None, :]
        columns = max(1, -(-(end + self._left) // self._step) * self._step)
        cut = columns + self._right
        if cut > self._length:
            return self._convolutions.sums(scaled, border=True) / self._length
        if columns not in self._tails:
            whole, head = self._zeros, self._zeros[..., :cut]
            self._tails[columns] = self._convolutions.sums(whole, True) - self._convolutions.sums(head, False)
        return (self._convolutions.sums(scaled[..., :cut], border=False) + self._tails[columns]) / self._length

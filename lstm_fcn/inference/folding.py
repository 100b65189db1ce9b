"""A trained network's layers as inference needs them: the same function of the series with fewer operations."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from lstm_fcn.model.context_network import ContextLSTMFCN
from lstm_fcn.model.network import LSTMFCN, ConvBlock


class Convolution(NamedTuple):
    """A convolution block with its BatchNorm folded into weight and bias; the ReLU follows.

    Attributes
    ----------
    weight : (filters, channels, 1, taps) tensor
    bias : (filters,) tensor
    padding : tuple of int
        Zeros before and after the series.
    """

    weight: Tensor
    bias: Tensor
    padding: tuple[int, int]


def folded_blocks(network: LSTMFCN | ContextLSTMFCN) -> list[Convolution]:
    """Fold the BatchNorm of each block, which in evaluation mode is a factor and a summand a filter."""
    return [_fold(block) for block in (network.block_1, network.block_2, network.block_3)]


def _fold(block: ConvBlock) -> Convolution:
    parts = (block.conv.state_dict(), block.norm.state_dict())
    conv, norm = ({name: value.double() for name, value in part.items()} for part in parts)
    factor = norm["weight"] / (norm["running_var"] + block.norm.eps).sqrt()  # (filters,)
    weight = (conv["weight"] * factor[:, None, None, None]).float()
    bias = ((conv["bias"] - norm["running_mean"]) * factor + norm["bias"]).float()
    return Convolution(weight.contiguous(memory_format=torch.channels_last), bias, block.padding)


class SingleStepLSTM:
    """An LSTM's output for a sequence of one step.

    Before the first step there is nothing to remember, so the forget gate has no effect, nor have the
    weights from step to step: three gates are left, from one product a layer.

    Attributes
    ----------
    layers : list of (weight, bias)
        Of each layer's gates one below the other, in the order input, cell, output: (3 hidden, features), (3 hidden,).
    """

    def __init__(self, lstm: nn.LSTM) -> None:
        self.layers = [_three_gates(lstm, layer) for layer in range(lstm.num_layers)]

    def __call__(self, features: Tensor) -> Tensor:
        """Return the last layer's output (B, hidden) for features (B, L)."""
        for weight, bias in self.layers:
            into, cell, out = nn.functional.linear(features, weight, bias).chunk(3, dim=1)  # each (B, hidden)
            features = out.sigmoid() * (into.sigmoid() * cell.tanh()).tanh()
        return features


def _three_gates(lstm: nn.LSTM, layer: int) -> tuple[Tensor, Tensor]:
    state = lstm.state_dict()
    weight, bias = state[f"weight_ih_l{layer}"], state[f"bias_ih_l{layer}"] + state[f"bias_hh_l{layer}"]
    into, _, cell, out = range(4)  # torch's order; the second is the forget gate
    kept = [torch.arange(lstm.hidden_size) + gate * lstm.hidden_size for gate in (into, cell, out)]
    rows = torch.cat(kept).to(weight.device)
    return weight[rows], bias[rows]

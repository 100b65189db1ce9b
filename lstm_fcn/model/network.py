"""The LSTM-FCN of Karim et al. (2018), with the shapes beside the code.

F. Karim, S. Majumdar, H. Darabi, S. Chen: "LSTM Fully Convolutional Networks for Time Series
Classification", IEEE Access 6 (2018), 1662-1669.
"""

import torch
from torch import Tensor, nn

from lstm_fcn.model.config import NetworkConfig

BATCHNORM_EPS = 1e-3
BATCHNORM_MOMENTUM = 0.01
"""In PyTorch's sense, the weight of the new batch: for Keras and the published example it is 0.99."""


class ConvBlock(nn.Module):
    """Convolution with 'same' padding, BatchNorm, ReLU: (B, channels, 1, L) to (B, filters, 1, L).

    The series is a picture of one row, because two dimensions can lie channels-last in memory, the layout
    in which the convolutions need no reordering.
    """

    def __init__(self, channels: int, filters: int, kernel_size: int) -> None:
        super().__init__()
        # An even kernel gets its odd zero at the end, as the reference's 'same' does: 3 and 4 for 8 taps.
        self.padding = ((kernel_size - 1) // 2, kernel_size // 2)
        self.conv = nn.Conv2d(channels, filters, (1, kernel_size))
        self.norm = nn.BatchNorm2d(filters, eps=BATCHNORM_EPS, momentum=BATCHNORM_MOMENTUM)
        nn.init.kaiming_uniform_(self.conv.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Filter (B, channels, 1, L) to (B, filters, 1, L)."""
        filtered: Tensor = self.norm(self.conv(nn.functional.pad(x, self.padding)))
        return filtered.relu()


class LSTMFCN(nn.Module):
    """An LSTM over the whole series as one time step, beside three convolution blocks.

    The dimension shuffle of the paper: the LSTM does not walk along the series but sees all L values as the
    features of a single step. The convolutions see the same values as one channel of L steps.

    Parameters
    ----------
    config : NetworkConfig
    mean, std : float
        The series is scaled by them before anything else; they belong to the model, not to its input.
    """

    def __init__(self, config: NetworkConfig, mean: float = 0.0, std: float = 1.0) -> None:
        super().__init__()
        self.config, self.mean, self.std = config, mean, std
        c = config
        self.lstm = nn.LSTM(c.length, c.hidden_size, c.num_layers, batch_first=True)
        self.dropout = nn.Dropout(c.dropout)
        self.block_1 = ConvBlock(1, c.filters_1, c.kernel_size_1)
        self.block_2 = ConvBlock(c.filters_1, c.filters_2, c.kernel_size_2)
        self.block_3 = ConvBlock(c.filters_2, c.filters_3, c.kernel_size_3)
        self.head = nn.Linear(c.hidden_size + c.filters_3, c.classes)

    def scale(self, series: Tensor) -> Tensor:
        """Return series (B, L) the mean and the deviation that the weights are for."""
        return (series - self.mean) / self.std

    def feature_maps(self, series: Tensor) -> Tensor:
        """Filter series (B, L) by the three blocks: (B, filters_3, 1, L)."""
        row = self.scale(series)[:, None, None, :].contiguous(memory_format=torch.channels_last)  # (B, 1, 1, L)
        maps: Tensor = self.block_3(self.block_2(self.block_1(row)))
        return maps

    def logits(self, series: Tensor) -> Tensor:
        """Score series (B, L) without the softmax, for a loss: (B, C)."""
        steps, _ = self.lstm(self.scale(series).unsqueeze(1))  # (B, 1, hidden): one step of L features
        recurrent = self.dropout(steps[:, -1])  # (B, hidden)
        pooled = self.feature_maps(series).mean(dim=(2, 3))  # (B, filters_3)
        logits: Tensor = self.head(torch.cat([recurrent, pooled], dim=1))  # (B, C)
        return logits

    def forward(self, series: Tensor) -> Tensor:
        """Return the classes' probabilities (B, C) of series (B, L); they sum to 1 but for several labels a series."""
        return self.activate(self.logits(series))

    def activate(self, logits: Tensor) -> Tensor:
        """Turn logits (B, C) into probabilities."""
        return logits.sigmoid() if self.config.task == "multilabel" else logits.softmax(dim=1)

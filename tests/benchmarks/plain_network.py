"""The network as it is usually written down and scored with, to compare against."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lstm_fcn.model.config import NetworkConfig
from lstm_fcn.model.file import Model
from lstm_fcn.model.network import BATCHNORM_EPS, BATCHNORM_MOMENTUM, LSTMFCN


class PlainNetwork(nn.Module):
    """Scaled series (B, L) to logits (B, C)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.lstm = nn.LSTM(config.length, config.hidden_size, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        layers: list[nn.Module] = []
        sizes = [
            (1, config.filters_1, config.kernel_size_1),
            (config.filters_1, config.filters_2, config.kernel_size_2),
            (config.filters_2, config.filters_3, config.kernel_size_3),
        ]
        for channels, filters, kernel in sizes:
            norm = nn.BatchNorm1d(filters, eps=BATCHNORM_EPS, momentum=BATCHNORM_MOMENTUM)
            layers += [nn.Conv1d(channels, filters, kernel, padding="same"), norm, nn.ReLU()]
        self.convolutions = nn.Sequential(*layers)
        self.head = nn.Linear(config.hidden_size + config.filters_3, config.classes)

    def forward(self, series: Tensor) -> Tensor:
        x = series.unsqueeze(1)
        recurrent = self.dropout(self.lstm(x)[0][:, -1])
        return self.head(torch.cat([recurrent, self.convolutions(x).mean(dim=2)], dim=1))


class PlainScorer:
    """A trained network, scored by the module as it is, in batches of one size."""

    def __init__(self, network: LSTMFCN, batch_size: int) -> None:
        self.network, self.mean, self.std, self.batch_size = (
            PlainNetwork(network.config),
            network.mean,
            network.std,
            batch_size,
        )
        state = {name: value.squeeze(2) if value.ndim == 4 else value for name, value in network.state_dict().items()}
        names = {
            f"block_{i}.{part}": f"convolutions.{3 * i - 3 + j}"
            for i in (1, 2, 3)
            for j, part in enumerate(("conv", "norm"))
        }
        renamed = {}
        for name, value in state.items():
            block = name.rpartition(".")[0]
            renamed[name.replace(block, names.get(block, block))] = value
        self.network.load_state_dict(renamed)
        self.network.eval()

    def probabilities(self, series: NDArray[np.float32]) -> NDArray[np.float32]:
        result = np.empty((len(series), self.network.head.out_features), np.float32)
        with torch.inference_mode():
            for start in range(0, len(series), self.batch_size):
                rows = torch.from_numpy(series[start : start + self.batch_size])
                logits = self.network((rows - self.mean) / self.std)
                result[start : start + self.batch_size] = logits.softmax(dim=1).numpy()
        return result


class ModuleScorer:
    """A model that takes contexts, scored by its module as it is trained, in batches of one size."""

    def __init__(self, model: Model, batch_size: int) -> None:
        self.network, self.batch_size = model.any_network().eval(), batch_size

    def probabilities(self, contexts: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            batches = torch.from_numpy(contexts).split(self.batch_size)
            return torch.cat([self.network(rows) for rows in batches]).numpy()

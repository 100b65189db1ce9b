"""An LSTM-FCN for patients it has never seen: the shape of a beat beside its rhythm, each in a branch of its own.

The shape branch is the multivariate LSTM-FCN (Karim et al. 2019, "Multivariate LSTM-FCNs for time series
classification", Neural Networks 116, 237-245) over two channels: the beat's window, and its difference from the
record's template. It says only how likely a ventricular beat is. What is normal and what is supraventricular is a
matter of rhythm, and a branch over the features of the context decides it: a network that is trained on both at once
learns the shapes of the patients it knows, and forgets the rhythm.
"""

import torch
from torch import Tensor, nn

from lstm_fcn.context.form import FEATURES, WINDOW
from lstm_fcn.data.labels import CLASSES
from lstm_fcn.model.config import ContextConfig
from lstm_fcn.model.network import ConvBlock

PREDICTED = ("N", "S", "V")
"""The classes that such a network can predict. Of F and Q it has seen too few patients: their probability is 0."""

_CHANNELS = 2
_FARTHEST = 4.0
"""In units of the record's QRS height; what is beyond is an artefact."""
_MOST_SPREADS = 6.0
"""By which a feature may differ from its middle."""
_MOST_ODDS = 8.0
"""Logarithm of the shape's odds of V."""
_FEATURE_DROPOUT, _LSTM_DROPOUT, _POOL_DROPOUT = 0.3, 0.8, 0.3


class ContextLSTMFCN(nn.Module):
    """Two branches over the contexts of beats.

    Parameters
    ----------
    config : ContextConfig

    Attributes
    ----------
    middle, spread : (features,) tensors
        Of the features in training; they are scaled by them.
    offsets : (3,) tensor
        Added to the logarithms of the probabilities of N, S and V: where the decision is cut.
    """

    middle: Tensor
    spread: Tensor
    offsets: Tensor

    def __init__(self, config: ContextConfig) -> None:
        super().__init__()
        self.config = c = config
        self.lstm = nn.LSTM(_CHANNELS * WINDOW, c.hidden_size, batch_first=True)
        self.block_1 = ConvBlock(_CHANNELS, c.filters_1, c.kernel_size_1)
        self.block_2 = ConvBlock(c.filters_1, c.filters_2, c.kernel_size_2)
        self.block_3 = ConvBlock(c.filters_2, c.filters_3, c.kernel_size_3)
        self.lstm_dropout, self.pool_dropout = nn.Dropout(_LSTM_DROPOUT), nn.Dropout(_POOL_DROPOUT)
        self.head = nn.Linear(c.hidden_size + c.filters_3, 1)
        self.rhythm = nn.Sequential(
            *(nn.Linear(len(FEATURES), c.dense_1), nn.ReLU(), nn.Dropout(_FEATURE_DROPOUT)),
            *(nn.Linear(c.dense_1, c.dense_2), nn.ReLU(), nn.Dropout(_FEATURE_DROPOUT)),
            nn.Linear(c.dense_2, len(PREDICTED)),
        )
        self.register_buffer("middle", torch.zeros(len(FEATURES)))
        self.register_buffer("spread", torch.ones(len(FEATURES)))
        self.register_buffer("offsets", torch.zeros(len(PREDICTED)))

    def channels(self, contexts: Tensor) -> Tensor:
        """Take of contexts (B, L) the window and its difference from the template: (B, 2, W)."""
        window, template = contexts[:, :WINDOW], contexts[:, WINDOW : 2 * WINDOW]
        return torch.stack([window, window - template], dim=1).clamp(-_FARTHEST, _FARTHEST)

    def features(self, contexts: Tensor) -> Tensor:
        """Take of contexts (B, L) the features, scaled: (B, features)."""
        return self.scale(contexts[:, 2 * WINDOW :])

    def scale(self, features: Tensor) -> Tensor:
        """Scale features (B, features) as the rhythm branch takes them."""
        return ((features - self.middle) / self.spread).clamp(-_MOST_SPREADS, _MOST_SPREADS)

    def ventricular_odds(self, channels: Tensor) -> Tensor:
        """Compute of channels (B, 2, W) the logarithm of the odds of V by shape: (B,)."""
        steps, _ = self.lstm(channels.flatten(1).unsqueeze(1))  # (B, 1, hidden): one step of all values
        picture = channels.unsqueeze(2).contiguous(memory_format=torch.channels_last)  # (B, 2, 1, W)
        pooled = self.block_3(self.block_2(self.block_1(picture))).mean(dim=(2, 3))  # (B, filters_3)
        odds: Tensor = self.head(torch.cat([self.lstm_dropout(steps[:, -1]), self.pool_dropout(pooled)], dim=1))
        return odds[:, 0]

    def logits(self, contexts: Tensor) -> Tensor:
        """Score contexts (B, L): (B, 3), of N, S and V."""
        return self.join(self.rhythm(self.features(contexts)), self.ventricular_odds(self.channels(contexts)))

    def join(self, rhythm: Tensor, odds: Tensor) -> Tensor:
        """Add the shape's odds of V (B,) to the rhythm's logits (B, 3), and the offsets: (B, 3)."""
        ventricular = nn.functional.pad(odds.clamp(-_MOST_ODDS, _MOST_ODDS)[:, None], (len(PREDICTED) - 1, 0))
        return rhythm.log_softmax(dim=1) + ventricular + self.offsets

    def forward(self, contexts: Tensor) -> Tensor:
        """Return the probabilities (B, 5) of the AAMI classes for contexts (B, L)."""
        return self.activate(self.logits(contexts))

    def activate(self, logits: Tensor) -> Tensor:
        """Turn logits (B, 3) into the probabilities (B, 5) of the AAMI classes, of which F and Q have 0."""
        return nn.functional.pad(logits.softmax(dim=1), (0, len(CLASSES) - len(PREDICTED)))

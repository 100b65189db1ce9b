"""Networks that teach another one, each branch its own: with other seeds, those of the shape with twice the filters.

They are fitted in the training itself, so that the cross-validation that chooses the offsets stays one: the teachers of
a fold have not seen the records that it holds out. A training draws about as many beats as there are, so its teachers
know hardly any beat by heart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lstm_fcn.model.config import ContextConfig
from lstm_fcn.model.context_network import ContextLSTMFCN


@dataclass(frozen=True)
class Teachers:
    """Networks in evaluation mode, of which the branch that teaches is fitted; a student learns their mean.

    Parameters
    ----------
    networks : sequence of ContextLSTMFCN
        At least one.
    """

    networks: Sequence[ContextLSTMFCN]

    def probabilities(self, features: Tensor) -> Tensor:
        """Return what the rhythm branches say of features (B, features), not scaled: (B, 3), of N, S and V."""
        with torch.no_grad():
            said = [each.rhythm(each.scale(features)).log_softmax(dim=1) for each in self.networks]
            return torch.stack(said).mean(dim=0).softmax(dim=1)

    def ventricular(self, channels: Tensor) -> Tensor:
        """Return what the shape branches say of channels (B, 2, W): (B,), the probability of V by shape."""
        with torch.no_grad():
            return torch.stack([each.ventricular_odds(channels) for each in self.networks]).mean(dim=0).sigmoid()


def widened(config: ContextConfig) -> ContextConfig:
    """Give the configuration of a teacher of the shape: twice the filters and units of the shape branch."""
    names = ("hidden_size", "filters_1", "filters_2", "filters_3")
    return config.model_copy(update={name: 2 * getattr(config, name) for name in names})

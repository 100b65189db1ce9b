"""Several rhythm branches as one: their mean depends less on the draws of a training than each of them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lstm_fcn.model.context_network import ContextLSTMFCN


def join_rhythm(networks: Sequence[ContextLSTMFCN]) -> ContextLSTMFCN:
    """Make a network whose rhythm branch gives the mean of the logits of others.

    Its two hidden layers are theirs side by side, each fed by its own.

    Parameters
    ----------
    networks : sequence of ContextLSTMFCN
        Of one configuration, all with the scaling of the first.

    Returns
    -------
    ContextLSTMFCN
        With their scaling, and a shape branch that is not fitted.
    """
    count, config = len(networks), networks[0].config
    widths = {"dense_1": count * config.dense_1, "dense_2": count * config.dense_2}
    joined = ContextLSTMFCN(config.model_copy(update=widths))
    joined.middle.copy_(networks[0].middle)
    joined.spread.copy_(networks[0].spread)
    parts: dict[str, list[Tensor]] = {}
    for each in networks:
        for name, values in each.rhythm.state_dict().items():
            parts.setdefault(name, []).append(values)
    state = {name: torch.cat(parts[name]) for name in ("0.weight", "0.bias", "3.bias")}
    state["3.weight"] = torch.block_diag(*parts["3.weight"])  # type: ignore[no-untyped-call]
    state["6.weight"] = torch.cat(parts["6.weight"], dim=1) / count
    state["6.bias"] = torch.stack(parts["6.bias"]).mean(dim=0)
    joined.rhythm.load_state_dict(state)
    return joined

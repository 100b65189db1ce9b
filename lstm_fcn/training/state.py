"""The state of a training: all that a checkpoint has to hold."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import cast

import torch
from pydantic import BaseModel
from torch import Size, Tensor
from torch.optim.swa_utils import AveragedModel

from lstm_fcn.model.config import Optimization
from lstm_fcn.model.network import LSTMFCN

_Tensors = list[Tensor] | tuple[Tensor, ...]
_WARM_UP, _START = 0.25, 0.04
"""Of one cycle: the part in which the learning rate rises, and the part of the peak at which it starts."""


class Epoch(BaseModel):
    """What one epoch came to; the losses are weighted by class as in training."""

    epoch: int
    lr: float
    train_loss: float
    train_accuracy: float
    valid_loss: float | None = None
    valid_accuracy: float | None = None
    valid_macro_f1: float | None = None
    seconds: float


class Progress(BaseModel):
    """How far a training is, besides its tensors."""

    epochs: list[Epoch] = []
    rows_done: int = 0
    """Of the present epoch, as are the three below."""
    loss: float = 0.0
    hits: float = 0.0
    seconds: float = 0.0
    best_epoch: int = 0


class TrainingState:
    """A network in training, its optimizer, its average, its best weights so far, and how far it is.

    Parameters
    ----------
    network : LSTMFCN
    optimization : Optimization
    """

    def __init__(self, network: LSTMFCN, optimization: Optimization) -> None:
        self.network, self.progress = network, Progress()
        self.optimizer = _optimizer(network, optimization)
        self.average = (
            AveragedModel(network, multi_avg_fn=_running_average(optimization.averaging))
            if optimization.averaging
            else None
        )
        self.best: Mapping[str, Tensor] = {}

    def step(self, loss: Tensor, lr: float) -> None:
        """Move the weights down the gradient of a loss, and their average after them."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.network)

    def kept(self) -> LSTMFCN:
        """Return the network that would be kept now: the averaged one where there is one."""
        return cast(LSTMFCN, self.average.module) if self.average is not None else self.network

    def tensors(self) -> dict[str, Tensor]:
        """Return everything but the progress, the state of the processor's random numbers included."""
        groups: dict[str, Mapping[str, Tensor]] = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict() if self.average is not None else {},
            "best": self.best,
            "random": {"state": torch.get_rng_state()},
        }
        for i, values in self.optimizer.state_dict()["state"].items():
            groups[f"optimizer.{i}"] = values
        return {f"{group}/{name}": tensor for group, tensors in groups.items() for name, tensor in tensors.items()}

    def shapes(self) -> dict[str, Size]:
        """Return the shapes of all that `tensors` may hold."""
        shapes = {name: tensor.shape for name, tensor in self.tensors().items()}
        shapes |= {f"best/{name}": tensor.shape for name, tensor in self.network.state_dict().items()}
        for i, parameter in enumerate(p for group in self.optimizer.param_groups for p in group["params"]):
            moments = {f"optimizer.{i}/{name}": parameter.shape for name in ("exp_avg", "exp_avg_sq")}
            shapes |= moments | {f"optimizer.{i}/step": Size()}
        return shapes

    def restore(self, tensors: Mapping[str, Tensor], progress: str) -> None:
        """Go back to what `tensors` and the progress were."""
        groups: dict[str, dict[str, Tensor]] = defaultdict(dict)
        for name, tensor in tensors.items():
            group, key = name.split("/")
            groups[group][key] = tensor
        self.progress = Progress.model_validate_json(progress)
        self.network.load_state_dict(groups["network"])
        if self.average is not None:
            self.average.load_state_dict(groups["average"])
        self.best = groups["best"]
        optimizer = self.optimizer.state_dict()
        numbers = [i for group in optimizer["param_groups"] for i in group["params"]]
        optimizer["state"] = {i: groups[f"optimizer.{i}"] for i in numbers}
        self.optimizer.load_state_dict(optimizer)
        torch.set_rng_state(groups["random"]["state"])


def _running_average(decay: float) -> Callable[[_Tensors, _Tensors, Tensor | int], None]:
    """Average exponentially, over fewer steps in the beginning so that the random weights are soon forgotten.

    All weights at once: one by one, each would wait for a CUDA device to say how many steps there were.
    """

    def average(averaged: _Tensors, current: _Tensors, count: Tensor | int) -> None:
        steps = int(count)
        torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + steps) / (10 + steps)))

    return average


def _optimizer(network: LSTMFCN, optimization: Optimization) -> torch.optim.Optimizer:
    weights = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": optimization.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, optimization.lr, fused=True)


def learning_rate(optimization: Optimization, part: float) -> float:
    """Return the rate after a part of the training.

    Parameters
    ----------
    optimization : Optimization
        One cycle (Smith 2018) rises linearly in the first quarter and falls along a cosine to zero.
    part : float
        0 at the beginning, 1 at the end.
    """
    peak = optimization.lr
    if optimization.schedule == "constant":
        return peak
    if part < _WARM_UP:
        return peak * (_START + (1 - _START) * part / _WARM_UP)
    return peak * (0.5 + 0.5 * math.cos(math.pi * (part - _WARM_UP) / (1 - _WARM_UP)))

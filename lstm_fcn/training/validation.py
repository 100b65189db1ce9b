"""How good a network is in the middle of its training: BatchNorm statistics first, then loss and scores."""

from collections.abc import Iterator
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from lstm_fcn.data.beats import Beats
from lstm_fcn.model.network import LSTMFCN

_EVALUATION_BATCH = 64
_BATCHNORM_BATCH = 256
_BATCHNORM_ROWS = 2**14


class Scores(NamedTuple):
    """Of a network on labelled beats."""

    loss: float
    accuracy: float
    macro_f1: float


def recompute_batchnorm(network: LSTMFCN, series: Tensor, rng: np.random.Generator) -> None:
    """Take the BatchNorm statistics over many series (all, up to 16,384) under the present weights.

    The running ones lag behind the weights: far with few steps an epoch, hopelessly for averaged weights.
    The order is random because the variance is averaged over batches: in the order of the records a batch
    holds one patient's beats, which differ less than those of all.
    """
    rows = torch.from_numpy(rng.permutation(len(series))[:_BATCHNORM_ROWS]).to(series.device)
    with torch.random.fork_rng():  # dropout draws here too, which must not change the training
        update_bn(batches(series[rows], _BATCHNORM_BATCH), network)


def batches(rows: Tensor, size: int) -> Iterator[Tensor]:
    """Cut into batches; a last one of a single row goes with the one before, since BatchNorm needs two values."""
    start = 0
    while start < len(rows):
        stop = start + size if len(rows) - start - size > 1 else len(rows)
        yield rows[start:stop]
        start = stop


def loss_of(
    network: LSTMFCN,
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None = None,
    beat_weights: Tensor | None = None,
) -> Tensor:
    """Mean over the batch of the weighted cross entropy; with several labels of the sum over the labels' own.

    The weights are those of the classes; with several labels those of each label's ones. Not divided by the
    weights of the batch, so that a beat weighs the same in whatever company. Those of single beats come on top.
    """
    reduction = "sum" if beat_weights is None else "none"
    if network.config.task == "multilabel":
        of_each = nn.BCEWithLogitsLoss(pos_weight=weights, reduction=reduction)
        loss = cast(Tensor, of_each(logits, labels.float()))
    else:
        loss = nn.functional.cross_entropy(logits, labels, weights, reduction=reduction)
    if beat_weights is not None:
        loss = (loss.reshape(len(labels), -1).sum(dim=1) * beat_weights).sum()
    return loss / len(labels)


def decide(network: LSTMFCN, logits: Tensor) -> Tensor:
    """Return the label (B,) that wins; with several labels a series those (B, C) that are more likely than not."""
    return (logits > 0).long() if network.config.task == "multilabel" else logits.argmax(dim=1)


def logits_of(network: LSTMFCN, series: Tensor) -> Tensor:
    """Score series (n, L) as the network is, in evaluation mode and without a gradient: (n, C) in float32."""
    network.eval()
    with torch.inference_mode():
        return torch.cat([network.logits(rows).float() for rows in batches(series, _EVALUATION_BATCH)])


def validate(network: LSTMFCN, series: Tensor, labels: Tensor, weights: Tensor | None = None) -> Scores:
    """Score a network as it is, in evaluation mode."""
    logits = logits_of(network, series)
    true, predicted = labels.cpu().numpy(), decide(network, logits).cpu().numpy()
    loss = float(loss_of(network, logits, labels, weights))
    return Scores(loss, float(accuracy_score(true, predicted)), macro_f1(true, predicted))


def measure(network: LSTMFCN, fitted: Beats, held_out: Beats | None) -> dict[str, float]:
    """Score a finished network for its file, in float32 and with every beat counting the same."""
    metrics: dict[str, float] = {}
    for side, beats in (("train", fitted), ("valid", held_out)):
        if beats is not None:
            scores = validate(network, torch.from_numpy(beats.series), torch.from_numpy(beats.labels))
            metrics |= {f"{side}_{name}": value for name, value in scores._asdict().items()}
    return metrics


def macro_f1(true: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """Average F1 over the classes that occur or were predicted; with several labels a series over all of them."""
    return float(f1_score(true, predicted, average="macro", zero_division=0))

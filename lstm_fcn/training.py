"""Fit the network on one machine: undersample, train, recompute the BatchNorm statistics."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from imblearn.under_sampling import RandomUnderSampler
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn
from tqdm import tqdm

import lstm_fcn
from lstm_fcn.beats import SERIES_FREQUENCY, Beats
from lstm_fcn.errors import DataError
from lstm_fcn.hyperparameters import NetworkConfig, Optimization
from lstm_fcn.labels import CLASS_NAMES, CLASSES
from lstm_fcn.modelfile import Header, Scaling, TrainingData
from lstm_fcn.network import LSTMFCN

_EVALUATION_BATCH = 64


@dataclass
class History:
    """Loss and accuracy on the training batches, one value an epoch."""

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)


def undersample(beats: Beats, seed: int) -> Beats:
    """Draw from every class as many beats as the rarest has, without replacement.

    Raises
    ------
    DataError
        If a class has no beat at all.
    """
    absent = [name for label, name in enumerate(CLASSES) if label not in beats.labels]
    if absent:
        raise DataError(f"expected training beats of every class, found none of {', '.join(absent)}")
    rows = np.arange(len(beats)).reshape(-1, 1)
    kept, _ = RandomUnderSampler(random_state=seed).fit_resample(rows, beats.labels)
    return beats.take(np.sort(kept[:, 0]))


def train(beats: Beats, config: NetworkConfig, optimization: Optimization) -> tuple[LSTMFCN, History]:
    """Train by Adam on the cross entropy.

    Parameters
    ----------
    beats : Beats
        With labels 0 to `config.classes` - 1.
    config : NetworkConfig
    optimization : Optimization

    Returns
    -------
    network : LSTMFCN
        In evaluation mode, its BatchNorm statistics taken over all of `beats`.
    history : History
    """
    torch.manual_seed(optimization.seed)
    network = LSTMFCN(config, float(beats.series.mean()), float(beats.series.std()))
    optimizer = torch.optim.Adam(network.parameters(), optimization.lr)
    series, labels = torch.from_numpy(beats.series), torch.from_numpy(beats.labels)
    history = History()
    with tqdm(total=optimization.epochs, unit="epoch", desc="train", disable=None) as bar:
        for _ in range(optimization.epochs):
            loss, accuracy = _train_epoch(network, optimizer, series, labels, optimization.batch_size)
            history.loss.append(loss)
            history.accuracy.append(accuracy)
            bar.set_postfix(loss=f"{loss:.4f}", accuracy=f"{accuracy:.4f}")
            bar.update()
    _recompute_batchnorm(network, series, optimization.batch_size)
    return network.eval(), history


def _train_epoch(
    network: LSTMFCN, optimizer: torch.optim.Optimizer, series: Tensor, labels: Tensor, batch_size: int
) -> tuple[float, float]:
    network.train()
    total_loss, hits = 0.0, 0
    for rows in _batches(torch.randperm(len(labels)), batch_size):
        logits = network.logits(series[rows])
        loss = nn.functional.cross_entropy(logits, labels[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total_loss += loss.item() * len(rows)
        hits += int((logits.argmax(dim=1) == labels[rows]).sum())
    return total_loss / len(labels), hits / len(labels)


def _recompute_batchnorm(network: LSTMFCN, series: Tensor, batch_size: int) -> None:
    """Take the BatchNorm statistics over all series, under the final weights.

    With few steps an epoch the running ones lag far behind the weights. The order is random because the
    variance is averaged over batches: in the order of the records a batch holds one patient's beats, which
    differ less than those of all.
    """
    shuffled = series[torch.randperm(len(series))]
    update_bn(_batches(shuffled, batch_size), network)


def _batches(rows: Tensor, batch_size: int) -> Iterator[Tensor]:
    for start in range(0, len(rows), batch_size):
        yield rows[start : start + batch_size]


def describe(name: str, network: LSTMFCN, optimization: Optimization, beats: Beats, source: str) -> Header:
    """Say for the model file what the network is, what it has seen and how well it fits that.

    Parameters
    ----------
    name : str
        Of the model.
    network : LSTMFCN
        As `train` returns it.
    optimization : Optimization
    beats : Beats
        Those it was trained on.
    source : str
        Where they are from.
    """
    return Header(
        name=name,
        network=network.config,
        optimization=optimization,
        scaling=Scaling(mean=network.mean, std=network.std),
        classes=list(CLASSES),
        class_names=[CLASS_NAMES[name] for name in CLASSES],
        sampling_frequency=SERIES_FREQUENCY,
        training_data=TrainingData(
            source=source,
            split="train",
            sampling="under",
            class_counts=np.bincount(beats.labels, minlength=len(CLASSES)).tolist(),
            fingerprint=beats.fingerprint(),
        ),
        metrics=_fit(network, beats),
        versions={
            "lstm_fcn": lstm_fcn.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    )


def _fit(network: LSTMFCN, beats: Beats) -> dict[str, float]:
    labels = torch.from_numpy(beats.labels)
    with torch.inference_mode():
        logits = torch.cat([network.logits(x) for x in _batches(torch.from_numpy(beats.series), _EVALUATION_BATCH)])
    loss = nn.functional.cross_entropy(logits, labels)
    accuracy = (logits.argmax(dim=1) == labels).double().mean()
    return {"train_loss": float(loss), "train_accuracy": float(accuracy)}

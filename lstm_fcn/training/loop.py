"""Fit the network on one machine: epochs, averaged weights, the best epoch by validation, checkpoints."""

import copy
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from lstm_fcn.data.beats import NOT_KNOWN, Beats
from lstm_fcn.errors import ModelError, StoppedError
from lstm_fcn.model.config import Device, Distillation, NetworkConfig, Optimization, Precision
from lstm_fcn.model.device import choose_device, choose_precision
from lstm_fcn.model.network import LSTMFCN
from lstm_fcn.training.checkpoint import Checkpoint
from lstm_fcn.training.distillation import distilled_loss
from lstm_fcn.training.sampling import class_weights, positive_weights, prior_offset
from lstm_fcn.training.state import Epoch, Progress, TrainingState, learning_rate
from lstm_fcn.training.validation import batches, decide, loss_of, recompute_batchnorm, validate

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Execution:
    """Where and how a training executes.

    Attributes
    ----------
    device, precision : str
    checkpoint : Checkpoint, optional
        Where it is saved now and then, and goes on from.
    on_epoch : callable
        Called after each epoch with all epochs so far.
    stop : callable
        Asked after each step; once it is true, the training saves itself and raises `StoppedError`.
    """

    device: Device = "auto"
    precision: Precision = "auto"
    checkpoint: Checkpoint | None = None
    on_epoch: Callable[[list[Epoch]], None] = lambda _: None
    stop: Callable[[], bool] = lambda: False


def train(
    beats: Beats,
    config: NetworkConfig,
    optimization: Optimization,
    *,
    validation: Beats | None = None,
    population: NDArray[Any] | None = None,
    weights: NDArray[np.float32] | None = None,
    initial: LSTMFCN | None = None,
    distillation: Distillation | None = None,
    execution: Execution | None = None,
) -> tuple[LSTMFCN, list[Epoch]]:
    """Train by AdamW on the cross entropy.

    Parameters
    ----------
    beats : Beats
        Those to fit; `optimization`'s sampling and held-out share are the caller's to apply. With `targets` where
        they are learned from teachers too.
    config : NetworkConfig
    optimization : Optimization
    validation : Beats, optional
        By whose macro-F1 the best epoch is chosen; without them it is the last.
    population : (C,) array, optional
        With `prior_correction`: the beats of each class before any was left out; without it those of `beats`.
    weights : (C,) array, optional
        Of the classes, where `optimization` has them one by one.
    initial : LSTMFCN, optional
        Weights and scaling to begin with, instead of random ones and the scaling of `beats`.
    distillation : Distillation, optional
        How much the `targets` of the beats count, where there are some.
    execution : Execution, optional

    Returns
    -------
    network : LSTMFCN
        In evaluation mode, its BatchNorm statistics taken under its final weights.
    epochs : list of Epoch

    Raises
    ------
    StoppedError
        If `execution.stop` asks for it.
    ModelError
        If the loss is no longer finite, or the checkpoint is damaged.
    SettingsError
        If the checkpoint is of another training.
    """
    execution = execution or Execution()
    with torch.random.fork_rng(), tqdm(unit="beat", unit_scale=True, disable=None, leave=False) as bar:
        torch.manual_seed(optimization.seed)
        hyperparameters = (optimization, distillation or Distillation())
        training = _Training(beats, validation, config, hyperparameters, population, weights, initial, execution)
        bar.total = optimization.epochs * len(beats)
        while not training.finished():
            training.train_epoch(bar)
            bar.clear()  # so that the epoch's line in the log does not end up behind it
            training.close_epoch()
        return training.result(), training.progress.epochs


class _Training:
    """A training under way: its state, its beats on the device, and its steps."""

    def __init__(
        self,
        beats: Beats,
        validation: Beats | None,
        config: NetworkConfig,
        hyperparameters: tuple[Optimization, Distillation],
        population: NDArray[Any] | None,
        weights: NDArray[np.float32] | None,
        initial: LSTMFCN | None,
        execution: Execution,
    ) -> None:
        self.optimization, self.distillation = hyperparameters
        self.execution = execution
        self.device = choose_device(execution.device)
        self.precision = choose_precision(execution.precision, self.device)
        self.series, self.labels = self._tensors(beats)
        self.validation = self._tensors(validation) if validation is not None else None
        self.beat_weights = None if beats.weights is None else torch.from_numpy(beats.weights).to(self.device)
        self.targets = None if beats.targets is None else torch.from_numpy(beats.targets).to(self.device)
        self._weigh(beats, config, population, weights)
        self.state = TrainingState(self._network(beats, config, initial).to(self.device), self.optimization)
        self.saved_at = time.monotonic()
        if execution.checkpoint is not None:
            self._restore(execution.checkpoint)

    def _weigh(
        self,
        beats: Beats,
        config: NetworkConfig,
        population: NDArray[Any] | None,
        weights: NDArray[np.float32] | None,
    ) -> None:
        """Set the classes' weights, and what is added to the logits in training."""
        counts, kind = beats.class_weights(config.classes), self.optimization.class_weights
        if isinstance(kind, dict):
            weights = np.ones(config.classes, dtype=np.float32) if weights is None else weights
        else:
            several, total = config.task == "multilabel", float(len(beats))
            weights = positive_weights(counts, total, kind) if several else class_weights(counts, kind)
        offset: NDArray[np.float32] = np.zeros(config.classes, dtype=np.float32)
        if self.optimization.prior_correction:
            offset = prior_offset(counts * weights, counts if population is None else population)
        self.weights = torch.from_numpy(weights).to(self.device)
        self.offset = torch.from_numpy(offset).to(self.device)

    def _network(self, beats: Beats, config: NetworkConfig, initial: LSTMFCN | None) -> LSTMFCN:
        if initial is not None:
            return copy.deepcopy(initial)
        network = LSTMFCN(config, *_scaling(beats))
        with torch.no_grad():
            network.head.bias.sub_(self.offset.cpu())  # so that all classes are equally likely at first
        return network

    def _restore(self, checkpoint: Checkpoint) -> None:
        saved = checkpoint.read(self.state.shapes())
        if saved is None:
            return
        try:
            self.state.restore(*saved)
        except (ValueError, RuntimeError, KeyError) as error:
            raise ModelError(f"the checkpoint {checkpoint.path} is damaged; delete it to begin anew") from error

    def _tensors(self, beats: Beats) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(beats.series).to(self.device), torch.from_numpy(beats.labels).to(self.device)

    @property
    def progress(self) -> Progress:
        return self.state.progress

    def finished(self) -> bool:
        """Check whether the epochs are over, or were long without a better one."""
        done, patience = len(self.progress.epochs), self.optimization.early_stopping
        stale = patience and self.validation is not None and done - self.progress.best_epoch >= patience
        return done >= self.optimization.epochs or bool(stale)

    def train_epoch(self, bar: "tqdm[Any]") -> None:
        """Take the steps of an epoch that are not done yet, saving now and then."""
        progress = self.progress
        bar.set_description(f"epoch {len(progress.epochs) + 1}")
        order = torch.from_numpy(self._rng().permutation(len(self.labels))).to(self.device)
        self.state.network.train()
        started = time.monotonic() - progress.seconds
        for rows in batches(order[progress.rows_done :], self.optimization.batch_size):
            self._step(rows)
            progress.seconds = time.monotonic() - started
            bar.n = len(progress.epochs) * len(order) + progress.rows_done
            bar.update(0)
            self._save_if_due()

    def _rng(self) -> np.random.Generator:
        """Random numbers of this epoch, the same whether the training was interrupted or not."""
        return np.random.default_rng([self.optimization.seed, len(self.progress.epochs)])

    def _step(self, rows: Tensor) -> None:
        network, labels = self.state.network, self.labels[rows]
        with self._autocast():
            logits = network.logits(self.series[rows])
        beat_weights = None if self.beat_weights is None else self.beat_weights[rows]
        logits = logits.float()
        if self.targets is None:
            loss = loss_of(network, logits + self.offset, labels, self.weights, beat_weights)
        else:
            loss = distilled_loss(logits, labels, self.targets[rows], self.weights, self.distillation, beat_weights)
        value = loss.item()
        if not math.isfinite(value):
            raise ModelError(
                f"the training diverged in epoch {len(self.progress.epochs) + 1}: the loss is {value}; lower lr "
                f"(now {self.optimization.lr}), or look for extreme values among the beats"
            )
        self.state.step(loss, self.learning_rate())
        self.progress.rows_done += len(rows)
        self.progress.loss += value * len(rows)
        right = decide(network, logits) == labels
        self.progress.hits += float((right if right.ndim == 1 else right.all(dim=1)).sum())

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32)

    def learning_rate(self) -> float:
        """Return the rate of the next step."""
        done = len(self.progress.epochs) + self.progress.rows_done / len(self.labels)
        return learning_rate(self.optimization, done / self.optimization.epochs)

    def close_epoch(self) -> None:
        """Validate the epoch, keep it if it is the best so far, and save."""
        progress, count = self.progress, len(self.labels)
        epoch = Epoch(
            epoch=len(progress.epochs) + 1,
            lr=self.learning_rate(),
            train_loss=progress.loss / count,
            train_accuracy=progress.hits / int((self.labels != NOT_KNOWN).reshape(count, -1).any(dim=1).sum()),
            seconds=round(progress.seconds, 2),
        )
        if self.validation is not None:
            with self._autocast():
                candidate = self._candidate()
                scores = validate(candidate, *self.validation, self.weights)
            epoch.valid_loss, epoch.valid_accuracy, epoch.valid_macro_f1 = scores
            if scores.macro_f1 > self._best_f1():
                progress.best_epoch = epoch.epoch
                self.state.best = copy.deepcopy(candidate.state_dict())
        self.state.progress = Progress(epochs=[*progress.epochs, epoch], best_epoch=progress.best_epoch)
        self.execution.on_epoch(self.progress.epochs)
        self._log(epoch)
        if not self.finished():
            self._save_if_due()

    def _log(self, epoch: Epoch) -> None:
        count = self.optimization.epochs
        facts = {
            "epoch": epoch.epoch,
            "of": count,
            "loss": f"{epoch.train_loss:.4f}",
            "valid_macro_f1": None if epoch.valid_macro_f1 is None else f"{epoch.valid_macro_f1:.4f}",
            "beats_per_s": f"{len(self.labels) / max(epoch.seconds, 0.01):.0f}",
            "seconds_left": f"{(count - epoch.epoch) * epoch.seconds:.0f}",
        }
        log.info("stage=train %s", " ".join(f"{name}={fact}" for name, fact in facts.items() if fact is not None))

    def _candidate(self) -> LSTMFCN:
        """Return the network that would be kept if this were the last epoch, its statistics taken anew."""
        network = self.state.kept()
        recompute_batchnorm(network, self.series, self._rng())
        return network

    def _best_f1(self) -> float:
        best = self.progress.best_epoch
        return (self.progress.epochs[best - 1].valid_macro_f1 or 0.0) if best else -1.0

    def result(self) -> LSTMFCN:
        """Return the network to keep, its statistics recomputed in float32."""
        network = self.state.kept()
        if self.state.best:
            network.load_state_dict(self.state.best)
        recompute_batchnorm(network, self.series, self._rng())
        return network.cpu().eval()

    def _save_if_due(self) -> None:
        checkpoint, stop = self.execution.checkpoint, self.execution.stop()
        if checkpoint is not None and (stop or time.monotonic() - self.saved_at >= checkpoint.seconds):
            checkpoint.write(self.state.tensors(), self.progress.model_dump_json())
            self.saved_at = time.monotonic()
        if stop:
            where = f"saved to {checkpoint.path}; the same command goes on" if checkpoint else "nothing was saved"
            raise StoppedError(f"stopped in epoch {len(self.progress.epochs) + 1}: {where}")


def _scaling(beats: Beats) -> tuple[float, float]:
    """Mean and standard deviation of all values; 1 for a deviation of 0."""
    return float(beats.series.mean(dtype=np.float64)), float(beats.series.std(dtype=np.float64)) or 1.0

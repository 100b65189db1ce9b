"""Fitting the two branches of a network that takes contexts, each by itself."""

import logging
from collections.abc import Callable, Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from lstm_fcn.context.form import WINDOW
from lstm_fcn.errors import ModelError, StoppedError
from lstm_fcn.model.config import ContextConfig, ContextOptimization
from lstm_fcn.model.context_network import ContextLSTMFCN
from lstm_fcn.model.device import choose_precision
from lstm_fcn.training.contexts.data import ContextBeats, beat_weights, draw_rows
from lstm_fcn.training.contexts.runs import run_beats
from lstm_fcn.training.validation import batches

log = logging.getLogger(__name__)

_WARM_UP = 0.25
"""Share of the steps in which the learning rate goes up."""
_SMOOTHING = 0.02
_FEATURE_NOISE = 0.1
_GAIN, _SHIFT, _NOISE = 0.2, 2, 0.02
"""Of the windows in training: deviation of the gain's logarithm, samples, deviation."""
_RUN_SHARES = np.array([0.1, 0.5])
"""Weight of the beats in runs, N and S, as a share of that of their class."""
_LOGGED_EVERY = 50


def fit(
    beats: ContextBeats,
    rows: NDArray[np.bool_],
    config: ContextConfig,
    optimization: ContextOptimization,
    stop: Callable[[], bool] = lambda: False,
) -> ContextLSTMFCN:
    """Fit both branches to some of the beats.

    Parameters
    ----------
    beats : ContextBeats
    rows : (n,) bool array
        Those to fit.
    config : ContextConfig
    optimization : ContextOptimization
    stop : callable
        Asked after each step; once it is true, `StoppedError` is raised.

    Returns
    -------
    ContextLSTMFCN
        In evaluation mode, its offsets 0.

    Raises
    ------
    StoppedError
    ModelError
        If the loss is no longer finite.
    """
    with torch.random.fork_rng():
        torch.manual_seed(optimization.seed)
        network = ContextLSTMFCN(config)
        fit_rhythm(network, beats, rows, optimization, stop)
        fit_shape(network, beats, rows, optimization, stop)
    return network.eval()


def fit_rhythm(
    network: ContextLSTMFCN,
    beats: ContextBeats,
    rows: NDArray[np.bool_],
    optimization: ContextOptimization,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Fit the rhythm branch of a network, as `fit` does."""
    weights = beat_weights(beats, rows, optimization.beats_a_record)
    rng = np.random.default_rng([optimization.seed, 0])
    made, labels = run_beats(beats, rows, rng)
    of_class = np.bincount(beats.labels, weights, minlength=2)[:2] * _RUN_SHARES
    made_weights = (of_class / np.maximum(np.bincount(labels, minlength=2), 1))[labels]
    features = np.concatenate([beats.features, made])
    steps = draw_rows(np.append(weights, made_weights), optimization.rhythm_steps, optimization.rhythm_batch_size, rng)
    _measure_features(network, features[steps.ravel()[:_SCALED_BY]])
    scaled = network.scale(torch.from_numpy(features))
    targets = torch.from_numpy(np.append(beats.labels, labels))

    def loss(picked: Tensor) -> Tensor:
        noisy = scaled[picked] + _FEATURE_NOISE * torch.randn(len(picked), scaled.shape[1])
        return nn.functional.cross_entropy(network.rhythm(noisy), targets[picked], label_smoothing=_SMOOTHING)

    network.rhythm.train()
    _descend(network.rhythm.parameters(), loss, steps, optimization.rhythm_lr, optimization, stop, "rhythm")


_SCALED_BY, _MEASURED_BY, _MEASURED_AT_ONCE = 20_000, 16_384, 1024
"""Drawn beats that the scaling of the features is measured on, and the statistics of BatchNorm."""


def _measure_features(network: ContextLSTMFCN, features: NDArray[np.float32]) -> None:
    low, middle, high = np.quantile(features, [0.16, 0.5, 0.84], axis=0)
    network.middle.copy_(torch.from_numpy(middle))
    network.spread.copy_(torch.from_numpy((high - low) / 2 + 1e-3))


def fit_shape(
    network: ContextLSTMFCN,
    beats: ContextBeats,
    rows: NDArray[np.bool_],
    optimization: ContextOptimization,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Fit the shape branch of a network, as `fit` does."""
    weights = beat_weights(beats, rows, optimization.beats_a_record)
    rng = np.random.default_rng([optimization.seed, 1])
    steps = draw_rows(weights, optimization.shape_steps, optimization.shape_batch_size, rng)
    contexts, is_v = torch.from_numpy(beats.contexts), torch.from_numpy((beats.labels == 2).astype(np.float32))

    precision = choose_precision("auto", torch.device("cpu"))

    def loss(picked: Tensor) -> Tensor:
        channels = _vary(network.channels(_shift(contexts[picked])))
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            odds = network.ventricular_odds(channels)
        targets = is_v[picked] * (1 - _SMOOTHING) + _SMOOTHING / 2
        return nn.functional.binary_cross_entropy_with_logits(odds.float(), targets)

    network.train()
    branch = [*network.lstm.parameters(), *network.head.parameters()]
    branch += [each for block in (network.block_1, network.block_2, network.block_3) for each in block.parameters()]
    _descend(branch, loss, steps, optimization.shape_lr, optimization, stop, "shape")
    # The running statistics lag behind the weights; and as drawn, the beats are those of training, not of a record.
    drawn = torch.from_numpy(steps.ravel()[:_MEASURED_BY])
    update_bn([contexts[rows] for rows in batches(drawn, _MEASURED_AT_ONCE)], network)


def _shift(contexts: Tensor) -> Tensor:
    """Move each window (B, L) by up to `_SHIFT` samples against its template."""
    by = torch.randint(-_SHIFT, _SHIFT + 1, (len(contexts), 1))
    windows = contexts[:, :WINDOW].gather(1, (torch.arange(WINDOW) + by).clamp(0, WINDOW - 1))
    return torch.cat([windows, contexts[:, WINDOW:]], dim=1)


def _vary(channels: Tensor) -> Tensor:
    """Give each beat (B, 2, W) another gain, sign and noise: no lead is a clue to its database."""
    gain = torch.exp(_GAIN * torch.randn(len(channels), 1, 1)) * (torch.randint(0, 2, (len(channels), 1, 1)) * 2 - 1)
    return channels * gain + _NOISE * torch.randn_like(channels)


def _descend(
    parameters: Iterable[nn.Parameter],
    loss_of: Callable[[Tensor], Tensor],
    steps: NDArray[np.int64],
    rate: float,
    optimization: ContextOptimization,
    stop: Callable[[], bool],
    branch: str,
) -> None:
    parameters = list(parameters)
    decayed, others = [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": optimization.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, len(steps), pct_start=_WARM_UP)
    for step, picked in enumerate(steps, start=1):
        loss = loss_of(torch.from_numpy(picked))
        if not torch.isfinite(loss):
            raise ModelError(f"the training of the {branch} branch diverged at step {step}: lower its learning rate")
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if step % _LOGGED_EVERY == 0 or step == len(steps):
            log.info("stage=train branch=%s step=%d of=%d loss=%.4f", branch, step, len(steps), loss.item())
        if stop():
            raise StoppedError(f"stopped in the {branch} branch at step {step}: nothing was saved")

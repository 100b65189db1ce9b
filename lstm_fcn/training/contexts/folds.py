"""Cross-validation over records: the figures to expect, and the offsets that the decision needs."""

import logging
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.data.labels import CLASSES
from lstm_fcn.inference.folded_context import FoldedContextNetwork
from lstm_fcn.model.config import SCORING_BATCH_SIZE
from lstm_fcn.model.context_network import PREDICTED, ContextLSTMFCN
from lstm_fcn.training.contexts.data import ContextBeats

log = logging.getLogger(__name__)

FOLDS = 5
_GRID = np.arange(-3.0, 3.01, 0.25)
_CHUNK = 65536


def record_folds(beats: ContextBeats, seed: int) -> NDArray[np.int64]:
    """Deal the records out in the order of their S beats, so that each fold has some: the beats' folds (n,)."""
    rng = np.random.default_rng([seed, 2])
    counts = np.bincount(beats.records, beats.labels == 1, minlength=len(beats.names))
    order = np.argsort(-(counts + rng.random(len(counts))))
    fold = np.empty(len(order), dtype=np.int64)
    for start in range(0, len(order), FOLDS):
        records = order[start : start + FOLDS]
        fold[records] = rng.permutation(FOLDS)[: len(records)]
    return fold[beats.records]


def held_out_scores(
    beats: ContextBeats, folds: NDArray[np.int64], fit_to: Callable[[NDArray[np.bool_]], ContextLSTMFCN]
) -> NDArray[np.float32]:
    """Score each beat by a network that has not seen its record: logarithms of probabilities (n, 3), without offsets.

    Parameters
    ----------
    beats : ContextBeats
    folds : (n,) int array
    fit_to : callable
        Fits a network to some of the beats.
    """
    scores = np.empty((len(beats), len(PREDICTED)), dtype=np.float32)
    for fold in range(FOLDS):
        network = fit_to(folds != fold)
        scores[folds == fold] = log_probabilities(network, beats.contexts[folds == fold])
        log.info("stage=cross-validate fold=%d of=%d", fold + 1, FOLDS)
    return scores


def log_probabilities(network: ContextLSTMFCN, contexts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logarithms of the probabilities of N, S and V: (n, 3)."""
    probabilities = FoldedContextNetwork(network, SCORING_BATCH_SIZE).probabilities(contexts)[:, : len(PREDICTED)]
    logarithms: NDArray[np.float32] = np.log(np.maximum(probabilities, 1e-12))
    return logarithms


def best_offsets(scores: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[float, float, float]:
    """Choose the offsets of N (always 0), S and V with the best macro-F1 over these three."""
    best, found = -1.0, (0.0, 0.0, 0.0)
    for s in _GRID:
        for v in _GRID:
            value = macro_f1(confusion_of(scores, labels, (0.0, float(s), float(v))))
            if value > best:
                best, found = value, (0.0, float(s), float(v))
    return found


def confusion_of(scores: NDArray[np.float32], labels: NDArray[np.int64], offsets: Sequence[float]) -> NDArray[np.int64]:
    """Count the beats by true class (row) and predicted class (column): (5, 5)."""
    predicted = (scores + np.asarray(offsets, dtype=np.float32)).argmax(axis=1)
    size = len(CLASSES)
    return np.bincount(labels * size + predicted, minlength=size * size).reshape(size, size)


def macro_f1(confusion: NDArray[np.int64]) -> float:
    """Average the F1 of N, S and V; beats of F and Q are errors wherever they are predicted."""
    hits = np.diagonal(confusion)[: len(PREDICTED)]
    both = confusion.sum(axis=0)[: len(PREDICTED)] + confusion.sum(axis=1)[: len(PREDICTED)]
    return float((2 * hits / np.maximum(both, 1)).mean())

"""Contexts of no record, for tests of what takes them."""

import numpy as np

from lstm_fcn.context.form import CONTEXT_LENGTH, FEATURES, WINDOW
from lstm_fcn.training.contexts.data import ContextBeats


def make_contexts(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Contexts (n, length) of beats with these labels: S comes early, V is tall and wide."""
    rng = np.random.default_rng(seed)
    contexts = rng.normal(0, 0.05, (len(labels), CONTEXT_LENGTH)).astype(np.float32)
    contexts[:, 46:50] += 1
    contexts[:, WINDOW + 46 : WINDOW + 50] += 1
    contexts[np.ix_(labels == 2, range(40, 60))] += 1
    contexts[labels == 2, 2 * WINDOW + FEATURES.index("qrs_corr")] -= 0.4
    for name in ("pre/mean", "pre/p85", "pre/calm", "pre/mean121"):
        contexts[labels == 1, 2 * WINDOW + FEATURES.index(name)] -= 0.4
    return contexts


def make_context_beats(records: int = 10, beats: int = 60) -> ContextBeats:
    """Beats of some records, each of two leads: of ten beats two S and one V; a few F and Q."""
    labels = np.resize([0, 1, 0, 2, 0, 0, 1, 0, 0, 0], records * beats)
    labels[7::97], labels[8::97] = 3, 4
    one = np.repeat(np.arange(records), beats)
    both, leads = np.concatenate([labels, labels]), np.repeat([0, 1], len(labels))
    names = tuple(f"r{number}" for number in range(records))
    return ContextBeats(make_contexts(both), both.astype(np.int64), np.tile(one, 2), leads, names)

"""Beats as they would be in records that are mostly supraventricular, of which the data have hardly any.

Where runs of S make a good part of a record, its mean RR is nearer to theirs, and where they make most of it, they are
its template. A model that has never seen such a record calls its normal beats premature or its S normal. So S beats are
put into runs, and N beats among them, by changing the features as such a record would.
"""

import re

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.context.form import FEATURES, SHAPE_FEATURES
from lstm_fcn.training.contexts.data import ContextBeats

Features = NDArray[np.float32]

_LOCAL = {"mean121": 121, "calm": 81}
"""References over so many beats."""
_CHANGES = {"change11": 11, "change41": 41, "change161": 161, "calm15": 15, "calm41": 41}
_RESTLESS = {"restless15": 15, "restless41": 41, "restless161": 161}
_NEIGHBOURS = [name for name in FEATURES if re.fullmatch(r"rr[+-]\d/mean", name)]
_OF_TEMPLATE = [
    name for name in SHAPE_FEATURES if re.fullmatch(r".*_(corr|diff|diff_rel|diff_ac|gain)|height|.*/template", name)
]
_MOST_BEATS = 200
_FEWEST_BEATS = 5
_NOISE = 0.03


class _Table:
    """Features of some beats by name, to be changed."""

    def __init__(self, values: Features, rng: np.random.Generator) -> None:
        self.values, self._rng = values.copy(), rng

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        return self.values[:, FEATURES.index(name)]

    def __setitem__(self, name: str, values: NDArray[np.floating]) -> None:
        self.values[:, FEATURES.index(name)] = values

    def noise(self) -> NDArray[np.float64]:
        return _NOISE * self._rng.standard_normal(len(self.values))

    def uniform(self, low: float, high: float) -> NDArray[np.float64]:
        return self._rng.uniform(low, high, len(self.values))


def run_beats(
    beats: ContextBeats, rows: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Features, NDArray[np.int64]]:
    """Make beats of records that are mostly supraventricular.

    Parameters
    ----------
    beats : ContextBeats
    rows : (n,) bool array
        Those to make them of.
    rng : Generator

    Returns
    -------
    features : (m, features) float32 array
    labels : (m,) int64 array
        Half of them S, half N.
    """
    is_early = (beats.feature("pre/p85") < -0.15) & (beats.feature("pre/mean") < -0.1)
    early, normal = rows & (beats.labels == 1) & is_early, rows & (beats.labels == 0)
    lead_of_record = beats.records * (1 + beats.leads.max()) + beats.leads
    made: list[Features] = []
    labels: list[int] = []
    for key in np.unique(lead_of_record[early]):
        s, n = np.flatnonzero(early & (lead_of_record == key)), np.flatnonzero(normal & (lead_of_record == key))
        count = min(len(s), _MOST_BEATS)
        if count < _FEWEST_BEATS or not len(n):
            continue
        s = rng.choice(s, count, replace=False)
        made += [_in_runs(beats.features[s], beats.features[rng.choice(n, count)], rng)]
        made += [_among_runs(beats.features[rng.choice(n, count)], beats.features[rng.choice(s, count)], rng)]
        labels += [1] * count + [0] * count
    if not made:
        return beats.features[:0], np.empty(0, np.int64)
    return np.concatenate(made), np.array(labels, dtype=np.int64)


def _in_runs(early: Features, normal: Features, rng: np.random.Generator) -> Features:
    """Put S beats into runs that make a random share of the record; where it is most of it, they are its template."""
    table, was = _Table(early, rng), _Table(early, rng)
    share, length = table.uniform(0.1, 0.8), np.exp(table.uniform(np.log(10), np.log(600)))
    shift = np.log((1 - share) + share * np.exp(was["pre/mean"]))  # of the record's mean RR
    _take_likeness(table, normal, share > 0.5)
    table["pre/mean"], table["post/mean"] = was["pre/mean"] - shift, was["pre/mean"] - shift + table.noise()
    table["post/p85"] = was["pre/p85"] + table.noise()
    for name, width in _LOCAL.items():
        for side in ("pre", "post"):
            table[f"{side}/{name}"] = np.maximum(0, 1 - length / width) * was[f"pre/{name}"] + table.noise()
    for name in _NEIGHBOURS:
        table[name] = was["pre/mean"] - shift + table.noise()
    table["pre+post/mean"] = was["pre/mean"] - shift
    for name in ("pre/post", "pre/pre-1", "post/post+1"):
        table[name] = table.noise()
    _make_regular(table, was, length)
    for name in ("qrs_near", "qrs_prev", "qrs_next"):
        table[name] = table.uniform(0.95, 1)
    for name in ("p_near", "p_prev", "p_next", "t_near", "t_prev", "t_next"):
        table[name] = table.uniform(0.8, 1)
    return table.values


def _make_regular(table: _Table, was: _Table, length: NDArray[np.float64]) -> None:
    """Make the rhythm regular wherever a run (of `length` beats) covers the beats that a feature is taken over."""
    for name, width in _CHANGES.items():
        table[name] = np.where(length > width / 2, table.uniform(0.005, 0.04), was[name])
    for name, width in _RESTLESS.items():
        table[name] = np.where(length > width / 2, np.sqrt(table.uniform(0.002, 0.02)), was[name])
    covered, quartiles = length > 41, table.uniform(0.01, 0.06)
    for name in ("pre_z41", "post_z41"):
        table[name] = np.where(covered, table.noise() / (quartiles + 0.03), was[name])
    table["iqr41"] = np.where(covered, quartiles, was["iqr41"])
    table["pre_restless"] = np.where(covered, table.noise() / 0.03, was["pre_restless"])
    table["rank121"] = np.where(length > 121, table.uniform(0, 1), was["rank121"])


def _among_runs(normal: Features, early: Features, rng: np.random.Generator) -> Features:
    """Put N beats into a record that is mostly S, whose template is that of the S beats."""
    table, runs = _Table(normal, rng), _Table(early, rng)
    share = table.uniform(0.5, 0.9)
    shift = np.log((1 - share) + share * np.exp(runs["pre/mean"]))
    _take_likeness(table, early, np.ones(len(early), dtype=bool))
    for name in ("pre/mean", "post/mean", "pre/mean121", "post/mean121", "pre+post/mean", *_NEIGHBOURS):
        table[name] = table[name] - shift
    return table.values


def _take_likeness(table: _Table, other: Features, rows: NDArray[np.bool_]) -> None:
    for name in _OF_TEMPLATE:
        table[name] = np.where(rows, other[:, FEATURES.index(name)], table[name])

"""What the features of a training look like, for the model file: scoring compares what it meets with them."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.context.form import FEATURE_GROUPS, FEATURES
from lstm_fcn.evaluation.drift import count_bins, feature_drift
from lstm_fcn.model.header import FeatureDistributions
from lstm_fcn.training.contexts.data import ContextBeats

_TENTHS = np.arange(0.1, 0.95, 0.1)

_SEVERAL = 10
_DRAWS = 50


def describe_features(beats: ContextBeats) -> FeatureDistributions:
    """Describe the distribution of each feature, and how far one record, and ten, are from the whole."""
    edges = {name: _edges(beats.feature(name)) for name in FEATURES}
    counts = {name: count_bins(beats.feature(name), edges[name]) for name in FEATURES}
    nothing = dict.fromkeys(FEATURE_GROUPS, 0.0)
    known = FeatureDistributions(edges=edges, counts=counts, farthest_one=nothing, farthest_ten=nothing)
    one_lead = beats.records * (1 + beats.leads.max()) + beats.leads
    each, rng = np.unique(one_lead), np.random.default_rng(0)
    several = [rng.choice(each, min(_SEVERAL, max(1, len(each) // 2)), replace=False) for _ in range(_DRAWS)]
    return known.model_copy(
        update={
            "farthest_one": _farthest(beats, one_lead, each[:, None], known),
            "farthest_ten": _farthest(beats, one_lead, several, known),
        }
    )


def _farthest(
    beats: ContextBeats, one_lead: NDArray[np.int64], draws: Iterable[NDArray[np.int64]], known: FeatureDistributions
) -> dict[str, float]:
    """Return the largest drift of each group of features among some draws of records."""
    drifts = [feature_drift(beats.features[np.isin(one_lead, drawn)], known) for drawn in draws]
    return {group: round(max(drift[group] for drift in drifts), 4) for group in FEATURE_GROUPS}


def _edges(values: NDArray[np.float32]) -> list[float]:
    """Return the deciles, each once, with as many digits as matter."""
    return sorted({float(f"{decile:.4g}") for decile in np.quantile(values, _TENTHS)})

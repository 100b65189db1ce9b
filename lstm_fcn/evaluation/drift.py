"""How far beats are from those that a model was trained on."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.context.form import FEATURE_GROUPS, FEATURES
from lstm_fcn.model.header import FeatureDistributions

_SMALLEST_SHARE = 1e-4


def population_stability_index(expected: Sequence[int], found: Sequence[int]) -> float:
    """Compare two histograms with the same bins.

    Parameters
    ----------
    expected, found : sequence of int
        Counts; a share below 1e-4 counts as 1e-4.

    Returns
    -------
    float
        0 where the shares are equal. By custom, below 0.1 is no change and above 0.25 one to look into
        (Siddiqi 2006, Credit Risk Scorecards). NaN where one of the histograms is empty.
    """
    if not sum(expected) or not sum(found):
        return float("nan")
    was, now = (np.maximum(np.asarray(counts) / sum(counts), _SMALLEST_SHARE) for counts in (expected, found))
    return round(float(((now - was) * np.log(now / was)).sum()), 6)


def feature_drift(features: NDArray[np.float32], known: FeatureDistributions) -> dict[str, float]:
    """Compare the features of contexts with those of a training.

    Parameters
    ----------
    features : (n, features) float32 array
        In the order of `lstm_fcn.context.form.FEATURES`.
    known : FeatureDistributions

    Returns
    -------
    dict of str to float
        Group of features -> mean population stability index of its features.
    """
    index = {
        name: population_stability_index(known.counts[name], count_bins(values, known.edges[name]))
        for name, values in zip(FEATURES, features.T, strict=True)
    }
    return {group: round(float(np.mean([index[name] for name in names])), 6) for group, names in FEATURE_GROUPS.items()}


def count_bins(values: NDArray[np.float32], edges: Sequence[float]) -> list[int]:
    """Count values (n,) between edges: one more bin than there are edges."""
    return [int(n) for n in np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)]

"""How far what is scored has moved from what the model was trained on."""

from collections.abc import Sequence

import numpy as np

from lstm_fcn.spark.scoring.manifest import ScoredRows

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


def drift(
    counts: ScoredRows, classes: Sequence[str], class_counts: Sequence[int], length_counts: Sequence[int] | None
) -> dict[str, float | None]:
    """Compare what was scored with what the model was trained on.

    Parameters
    ----------
    counts : ScoredRows
    classes : sequence of C str
    class_counts : sequence of C int
        Training beats by class.
    length_counts : sequence of int or None
        Training beats by length; None where the model file does not name them.

    Returns
    -------
    dict
        Population stability index of 'predictions' and 'beat_length'; None where it is not defined.
    """
    if not counts.scored:
        return {"predictions": None, "beat_length": None}
    predicted = [counts.predicted.get(name, 0) for name in classes]
    lengths = None if length_counts is None else population_stability_index(length_counts, counts.lengths)
    return {"predictions": population_stability_index(class_counts, predicted), "beat_length": lengths}

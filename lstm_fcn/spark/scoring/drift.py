"""How far what is scored has moved from what the model was trained on."""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstm_fcn.context.form import CONTEXT_LENGTH, FEATURE_GROUPS, FEATURES, WINDOW
from lstm_fcn.evaluation.drift import feature_drift, population_stability_index
from lstm_fcn.spark.scoring.manifest import ScoredRows
from lstm_fcn.spark.sql import column

if TYPE_CHECKING:
    from lstm_fcn.model.header import FeatureDistributions

log = logging.getLogger(__name__)

_SAMPLE = 5000
"""Beats whose features are looked at."""

_SEVERAL = 10
"""From so many records on, beats are compared with ten records of the training, and else with one."""


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


def context_drift(
    beats: DataFrame, context: str, rows: int, known: "FeatureDistributions", run_id: str
) -> Mapping[str, float | None]:
    """Compare the features of some beats with those of the training, and warn of groups that are far off.

    Parameters
    ----------
    beats : DataFrame
        That are scored.
    context : str
        The column with the contexts.
    rows : int
        How many there are, about.
    known : FeatureDistributions
    run_id : str

    Returns
    -------
    mapping
        Group of features -> mean population stability index of its features; None where no context is whole.
    """
    found, records = _sampled_features(beats, context, rows)
    if not len(found):
        return dict.fromkeys(FEATURE_GROUPS)
    several = records >= _SEVERAL
    farthest, of = (known.farthest_ten, "ten records") if several else (known.farthest_one, "one record")
    drifts = feature_drift(found, known)
    for group, value in drifts.items():
        if value > farthest[group]:
            log.warning(
                "stage=check run_id=%s psi_%s=%.2f: these beats are farther from the training than any %s of it "
                "(at most %.2f); the model may do worse on them than its figures say",
                *(run_id, group, value, of, farthest[group]),
            )
    return drifts


def _sampled_features(beats: DataFrame, context: str, rows: int) -> tuple[NDArray[np.float32], int]:
    """Return the features (n, features) of about `_SAMPLE` beats whose context is whole, and from how many records."""
    features = F.slice(column(context).cast("array<float>"), 2 * WINDOW + 1, len(FEATURES))
    record = F.col("record").cast("string") if "record" in beats.columns else F.lit(None)
    whole = beats.where(F.size(column(context)) == CONTEXT_LENGTH).select(features.alias("x"), record.alias("record"))
    drawn = whole.sample(fraction=min(1.0, _SAMPLE / max(rows, 1)), seed=0).limit(2 * _SAMPLE).collect()
    values = [[np.nan if each is None else each for each in row["x"]] for row in drawn]
    table: NDArray[np.float32] = np.array(values, dtype=np.float32).reshape(-1, len(FEATURES))
    finite: NDArray[np.float32] = table[np.isfinite(table).all(axis=1)]
    return finite, len({row["record"] for row in drawn})

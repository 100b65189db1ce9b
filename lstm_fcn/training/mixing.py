"""Beats that are mixed of two: no model was fitted to them, so a teacher can speak of as many as one likes."""

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.data.beats import NOT_KNOWN, Beats
from lstm_fcn.model.config import Optimization
from lstm_fcn.training.sampling import hold_out_as


def mix_fitted(beats: Beats, optimization: Optimization, times: float) -> Beats | None:
    """Mix the beats that are not held out, so many times as there are; None for 0 times."""
    if not times:
        return None
    fitted = beats.take(hold_out_as(optimization, beats)[0]) if optimization.validation_share else beats
    return mix(fitted, round(times * len(fitted)), optimization.seed)


def mix(beats: Beats, count: int, seed: int) -> Beats:
    """Mix pairs of beats of one record (Zhang et al. 2018, mixup).

    What lies between two beats of a record looks much like its other beats. A student that says there what its teacher
    says has learned more of it than from the labels (Beyer et al. 2022, Knowledge distillation: a good teacher is
    patient and consistent).

    Parameters
    ----------
    beats : Beats
        Without records, those of one record.
    count : int
        Pairs to draw. Each beat has at least half of a mixture about equally often.
    seed : int

    Returns
    -------
    Beats
        Series (m, length) in the unit of the beats, with labels `NOT_KNOWN`. m is `count` less the draws that paired a
        beat with itself.
    """
    rng = np.random.default_rng(seed)
    first = np.resize(rng.permutation(len(beats)), count)
    records = np.full(len(beats), "") if beats.records is None else beats.records.astype(str)
    second = np.empty_like(first)
    for record in np.unique(records):
        own, of_record = np.flatnonzero(records == record), records[first] == record
        second[of_record] = rng.choice(own, of_record.sum(), p=_chances(beats.labels[own]))
    # A beat with itself is that beat, of which a teacher may be too sure; rounding would hide it.
    are_two = first != second
    first, second = first[are_two], second[are_two]
    share = rng.uniform(0.5, 1, (len(first), 1)).astype(np.float32)
    series = share * beats.series[first] + (1 - share) * beats.series[second]
    return Beats(series, np.full(len(first), NOT_KNOWN), None if beats.records is None else beats.records[first])


def _chances(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (n,) the chances of beats to be mixed into others: half of the time, each class has the same."""
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return 0.5 / len(labels) + 0.5 / (len(counts) * counts[classes])


def join(*parts: Beats | None) -> Beats | None:
    """Put beats without targets together, where there are some; without records, where some have none."""
    found = [part for part in parts if part is not None]
    if len(found) < 2:
        return found[0] if found else None
    records = [part.records for part in found if part.records is not None]
    return Beats(
        np.concatenate([part.series for part in found]),
        np.concatenate([part.labels for part in found]),
        np.concatenate(records) if len(records) == len(found) else None,
    )

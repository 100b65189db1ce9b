"""What a report shows, as the evaluation hands it over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.evaluation import Counts, Estimate
from lstm_fcn.paired import Difference, Sides


@dataclass(frozen=True)
class Kinds:
    """How many rows there are of each kind.

    Attributes
    ----------
    rows, judged : int
        `judged` were scored and have a label that is a class.
    failed : int
        Not scored.
    errors, unknown_labels : dict
        Reason, or label, -> rows; the most frequent ones.
    """

    rows: int
    judged: int
    failed: int
    errors: Mapping[str, int]
    unknown_labels: Mapping[str, int]


@dataclass(frozen=True)
class Strip:
    """A piece of a recording.

    Attributes
    ----------
    ms : (n,) array
        Time from the beat's annotation.
    values : (n,) array
    unit : str
        Of the values, e.g. 'mV'.
    """

    ms: NDArray[np.float64]
    values: NDArray[np.float64]
    unit: str


@dataclass(frozen=True)
class WrongBeat:
    """A beat that was called wrongly, and what there is to draw of it.

    Attributes
    ----------
    key : dict
        What tells it from others, e.g. record and sample.
    true, called : str
        Classes.
    confidence : float
    series : (length,) array
        As the model saw it.
    frequency : float or None
        Of the series, Hz.
    activation : (length,) array or None
        What each value adds to the class that was called.
    strip : Strip or None
        The recording around the beat.
    """

    key: Mapping[str, object]
    true: str
    called: str
    confidence: float
    series: NDArray[np.float32]
    frequency: float | None = None
    activation: NDArray[np.float32] | None = None
    strip: Strip | None = None


@dataclass(frozen=True)
class Group:
    """The beats with one value in a column."""

    name: str
    confusion: NDArray[np.int64]
    estimates: Sequence[Estimate]


@dataclass(frozen=True)
class Comparison:
    """Against other predictions of the same beats.

    Attributes
    ----------
    other : str
        Where they are.
    joint : (C, C, C) int array
        As `lstm_fcn.paired.mcnemar` takes it.
    only_first, only_other : int
        Beats that are not in both.
    """

    other: str
    joint: NDArray[np.int64]
    only_first: int
    only_other: int
    sides: Sequence[Sides]
    differences: Sequence[Difference]


@dataclass(frozen=True)
class Content:
    """All of it.

    Attributes
    ----------
    run_id, finished, source : str
    where : str or None
        The condition that selected the rows.
    models : dict
        Model as the predictions name it -> rows; empty where they do not.
    model_facts : dict
        What the model's file says of it; empty without one.
    class_names : dict
        Class -> what it means.
    kinds : Kinds
    counts : Counts
    estimates : sequence of Estimate
    draws, seed : int
        Of the intervals.
    groups : dict
        Column -> its groups.
    record : str or None
        The column with the records.
    records, without_record : int
        Records, and beats of which it is not known.
    worst : sequence of Group
        The records with the lowest accuracy, the first at most.
    gallery : sequence of WrongBeat
    comparison : Comparison or None
    """

    run_id: str
    finished: str
    source: str
    where: str | None
    models: Mapping[str, int]
    model_facts: Mapping[str, str]
    class_names: Mapping[str, str]
    kinds: Kinds
    counts: Counts
    estimates: Sequence[Estimate]
    draws: int
    seed: int
    groups: Mapping[str, Sequence[Group]]
    record: str | None
    records: int
    without_record: int
    worst: Sequence[Group]
    gallery: Sequence[WrongBeat]
    comparison: Comparison | None

"""What a report shows, as the evaluation hands it over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.evaluation.comparison import Difference, Sides
from lstm_fcn.evaluation.estimates import Counts
from lstm_fcn.evaluation.metrics import MetricRow


@dataclass(frozen=True)
class RowCounts:
    """How many rows there are of each kind.

    Attributes
    ----------
    rows, evaluated : int
        `evaluated` were scored and have a label that is a class.
    failed : int
        Not scored.
    errors, unknown_labels : dict
        Reason, or label, -> rows; the most frequent ones.
    """

    rows: int
    evaluated: int
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
    """A beat that was predicted wrongly, and what there is to draw of it.

    Attributes
    ----------
    key : dict
        What identifies it, e.g. record and sample.
    true, predicted : str
        Classes.
    confidence : float
    series : (length,) array
        As the model saw it.
    frequency : float or None
        Of the series, Hz.
    activation : (length,) array or None
        What each value adds to the predicted class.
    strip : Strip or None
        The recording around the beat.
    """

    key: Mapping[str, object]
    true: str
    predicted: str
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
    estimates: Sequence[MetricRow]


@dataclass(frozen=True)
class RecordSummary:
    """What was predicted in a record.

    Attributes
    ----------
    name : str
    figures : dict
        Column -> value, as `lstm_fcn.spark.scoring.record_summary.summarize_records` names and defines them.
    """

    name: str
    figures: Mapping[str, float | None]


@dataclass(frozen=True)
class Run:
    """The longest run of a class in a record.

    Attributes
    ----------
    record, class_ : str
    beats : int
    rate : float or None
        Beats a minute.
    begins_at : float
        Of its first beat, s from the beginning of the record.
    strip : Strip
        The recording around it; its time is from this beat.
    marks : sequence of (float, str or None)
        Of the beats on the strip: ms from this beat, and the predicted class, None where it was not scored.
    """

    record: str
    class_: str
    beats: int
    rate: float | None
    begins_at: float
    strip: Strip
    marks: Sequence[tuple[float, str | None]]


@dataclass(frozen=True)
class Ectopy:
    """The records with the most S and V beats.

    Attributes
    ----------
    most : dict
        Class -> its records, the largest burden first.
    runs : sequence of Run
        Of the first of them.
    has_recordings : bool
        Whether there was anything to draw the runs from.
    """

    most: Mapping[str, Sequence[RecordSummary]]
    runs: Sequence[Run]
    has_recordings: bool


@dataclass(frozen=True)
class Comparison:
    """Against other predictions of the same beats.

    Attributes
    ----------
    other : str
        Where they are.
    joint : (C, C, C) int array
        As `lstm_fcn.evaluation.comparison.mcnemar` takes it.
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
    row_counts : RowCounts
    counts : Counts
    estimates : sequence of MetricRow
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
    no_gallery : str or None
        Why there is none though it was asked for.
    comparison : Comparison or None
    ectopy : Ectopy or None
    """

    run_id: str
    finished: str
    source: str
    where: str | None
    models: Mapping[str, int]
    model_facts: Mapping[str, str]
    class_names: Mapping[str, str]
    row_counts: RowCounts
    counts: Counts
    estimates: Sequence[MetricRow]
    draws: int
    seed: int
    groups: Mapping[str, Sequence[Group]]
    record: str | None
    records: int
    without_record: int
    worst: Sequence[Group]
    gallery: Sequence[WrongBeat]
    comparison: Comparison | None
    no_gallery: str | None = None
    ectopy: Ectopy | None = None

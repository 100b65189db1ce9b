"""Content of a report, made up: two records with all row_counts of errors."""

import numpy as np

from lstm_fcn.data.labels import CLASS_NAMES, CLASSES
from lstm_fcn.evaluation.comparison import differences, mcnemar
from lstm_fcn.evaluation.curves import CONFIDENCE_BINS, SCORE_BINS
from lstm_fcn.evaluation.estimates import Counts, Probabilities, estimate
from lstm_fcn.evaluation.metrics import confusion_rows
from lstm_fcn.evaluation.report.content import (
    Comparison,
    Content,
    Ectopy,
    Group,
    RecordSummary,
    RowCounts,
    Run,
    Strip,
    WrongBeat,
)


def counts(records: int = 3) -> Counts:
    rng = np.random.default_rng(0)
    confusion = rng.integers(0, 30, (records, 5, 5)) + np.diag([900, 60, 90, 20, 80])
    beats = confusion.sum(axis=(1, 2))
    scores = np.zeros((records, 5, SCORE_BINS, 2))
    confidence = np.zeros((records, CONFIDENCE_BINS, 3))
    for record in range(records):
        for class_ in range(5):
            positives = confusion[record, class_].sum()
            for is_of_class, count in ((1, positives), (0, beats[record] - positives)):
                bins = np.clip(rng.normal(400 + 250 * is_of_class, 120, count), 0, SCORE_BINS - 1).astype(int)
                np.add.at(scores, (record, class_, bins, is_of_class), 1)
        bins = np.minimum(rng.integers(30, 130, beats[record]), CONFIDENCE_BINS - 1)
        np.add.at(confidence, (record, bins), np.array([1, 0.8, 0.9]))
    return Counts(CLASSES, confusion, Probabilities(scores, rng.random((records, 5)) * 30, confidence))


def wrong_beats() -> list[WrongBeat]:
    rng = np.random.default_rng(1)
    series = rng.random(187).astype(np.float32)
    series[120:] = 0
    strip = Strip(np.arange(-144, 576) / 0.36, rng.normal(0, 0.4, 720), "mV")
    activation = rng.normal(0, 1, 187).astype(np.float32)
    key = {"record": "208", "sample": 12_345}
    return [
        WrongBeat(key, "F", "V", 0.998, series, 120.0, activation, strip),
        WrongBeat({"record": "s<b>1", "sample": 7}, "S", "N", 0.91, series, 120.0, activation),
        WrongBeat({"id": 3}, "V", "N", 0.8, series),
    ]


def summary(name: str, v: int) -> RecordSummary:
    of_class = {"burden": 0.25 * v, "beats": v, "couplets": 3, "runs": 2, "longest_run": v, "fastest_run": 151.6}
    figures = {f"v_{what}": value for what, value in of_class.items()} | {f"s_{what}": 0 for what in of_class}
    figures |= {"s_longest_run": None, "s_fastest_run": None, "bigeminy": 4, "pauses": 1, "beats": 1234, "unscored": 5}
    return RecordSummary(name, figures | {"hours": 24.0, "mean_rate": 71.2, "lowest_rate": None, "highest_rate": 140.0})


def ectopy() -> Ectopy:
    """Two records with V, one of them with a run, and none with S."""
    ms = np.arange(-1500, 8500, 1000 / 360)
    strip = Strip(ms, np.sin(ms / 100) + 0.2 * np.sin(ms / 900), "mV")
    classes = ["N", "N", *"VVVV", None, *"NNNSNN"]
    marks = [(-1400 + 700 * i, name) for i, name in enumerate(classes)]
    run = Run("a long name/<208>", "V", 4, 151.6, 3725.9, strip, marks)
    return Ectopy({"V": [summary("a long name/<208>", 40), summary("b", 8)], "S": []}, [run], has_recordings=True)


def content(**changes: object) -> Content:
    counted = counts()
    estimates = estimate(counted, 200, 0) + confusion_rows(counted.confusion.sum(axis=0), CLASSES)
    groups = [
        Group(f"g{i}", each, estimate(Counts(CLASSES, each[None]), 100, 0)) for i, each in enumerate(counted.confusion)
    ]
    joint = np.random.default_rng(2).integers(0, 40, (3, 5, 5, 5))
    comparison = Comparison(
        "out/other",
        joint.sum(axis=0),
        4,
        0,
        mcnemar(joint.sum(axis=0), CLASSES),
        differences(joint, CLASSES, 200, 0),
    )
    made = {
        "run_id": "20260101T000000Z-00000000",
        "finished": "2026-01-01T00:00:00+00:00",
        "source": "out/<scored>",
        "where": "split = 'test'",
        "models": {"mitbih@0123456789ab": 4000},
        "model_facts": {"Takes": "187 values at 120 Hz"},
        "class_names": CLASS_NAMES,
        "row_counts": RowCounts(4100, 4000, 60, {"the beat is NULL": 60}, {"9": 40}),
        "counts": counted,
        "estimates": estimates,
        "draws": 200,
        "seed": 0,
        "groups": {"split": groups},
        "record": "record",
        "records": 3,
        "without_record": 0,
        "worst": groups,
        "gallery": wrong_beats(),
        "comparison": comparison,
        "ectopy": ectopy(),
    }
    return Content(**{**made, **changes})

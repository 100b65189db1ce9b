"""What is said of a record, by sequences made by hand: a letter a beat, '-' for one that could not be scored."""

from itertools import accumulate

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.spark.scoring.record_summary import around_longest_runs, summarize_records

SCHEMA = (
    "record string, time_s double, predicted_class string, error string, probability array<double>, model string, "
    "run_id string"
)
RUNS = {
    "NVN": (0, 0, None),
    "NVVN": (1, 0, None),
    "VVNVV": (2, 0, None),
    "NVVVN": (0, 1, 3),
    "VVVVNVVV": (0, 2, 4),
    "NVV-VN": (1, 0, None),  # what could not be scored ends a run
    "NVFVN": (0, 0, None),
}
BIGEMINY = {"VNVNV": 1, "NVNVN": 0, "NVNVNVNNNVNVNV": 2, "VNVVNVN": 0, "VSVFVNNN": 1}
GAP, FAST, PAUSE, SHORT = "VVVV", "NVVVNSSSSN", "N" * 18, "N" * 8
INTERVALS = {
    GAP: [0.5, 11.0, 0.5],
    FAST: [0.3, 0.4, 0.4, 1.2, 0.3, 0.5, 0.6, 0.7, 1.0],
    PAUSE: [1.0] * 8 + [2.5] + [0.5] * 8,
}
MIXED, UNSCORED, TWICE = "NNSNVVNF-N", "----------", "VVV"
INTERVALS[TWICE] = [0.0, 0.0]
CLASSES = [UNSCORED, TWICE, *RUNS, *(each.replace("V", "S") for each in RUNS), *BIGEMINY, *INTERVALS, SHORT, MIXED]


def rows_of(classes: str) -> list[tuple[object, ...]]:
    times = accumulate(INTERVALS.get(classes, [0.5] * (len(classes) - 1)), initial=0.0)
    return [
        (classes, time, None if each == "-" else each, "flat" if each == "-" else None, [0.8, 0.2], "m@1", "r1")
        for time, each in zip(times, classes, strict=True)
    ]


@pytest.fixture(scope="module")
def found(spark: SparkSession) -> dict[str, Row]:
    """The summary of each sequence, as a record whose name is the sequence itself."""
    rows = [row for classes in CLASSES for row in rows_of(classes)]
    table = spark.createDataFrame(rows, SCHEMA).orderBy(F.rand(seed=1)).repartition(3)
    return {row["record"]: row for row in summarize_records(table, []).collect()}


def test_beats_are_counted_and_shared_out(found: dict[str, Row]):
    row = found[MIXED]
    assert (row.model, row.run_id) == ("m@1", "r1")
    assert (row.beats, row.unscored, row.s_beats, row.v_beats) == (10, 1, 1, 2)
    assert row.hours == pytest.approx(4.5 / 3600)
    assert row.s_burden == pytest.approx(100 / 9)
    assert row.v_burden == pytest.approx(200 / 9)
    assert row.unsure == 1.0
    assert row.mean_rate == pytest.approx(120)


def test_a_record_without_a_scored_beat_or_an_interval_has_no_shares_and_no_rates(found: dict[str, Row]):
    row = found[UNSCORED]
    assert (row.beats, row.unscored, row.v_beats) == (10, 10, 0)
    assert (row.v_burden, row.s_burden, row.unsure) == (None, None, None)
    assert (found[TWICE].mean_rate, found[TWICE].v_fastest_run, found[TWICE].v_runs) == (None, None, 1)


@pytest.mark.parametrize("classes", RUNS)
def test_couplets_and_runs(found: dict[str, Row], classes: str):
    row, other = found[classes], found[classes.replace("V", "S")]
    assert (row.v_couplets, row.v_runs, row.v_longest_run) == RUNS[classes]
    assert (other.s_couplets, other.s_runs, other.s_longest_run) == RUNS[classes]
    assert (other.v_couplets, other.v_runs, other.v_longest_run) == (0, 0, None)


def test_a_gap_ends_a_run_and_is_no_interval_and_no_pause(found: dict[str, Row]):
    row = found[GAP]
    assert (row.v_couplets, row.v_runs, row.pauses) == (2, 0, 0)
    assert row.mean_rate == pytest.approx(120)


def test_the_rate_of_a_run_is_from_the_intervals_within_it(found: dict[str, Row]):
    assert found[FAST].v_fastest_run == pytest.approx(150)
    assert found[FAST].s_fastest_run == pytest.approx(100)


@pytest.mark.parametrize("classes", BIGEMINY)
def test_bigeminy_is_every_second_beat_at_least_three_times(found: dict[str, Row], classes: str):
    assert found[classes].bigeminy == BIGEMINY[classes]


def test_pauses_and_rates_of_eight_intervals(found: dict[str, Row]):
    assert found[PAUSE].pauses == 1
    assert found[PAUSE].highest_rate == pytest.approx(120)
    assert found[PAUSE].lowest_rate == pytest.approx(60 * 8 / 9.5)
    assert found[SHORT].highest_rate is None


def test_each_record_of_each_partition_is_a_row_and_beats_without_a_record_are_left_out(spark: SparkSession):
    rows = [(day, record, float(i)) for day in "12" for record in ("a", "b", None) for i in range(3)]
    beats = spark.createDataFrame(rows, "day string, record string, time_s double").selectExpr(
        "*",
        "'N' AS predicted_class",
        "string(NULL) AS error",
        "array(1d) AS probability",
        "'m' AS model",
        "'r' AS run_id",
    )
    summary = summarize_records(beats, ["day"]).collect()
    assert {(row.day, row.record, row.beats) for row in summary} == {(d, r, 3) for d in "12" for r in "ab"}


def timed(spark: SparkSession, records: dict[str, tuple[str, list[float]]]) -> DataFrame:
    """Name of a record -> classes and times of its beats. The letter that a name begins with is the patient."""
    rows = [
        (name, time, None if each == "-" else each, "flat" if each == "-" else None, [1.0], "m", "r")
        for name, (classes, times) in records.items()
        for each, time in zip(classes, times, strict=True)
    ]
    table = spark.createDataFrame(rows, SCHEMA).withColumn("patient", F.left("record", F.lit(1)))
    return table.orderBy(F.rand(seed=1)).repartition(3)


OVER_THE_HOUR = {  # the fifth beat is the first of the next hour; of each hour: column -> value
    "NNNVVVVN": [
        {"v_beats": 1, "v_runs": 1, "v_longest_run": 4, "v_fastest_run": 120.0},
        {"v_beats": 3, "v_runs": 0, "v_longest_run": None, "v_fastest_run": None},
    ],
    "NNNSSNNN": [{"s_beats": 1, "s_couplets": 1}, {"s_beats": 1, "s_couplets": 0}],
    "NNVNVNVN": [{"v_beats": 1, "bigeminy": 1}, {"v_beats": 2, "bigeminy": 0}],
    "NNNN-NNN": [{"beats": 4, "unscored": 0, "hours": 1.5 / 3600}, {"beats": 4, "unscored": 1, "hours": 2 / 3600}],
}


def test_a_run_belongs_to_the_hour_in_which_it_begins_and_a_beat_to_its_own(spark: SparkSession):
    times = [3598 + 0.5 * i for i in range(8)]
    table = timed(spark, {classes: (classes, times) for classes in OVER_THE_HOUR})
    found = {(row["record"], row["hour"]): row for row in summarize_records(table, [], ["record", "hour"]).collect()}
    assert set(found) == {(classes, hour) for classes in OVER_THE_HOUR for hour in (0, 1)}
    for classes, hours in OVER_THE_HOUR.items():
        for hour, expected in enumerate(hours):
            assert {name: found[classes, hour][name] for name in expected} == pytest.approx(expected), (classes, hour)


def test_an_interval_belongs_to_the_hour_in_which_it_ends(spark: SparkSession):
    table = timed(spark, {"a": ("NNNN", [3598.0, 3599.0, 3602.0, 3 * 3600.0])})
    first, second, last = summarize_records(table, [], ["record", "hour"]).orderBy("hour").collect()
    assert [row["hour"] for row in (first, second, last)] == [0, 1, 3]
    assert [row["pauses"] for row in (first, second, last)] == [0, 1, 0]
    assert [first["mean_rate"], second["mean_rate"], last["mean_rate"]] == pytest.approx([60.0, 20.0, None])
    assert last["hours"] == pytest.approx(2 - 2 / 3600)  # a gap counts here alone


def test_records_of_a_patient_at_one_time_are_not_mixed(spark: SparkSession):
    times = [float(i) for i in range(4)]
    later = [time + 0.5 for time in times]
    table = timed(spark, {"p1": ("NVVN", times), "p2": ("NVVN", later), "q1": ("VVVN", [*times[:3], 6.0])})
    first, second = summarize_records(table, [], ["patient"]).orderBy("patient").collect()
    assert (first.patient, first.beats, first.v_couplets, first.v_runs, first.pauses) == ("p", 8, 2, 0, 0)
    assert (first.mean_rate, first.hours) == pytest.approx((60.0, 6 / 3600))
    assert (second.patient, second.v_runs, second.v_fastest_run, second.pauses) == ("q", 1, 60.0, 1)


ADDED_UP = [
    *("beats", "unscored", "hours", "bigeminy", "pauses"),
    *(f"{of}_{what}" for of in "sv" for what in ("beats", "couplets", "runs")),
]


@pytest.mark.parametrize(("finer", "coarser"), [(["record", "hour"], ["record"]), (["record", "patient"], ["patient"])])
def test_what_adds_up_is_the_same_however_it_is_shared_out(spark: SparkSession, finer: list[str], coarser: list[str]):
    rng = np.random.default_rng(0)
    records = {}
    for name in ("a1", "a2", "b1"):
        intervals = rng.choice([0.5, 0.8, 2.5, 40.0], 2999, p=[0.5, 0.4, 0.09, 0.01]).tolist()
        classes = rng.choice(list("NSVF-"), 3000, p=[0.3, 0.2, 0.4, 0.05, 0.05])
        records[name] = ("".join(classes), list(accumulate(intervals, initial=1.0)))
    table = timed(spark, records)
    parts, whole = (summarize_records(table, [], by).toPandas() for by in (finer, coarser))
    assert len(parts) > len(whole)
    expected = whole.set_index(coarser)[ADDED_UP].sort_index()
    assert (expected > 0).all(axis=None)
    pd.testing.assert_frame_equal(parts.groupby(coarser)[ADDED_UP].sum(), expected)


def test_the_model_of_a_row_is_that_of_its_last_run(spark: SparkSession):
    table = timed(spark, {"a1": ("N", [0.0]), "a2": ("N", [0.0]), "a3": ("N", [0.0])})
    runs = table.withColumns({"run_id": F.translate("record", "a", "r"), "model": F.translate("record", "123", "zyx")})
    (row,) = summarize_records(runs, [], ["patient"]).collect()
    assert (row.model, row.run_id) == ("ax", "r3")


def test_the_beats_around_the_first_beat_of_the_longest_run_are_found(spark: SparkSession):
    classes = "NVVVNN-NVVVVNNVVVVN"
    rows = [("a", 10 * i, "II", 0.5 * i, each if each != "-" else None) for i, each in enumerate(classes)]
    rows += [("b", 10 * i, "II", 0.5 * i, each) for i, each in enumerate("NVVNSSSN")]
    schema = "record string, sample long, lead string, time_s double, predicted_class string"
    table = spark.createDataFrame(rows, schema).selectExpr(
        "*", "IF(predicted_class IS NULL, 'flat', NULL) AS error", "array(1d) AS probability"
    )
    found = around_longest_runs(table, [], "V", before=1.0, after=2.5).orderBy("time_s").collect()
    assert [row["class"] for row in found] == [None, *"NVVVVNN"[:7]]
    assert {(row["record"], row["begins_at"], row["beats"], row["rate"], row["lead"]) for row in found} == {
        ("a", 4.0, 4, 120.0, "II")
    }
    assert [row["sample"] for row in found] == list(range(60, 140, 10))

"""What is said of a record, by sequences made by hand: a letter a beat, '-' for one that could not be scored."""

from itertools import accumulate

import pytest
from pyspark.sql import Row, SparkSession
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

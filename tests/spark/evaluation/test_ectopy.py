"""The records with the most S and V beats in the report, and the strips of their longest runs."""

import html
import re
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

RUN, COUPLETS, SVT = "NNVVVVNNNN", "NVVNVVNSNN", "NSSSNNNNNN"


def predictions(sequences: dict[str, str], interval: float = 0.8) -> pd.DataFrame:
    """Predictions by hand: a letter a beat."""
    rows = [
        (record, round(360 * interval * (i + 1)), "NSVFQ".index(each), interval * (i + 1))
        for record, classes in sequences.items()
        for i, each in enumerate(classes)
    ]
    frame = pd.DataFrame(rows, columns=["record", "sample", "prediction", "time_s"])
    probability = [[float(i == prediction) for i in range(5)] for prediction in frame["prediction"]]
    split = [f"s{i % 2}" for i in range(len(frame))]
    return frame.assign(label=frame["prediction"], probability=probability, split=split, error=None)


@pytest.fixture
def rows() -> pd.DataFrame:
    return predictions({"s01": RUN, "s02": COUPLETS, "s03": SVT})


def report(folder: Path) -> str:
    page = (folder / "evaluated" / "report.html").read_text()
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<(?!img)[^>]+>", " ", page)))


def test_records_are_listed_by_burden_and_runs_are_drawn_from_their_recordings(
    rows: pd.DataFrame, save, evaluation, spark: SparkSession, records: Path, tmp_path: Path
):
    label = rows["label"].astype(object).where(rows["sample"] != 1152, None)  # a beat within the run has none
    source = save(rows.assign(label=label))
    series = spark.read.parquet(str(source)).selectExpr("record", "sample", "array(0f, 1f) AS beat")
    series.write.parquet(str(tmp_path / "beats"))
    evaluation(source, "--beats", tmp_path / "beats", "--records", records)
    page = report(tmp_path)
    first, second = page.split("Most V")[1].split("Most S")
    assert first.index("s01 40.00 % 4 beats 0 1 4 beats") < first.index("s02 40.00 % 4 beats 2 0 \N{EN DASH}")
    assert "s03" not in first
    assert "ECG of record s01 at its longest run of V. Predicted: N V V V V N N N N." in first
    assert "Record s01: the longest run of V begins 0:00:02" in first
    assert "ECG of record s02" not in first
    assert "ECG of record s03 at its longest run of S. Predicted: N S S S N" in second


def test_without_recordings_there_are_no_strips_and_the_page_says_so(rows, save, evaluation, tmp_path: Path):
    evaluation(save(rows), "--where", "record != 's02'")
    page = report(tmp_path)
    assert "s01 40.00 %" in page
    assert "s02" not in page.split("most V and S beats")[1]
    assert "There are no strips of the ECG" in page


@pytest.mark.parametrize(
    ("change", "arguments", "why"),
    [
        (lambda rows: rows.drop(columns="time_s"), (), "the table of beats has no column time_s"),
        (lambda rows: rows, ("--where", "split = 's1'"), "--where selects some beats of a record and not all"),
        (lambda rows: rows.assign(time_s=5 * rows["time_s"]), (), "no record with its beats has one"),
    ],
)
def test_what_is_no_whole_record_has_no_section(
    rows, save, evaluation, tmp_path: Path, caplog: pytest.LogCaptureFixture, change, arguments, why
):
    with caplog.at_level("INFO"):
        evaluation(save(change(rows)), *arguments)
    assert f"stage=records not summarized: {why}" in caplog.text
    assert "most V and S beats" not in report(tmp_path)


def test_a_record_of_two_partitions_is_two(rows, save, evaluation, spark: SparkSession, tmp_path: Path):
    whole = spark.read.parquet(str(save(rows)))
    both = whole.selectExpr("*", "explode(array('d1', 'd2')) AS day")
    both.write.partitionBy("day").saveAsTable("default.of_two_days")
    evaluation("default.of_two_days", "--where", "day IN ('d1', 'd2')")
    page = report(tmp_path)
    assert "s01, day d1 40.00 % 4 beats 0 1 4 beats" in page
    assert "s01, day d2 40.00 %" in page

"""How far a run is, said while it scores."""

import re
import threading
import time

import pytest
from pyspark.sql import SparkSession

from lstm_fcn.data.beats import Beats
from lstm_fcn.model.file import Model
from lstm_fcn.spark.scoring.progress import log_progress
from lstm_fcn.spark.udf import score

LINE = re.compile(r"stage=score run_id=r1 done=(\d+) rows=200 beats_per_s=\d+ seconds_left=(\d+|unknown)")
GROUP = "spark.jobGroup.id"


@pytest.mark.parametrize("group", [None, "a notebook's"])
def test_beats_are_counted_as_tasks_end_and_the_log_says_how_many(
    spark: SparkSession, model: Model, beats: Beats, caplog: pytest.LogCaptureFixture, group: str | None
):
    rows = spark.sparkContext.parallelize([(each.tolist(),) for each in beats.series], 8)
    scored = spark.createDataFrame(rows, "beat array<float>").transform(score, model)
    spark.range(100).repartition(5).count()  # tasks of others do not count
    spark.sparkContext.setLocalProperty(GROUP, group)
    try:
        with caplog.at_level("INFO"), log_progress(spark, len(beats), "r1", seconds=0.02):
            assert len(scored.collect()) == len(beats)
        assert spark.sparkContext.getLocalProperty(GROUP) == group
    finally:
        spark.sparkContext.setLocalProperty(GROUP, None)
    found = [int(match[1]) for record in caplog.records if (match := LINE.fullmatch(record.message))]
    assert found == sorted(found)
    assert len(set(found)) > 2
    assert found[-1] <= len(beats)


def test_nothing_more_is_said_after_the_end(spark: SparkSession, caplog: pytest.LogCaptureFixture):
    threads = set(threading.enumerate())
    with caplog.at_level("INFO", "lstm_fcn"), log_progress(spark, 10, "r1", seconds=0.001):
        time.sleep(0.1)
    said = len(caplog.records)
    assert said > 0
    assert set(threading.enumerate()) <= threads
    assert len(caplog.records) == said

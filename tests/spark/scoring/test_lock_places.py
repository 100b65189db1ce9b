"""The lock that is a table."""

import threading
import time
from collections.abc import Iterator

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from lstm_fcn.errors import BusyError
from lstm_fcn.spark.scoring.lock import hold
from lstm_fcn.spark.scoring.lock_places import LockTable

pytestmark = pytest.mark.both_sparks

_BUSY_SECONDS = 8


@pytest.fixture
def place(spark: SparkSession) -> Iterator[LockTable]:
    place = LockTable(spark, "default.some_lock", "parquet")
    yield place
    place.clear()


def test_one_holds_it_and_the_others_read_who(place: LockTable):
    assert place.read() is None
    assert place.create("it's \\ mine")
    assert not place.create("no, mine")
    assert place.read() == "it's \\ mine"
    place.renew('{"renewed": 2}')
    assert place.read() == '{"renewed": 2}'
    place.clear()
    assert place.read() is None


def test_a_second_run_reads_which_table_to_drop(place: LockTable):
    with (
        hold(place, "first"),
        pytest.raises(BusyError, match=r"run first .* DROP TABLE default\.some_lock"),
        hold(place, "second"),
    ):
        pass
    assert place.read() is None


def test_a_sign_of_life_does_not_wait_for_the_tasks_that_score(spark: SparkSession, place: LockTable):
    def sleep_in_task(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            time.sleep(_BUSY_SECONDS)
            yield batch

    place.create("0")
    busy = spark.range(4, numPartitions=2).mapInPandas(sleep_in_task, "id long")
    scoring = threading.Thread(target=busy.collect)
    scoring.start()
    time.sleep(2)
    began = time.monotonic()
    place.renew("1")
    assert place.read() == "1"
    took = time.monotonic() - began
    assert scoring.is_alive()
    assert took < _BUSY_SECONDS / 2
    scoring.join()

"""The scoring function on a stream of a table that grows."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_fcn.data.beats import Beats
from lstm_fcn.spark import score
from tests.spark.formats.conftest import Kind, Night, named, sites_and_days

pytestmark = pytest.mark.both_sparks


@pytest.mark.parametrize("kind", ["delta", "iceberg"])
def test_each_new_row_is_scored_once(
    kind: str, open_night: Callable[[Kind], Night], source: Callable[..., str], beats: Beats, tmp_path: Path
):
    night, name = open_night(named(kind)), source(kind, {"d1": 3})
    night.spark.table(name).transform(score, str(night.model)).limit(0).writeTo(night.place.output).using(kind).create()

    def run() -> list[int]:
        new = night.spark.readStream.table(name).transform(score, str(night.model))
        stream = new.writeStream.format(kind).option("checkpointLocation", str(tmp_path / "checkpoint"))
        stream.trigger(availableNow=True).toTable(night.place.output).awaitTermination()
        return night.ids("prediction IS NOT NULL")

    assert run() == [100, 101, 102]
    sites_and_days(night.spark, beats, d2=2).write.insertInto(name)
    assert run() == [100, 101, 102, 200, 201]
    assert run() == [100, 101, 102, 200, 201]

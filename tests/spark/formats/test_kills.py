"""Runs that are killed lose nothing and double nothing, and the next one finishes or drops what they left."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql.readwriter import DataFrameWriterV2

from lstm_fcn.spark.scoring.folder_output import FolderOutput
from lstm_fcn.spark.scoring.iceberg import IcebergTable
from lstm_fcn.spark.scoring.manifest import Manifest
from lstm_fcn.spark.scoring.table_output import TableOutput
from tests.spark.formats.conftest import BY_DAY, KINDS, Kind, Night, each, named

Open = Callable[[Kind], Night]
Write = Callable[..., Path]
nightly = pytest.mark.nightly


Output = FolderOutput | TableOutput


class Killed(BaseException):
    """Stands for the end of the process: nothing but `finally` runs after it."""


def output_of(kind: Kind) -> type[Output]:
    return FolderOutput if kind.format is None else TableOutput


@pytest.mark.parametrize("kind", each(KINDS))
def test_what_a_run_staged_before_it_was_killed_is_dropped_by_the_next(
    kind: Kind, open_night: Open, write_sites: Write, monkeypatch: pytest.MonkeyPatch
):
    night = open_night(kind)
    night.make()
    beats = write_sites(d1=2)
    night.score(beats, *BY_DAY)
    before = night.runs()

    def die(_: Output, __: Manifest) -> None:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(output_of(kind), "publish", die)
        night.score(beats, *BY_DAY)
    assert night.runs() == before
    assert len(night.left_over()) == 1
    assert "stage=recover" not in night.score(beats, *BY_DAY)
    assert night.ids() == [100, 101]
    assert night.left_over() == []


def each_step() -> list[Any]:
    """The kinds, the step in which they are killed, and whether it is done then: two every day, the others at night."""
    every_day = {("delta", "replace", "after"), ("iceberg_hidden", "replace", "before")}
    cells = itertools.product(KINDS, (("replace", "before"), ("replace", "after"), ("metrics", "after")))
    return [
        pytest.param(
            kind, *how, id="-".join((kind.name, *how)), marks=() if (kind.name, *how) in every_day else nightly
        )
        for kind, how in cells
    ]


@pytest.mark.parametrize(("kind", "step", "moment"), each_step())
def test_a_run_that_is_killed_while_it_publishes_loses_and_doubles_nothing(
    kind: Kind, step: str, moment: str, open_night: Open, write_sites: Write, monkeypatch: pytest.MonkeyPatch
):
    night, output = open_night(kind), output_of(kind)
    method = {"replace": "_move" if output is FolderOutput else "_replace", "metrics": "_add_metrics"}[step]
    original = getattr(output, method)
    night.make()
    beats = write_sites(d1=4, d2=3)
    night.score(beats, *BY_DAY)

    def die(self: Output, manifest: Manifest, **how: bool) -> None:
        if moment == "after":
            original(self, manifest, **how)
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(output, method, die)
        night.score(beats, *BY_DAY)
    log = night.score(beats, *BY_DAY, "--where", "day = date'2026-01-02'")
    killed = night.place.manifests()[-2]
    assert f"finished what run {killed.run_id} had begun" in log
    assert night.runs()["2026-01-01"] == killed.run_id
    assert night.ids() == [100, 101, 102, 103, 200, 201, 202]
    assert night.left_over() == []
    metrics = night.place.metrics().groupBy("run_id", "class", "metric").count()
    assert metrics.where("count > 1").count() == 0


def test_a_run_that_is_killed_between_two_statements_on_its_branch_is_finished(
    open_night: Open, write_sites: Write, monkeypatch: pytest.MonkeyPatch
):
    night = open_night(named("iceberg"))
    beats = write_sites(d1=4)
    night.score(beats)

    def die(_: DataFrameWriterV2) -> None:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(DataFrameWriterV2, "append", die)  # after the delete
        patched.setattr(IcebergTable, "_drop", lambda *_: None)  # which is what `finally` does
        night.score(beats)
    assert night.ids() == [100, 101, 102, 103]
    assert len(night.left_over()) == 2  # its branch and its staging
    night.score(beats)
    assert night.ids() == [100, 101, 102, 103]
    assert night.left_over() == []

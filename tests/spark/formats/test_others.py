"""Others write too: at the same time as a run, and a second run beside the first."""

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import DataFrame
from pyspark.sql.readwriter import DataFrameWriterV2

from lstm_fcn.spark.scoring.delta import DeltaTable
from lstm_fcn.spark.scoring.manifest import Manifest
from lstm_fcn.spark.scoring.table_output import TableOutput
from tests.spark.formats.conftest import BY_DAY, Kind, Night, named

Open = Callable[[Kind], Night]
Write = Callable[..., Path]
Meet = Callable[[Night, Iterator[str]], None]
nightly = pytest.mark.nightly


@nightly
def test_a_writer_at_the_same_time_is_waited_for_and_loses_nothing_on_iceberg(
    open_night: Open, write_sites: Write, monkeypatch: pytest.MonkeyPatch
):
    night = open_night(named("iceberg"))
    night.score(write_sites(d1=4, d2=3), *BY_DAY)
    append, others = DataFrameWriterV2.append, [1]

    def append_before_another(self: DataFrameWriterV2) -> None:
        append(self)  # the rows of the run, on its branch
        if others:
            copied = night.spark.table(night.place.output).where("id = 100").columns[1:]
            text = f"INSERT INTO {night.place.output} SELECT {900 + others.pop()}, {', '.join(copied)}"
            night.spark.sql(f"{text} FROM {night.place.output} WHERE id = 100")

    monkeypatch.setattr(DataFrameWriterV2, "append", append_before_another)
    monkeypatch.setattr("lstm_fcn.spark.scoring.conflicts._PAUSES", (0.0, 0.0))
    log = night.score(write_sites(d2=2), *BY_DAY, "--where", "day = date'2026-01-02'")
    assert "another has written to" in log
    assert night.ids() == [100, 101, 102, 103, 200, 201, 901]
    others.extend([2, 3, 4])
    error = night.score(write_sites(d2=3), *BY_DAY, "--where", "day = date'2026-01-02'", code=3)
    assert "error: others kept writing to" in error
    assert night.left_over() == []
    assert night.ids() == [100, 101, 102, 103, 200, 201, 901, 902, 903, 904]


WHAT_OTHERS_DO = {
    "rows": ("DELETE FROM {} WHERE id IN (101, 201)", [101]),
    "constraint": ("ALTER TABLE {} ADD CONSTRAINT known CHECK (id > 0)", []),
}


@pytest.fixture
def meet_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Meet]:
    """Let another run its next statement, as long as it has one, while rows go into the table of a night of Delta."""
    begun, stop, replace, writers = tmp_path / "begun", threading.Event(), DeltaTable.replace, []

    def wait_for_other(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        begun.touch()
        until = time.monotonic() + 60
        while begun.exists() and time.monotonic() < until:
            time.sleep(0.1)
        yield from batches

    def replace_slowly(self: DeltaTable, rows: DataFrame, manifest: Manifest) -> None:
        replace(self, rows.mapInPandas(wait_for_other, rows.schema), manifest)

    def start(night: Night, statements: Iterator[str]) -> None:
        def other() -> None:
            while not stop.wait(0.1):
                if begun.exists():
                    for statement in itertools.islice(statements, 1):
                        night.spark.sql(statement.format(night.place.output))
                    begun.unlink()

        writers.append(threading.Thread(target=other))
        writers[0].start()
        monkeypatch.setattr(DeltaTable, "replace", replace_slowly)
        monkeypatch.setattr("lstm_fcn.spark.scoring.conflicts._PAUSES", (0.0, 0.0))

    yield start
    stop.set()
    for writer in writers:
        writer.join()


@pytest.mark.both_sparks
@pytest.mark.parametrize("what", ["rows", pytest.param("constraint", marks=nightly)])
def test_a_writer_at_the_same_time_is_waited_for_and_loses_nothing_on_delta(
    what: str, open_night: Open, write_sites: Write, meet_another: Meet
):
    night = open_night(named("delta"))
    statement, deleted = WHAT_OTHERS_DO[what]
    night.score(write_sites(d1=4, d2=3), *BY_DAY, "--table-format", "delta")
    meet_another(night, iter([statement]))
    log = night.score(write_sites(d2=2), *BY_DAY, "--where", "day = date'2026-01-02'")
    assert "another has written to" in log
    assert night.ids() == [each for each in (100, 101, 102, 103, 200, 201) if each not in deleted]


@nightly
def test_writers_that_do_not_stop_are_a_failed_run_on_delta(open_night: Open, write_sites: Write, meet_another: Meet):
    night = open_night(named("delta"))
    night.score(write_sites(d1=4, d2=3), *BY_DAY, "--table-format", "delta")
    before = night.runs()
    meet_another(night, itertools.repeat("UPDATE {} SET label = 1"))
    error = night.score(write_sites(d2=2), *BY_DAY, "--where", "day = date'2026-01-02'", code=3)
    assert "error: others kept writing to" in error
    assert "3 commits of this run" in error
    assert night.place.manifests()[-1].status == "failed"
    assert night.runs() == before
    assert night.ids("label = 1") == [100, 101, 102, 103, 200, 201, 202]
    assert night.left_over() == []


@pytest.mark.parametrize(
    "kind", [pytest.param(named("delta"), id="delta"), pytest.param(named("iceberg"), id="iceberg")]
)
def test_a_second_run_is_refused_as_long_as_the_first_one_gives_signs_of_life(
    kind: Kind, open_night: Open, write_sites: Write, monkeypatch: pytest.MonkeyPatch
):
    night, stage = open_night(kind), TableOutput.stage
    night.make()
    beats, errors = write_sites(d1=2), []

    def stage_beside_another(self: TableOutput, predictions: DataFrame, run_id: str) -> DataFrame:
        monkeypatch.setattr(TableOutput, "stage", stage)  # of the other
        until = time.monotonic() + 60
        while '"renewed"' not in (text := self.lock.read() or "") or is_first_sign(text):
            assert time.monotonic() < until, text
            time.sleep(0.1)
        errors.append(night.score(beats, code=6))
        return stage(self, predictions, run_id)

    def is_first_sign(text: str) -> bool:
        holder = json.loads(text)
        return bool(holder["renewed"] == holder["started"])

    monkeypatch.setattr("lstm_fcn.spark.scoring.lock._RENEW_SECONDS", 0.5)
    monkeypatch.setattr(TableOutput, "stage", stage_beside_another)
    log = night.score(beats)
    run_id = night.place.manifests()[-1].run_id
    assert f"error: run {run_id} (host" in errors[0]
    assert f"DROP TABLE {night.place.output}_lock" in errors[0]
    assert "stage=lock" not in log
    assert night.ids() == [100, 101]
    assert night.left_over() == []

"""What every kind of output promises: a folder, a table of files, Delta and Iceberg, however they are laid out."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import DataFrame
from pyspark.sql.readwriter import DataFrameWriterV2

from lstm_fcn.spark.catalog import describe_table
from lstm_fcn.spark.scoring.delta import DeltaTable
from lstm_fcn.spark.scoring.iceberg import IcebergTable
from lstm_fcn.spark.scoring.manifest import Manifest
from lstm_fcn.spark.scoring.table_output import TableOutput
from lstm_fcn.spark.tables import table_name
from tests.spark.formats.conftest import KINDS, TRANSACTIONAL, Kind, Night, each, named

BY_DAY = ("--partition-by", "day")
Open = Callable[[Kind], Night]
Write = Callable[..., Path]
each_kind = pytest.mark.parametrize("kind", each(KINDS))
nightly = pytest.mark.nightly


class Killed(BaseException):
    """Stands for the end of the process: nothing but `finally` runs after it."""


@each_kind
def test_only_the_values_that_are_scored_again_are_replaced(kind: Kind, open_night: Open, write_sites: Write):
    night = open_night(kind)
    night.make()
    night.score(write_sites(d1=4, d2=3, d3=2), *BY_DAY)
    first = night.runs()
    assert sorted(first) == ["2026-01-01", "2026-01-02", "2026-01-03"]
    night.score(write_sites(d1=2, d2=5), *BY_DAY, "--where", "day > date'2026-01-01'")
    second = night.runs()
    assert second["2026-01-01"] == first["2026-01-01"]
    assert second["2026-01-02"] != first["2026-01-02"]
    assert sorted(second) == ["2026-01-01", "2026-01-02"]  # the input has no rows of the third day any more
    assert night.ids() == [100, 101, 102, 103, 200, 201, 202, 203, 204]


@pytest.mark.parametrize("kind", each(TRANSACTIONAL))
def test_any_condition_replaces_the_rows_that_fulfil_it(kind: Kind, open_night: Open, write_sites: Write):
    night = open_night(kind)
    night.make()
    night.score(write_sites(d1=4, d2=3))
    first = night.runs("id")
    night.score(write_sites(d1=1, d2=6), "--where", "site = 'B' AND day < date'2026-01-03'")
    second = night.runs("id")
    assert night.ids("site = 'A'") == [100, 102, 200, 202]
    assert night.ids("site = 'B'") == [201, 203, 205]
    assert all(second[key] == first[key] for key in ("100", "102", "200", "202"))
    assert not {second[key] for key in ("201", "203", "205")} & set(first.values())


@pytest.mark.parametrize(
    ("name", "by"),
    [
        pytest.param("iceberg", "record", marks=nightly),
        ("iceberg", "patient"),
        pytest.param("delta", "record", marks=nightly),
        pytest.param("delta", "patient", marks=nightly),
    ],
)
def test_the_summary_of_the_records_follows_the_rows_whatever_they_are_replaced_by(
    name: str, by: str, open_night: Open, write_sites: Write, tmp_path: Path
):
    night, format_ = open_night(named(name)), ("--table-format", "delta") if name == "delta" else ()
    by_setting = ("--summary-by", by)
    record = {"record": "site", "patient": "concat(site, day)"}[by]

    def with_records(**days: int) -> Path:
        rows = night.spark.read.parquet(str(write_sites(**days)))
        path = tmp_path / f"records_{sum(days.values())}"
        rows.selectExpr("*", f"{record} AS record", "site AS patient", "double(id) AS time_s").write.parquet(str(path))
        return path

    def records() -> list[tuple[str, int]]:
        found = night.spark.table(f"{night.place.output}_records").select(by, "beats").collect()
        return sorted(tuple(row) for row in found)

    night.score(with_records(d1=4, d2=3), *by_setting, *format_)
    assert records() == [("A", 4), ("B", 3)]
    night.score(with_records(d1=1, d2=8), *by_setting, "--where", "site = 'B' AND day > date'2026-01-01'")
    assert records() == [("A", 4), ("B", 6)]
    assert len(night.ids()) == 10
    error = night.score(with_records(d1=1), "--summary-by", "record,hour", code=2)
    assert f"_records has a row for each {by}; with this --summary-by it would be for each record, hour" in error
    night.score(with_records(d1=2), *by_setting)
    assert records() == [("A", 1), ("B", 1)]


@pytest.mark.parametrize("name", ["folder", "files"])
def test_files_refuse_a_condition_that_is_not_of_partitions_before_anything_is_scored(
    name: str, open_night: Open, write_sites: Write
):
    night, by = open_night(named(name)), BY_DAY if name == "files" else ()
    beats = write_sites(d1=4)
    night.score(beats, *by)
    error = night.score(beats, *by, "--where", "site = 'B'", code=2)
    assert "stage=score" not in error
    assert "Delta or Iceberg can replace rows by any condition" in error or "one with --partition-by" in error
    assert night.ids() == [100, 101, 102, 103]


def test_a_condition_on_a_column_that_the_results_do_not_have_is_refused(open_night: Open, write_sites: Write):
    night = open_night(named("delta"))
    error = night.score(write_sites(d1=1), "--table-format", "delta", "--where", "size(beat) > 3", code=2)
    assert "only use the columns that are carried along (id, site, label, day)" in error


@pytest.mark.both_sparks
@pytest.mark.parametrize(
    "name", [pytest.param("files", marks=nightly), pytest.param("delta", marks=nightly), "iceberg"]
)
def test_a_new_table_and_those_beside_it_get_one_format_whatever_the_sessions_default_becomes(
    name: str, open_night: Open, write_sites: Write, monkeypatch: pytest.MonkeyPatch
):
    night, beats = open_night(named(name)), write_sites(d1=2)
    asked = ("--table-format", "delta") if name == "delta" else ()  # the session's default is parquet
    night.score(beats, *BY_DAY, *asked)
    night.spark.conf.set("spark.sql.sources.default", "delta" if name == "iceberg" else "orc")
    try:
        night.score(beats)
    finally:
        night.spark.conf.unset("spark.sql.sources.default")
    for end in ("", "_metrics", "_runs"):
        found = table_name(night.place.output + end)
        assert found is not None
        assert describe_table(night.spark, found).provider == night.kind.format
    described = {
        row["col_name"]: row for row in night.spark.sql(f"DESCRIBE TABLE EXTENDED {night.place.output}").collect()
    }
    assert described["run_id"]["comment"] == "the run that scored this beat"
    assert described["id"]["comment"] is None
    assert "lstm-fcn small@" in described["Comment"]["data_type"]
    assert night.ids() == [100, 101]
    assert night.left_over() == []


def test_a_format_that_the_catalog_does_not_make_is_refused(open_night: Open, write_sites: Write):
    iceberg, beats = open_night(named("iceberg")), write_sites(d1=1)
    assert "makes tables of Iceberg" in iceberg.score(beats, "--table-format", "delta", code=2)
    files = open_night(named("files"))
    assert "expected --output" in files.score(beats, *BY_DAY, "--table-format", "jdbc", code=2)
    files.make()
    assert "is a table of parquet, found" in files.score(beats, "--table-format", "orc", code=2)


@pytest.mark.parametrize(
    "name", [pytest.param("files", marks=nightly), "delta", pytest.param("iceberg", marks=nightly)]
)
def test_a_column_that_the_input_has_gained_is_refused_or_added_where_that_is_asked_for(
    name: str, open_night: Open, write_sites: Write, tmp_path: Path
):
    night = open_night(named(name))
    night.make()
    night.score(write_sites(d1=2), *BY_DAY)
    wider = tmp_path / "wider"
    night.spark.read.parquet(str(write_sites(d2=2))).selectExpr("*", "'left' AS side").write.parquet(str(wider))
    where = "day = date'2026-01-02'"
    error = night.score(wider, *BY_DAY, "--where", where, code=3)
    assert "side string" in error
    assert "--merge-schema" in error
    assert "stage=score" not in error
    night.score(wider, *BY_DAY, "--where", where, "--merge-schema")
    sides = {row["id"]: row["side"] for row in night.place.predictions().collect()}
    assert sides == {100: None, 101: None, 200: "left", 201: "left"}


REFUSALS = {
    "files": ("varchar(1)", "'long'", "length"),
    "delta": ("string", "'X'", "CHECK constraint no_x"),
    "delta_partitioned": ("string NOT NULL", "nullif(site, 'B')", "NOT NULL constraint violated for column: site"),
    "iceberg": ("string NOT NULL", "nullif(site, 'B')", "NULL value appeared in non-nullable field"),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name == "delta" else nightly) for name in REFUSALS])
def test_a_table_that_refuses_rows_is_a_failed_run_and_the_next_one_works(
    name: str, open_night: Open, write_sites: Write
):
    night, (kind, site, words) = open_night(named(name)), REFUSALS[name]
    night.make(site=kind)
    if name == "delta":
        night.spark.sql(f"ALTER TABLE {night.place.output} ADD CONSTRAINT no_x CHECK (site <> 'X')")
    night.score(write_sites(d1=4), *BY_DAY)
    before = night.runs()
    error = night.score(write_sites(site, d1=3, d2=3), *BY_DAY, code=3)
    refusal = next(line for line in error.splitlines() if line.startswith("error: "))
    assert words in refusal
    assert "Nothing was replaced" in refusal
    assert "\tat " not in error
    assert night.runs() == before
    assert night.left_over() == []
    failed = night.place.manifests()[-1]
    assert failed.status == "failed"
    assert failed.reason is not None
    assert words in failed.reason
    night.score(write_sites(d2=3), *BY_DAY, "--where", "day = date'2026-01-02'")
    assert night.ids() == [100, 101, 102, 103, 200, 201, 202]


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


@pytest.mark.both_sparks
@pytest.mark.parametrize("what", ["rows", pytest.param("constraint", marks=nightly)])
def test_a_writer_at_the_same_time_is_waited_for_and_loses_nothing_on_delta(
    what: str, open_night: Open, write_sites: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    night = open_night(named("delta"))
    statement, deleted = WHAT_OTHERS_DO[what]
    night.score(write_sites(d1=4, d2=3), *BY_DAY, "--table-format", "delta")
    begun, done, replace = tmp_path / "begun", tmp_path / "done", DeltaTable.replace

    def wait_for_other(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        begun.touch()
        until = time.monotonic() + 60
        while not done.exists() and time.monotonic() < until:
            time.sleep(0.1)
        yield from batches

    def other() -> None:
        until = time.monotonic() + 120
        while not begun.exists() and time.monotonic() < until:
            time.sleep(0.1)
        night.spark.sql(statement.format(night.place.output))
        done.touch()

    def replace_slowly(self: DeltaTable, rows: DataFrame, manifest: Manifest) -> None:
        replace(self, rows.mapInPandas(wait_for_other, rows.schema), manifest)

    monkeypatch.setattr(DeltaTable, "replace", replace_slowly)
    monkeypatch.setattr("lstm_fcn.spark.scoring.conflicts._PAUSES", (0.0, 0.0))
    writer = threading.Thread(target=other)
    writer.start()
    log = night.score(write_sites(d2=2), *BY_DAY, "--where", "day = date'2026-01-02'")
    writer.join()
    assert "another has written to" in log
    assert night.ids() == [each for each in (100, 101, 102, 103, 200, 201) if each not in deleted]


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


@pytest.mark.parametrize("kind", each(TRANSACTIONAL))
def test_an_incremental_run_scores_what_is_new_and_what_the_results_have_lost(
    kind: Kind, open_night: Open, write_sites: Write
):
    night = open_night(kind)
    night.make()

    def score(**days: int) -> str:
        return night.score(write_sites(**days), *BY_DAY, "--incremental")

    score(d1=4, d2=3)
    first = night.runs()
    assert "nothing is new" in score(d1=4, d2=3)
    night.spark.sql(f"DELETE FROM {night.place.output} WHERE day = date'2026-01-02'")  # noqa: S608
    score(d1=4, d2=3, d3=2)
    second = night.runs()
    assert second == {**first, "2026-01-02": second["2026-01-02"], "2026-01-03": second["2026-01-02"]}
    assert second["2026-01-02"] != first["2026-01-02"]
    score(d2=3, d3=2)
    assert night.runs() == {day: run for day, run in second.items() if day != "2026-01-01"}
    assert night.ids() == [200, 201, 202, 300, 301]


@pytest.mark.parametrize("name", ["iceberg_hidden", pytest.param("delta", marks=nightly)])
def test_what_a_run_wrote_beside_the_table_before_it_was_killed_is_dropped_by_the_next(
    name: str, open_night: Open, write_sites: Write, monkeypatch: pytest.MonkeyPatch
):
    night = open_night(named(name))
    night.make()
    beats = write_sites(d1=2)
    night.score(beats, *BY_DAY)
    before = night.runs()

    def die(_: TableOutput, __: Manifest) -> None:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(TableOutput, "publish", die)
        night.score(beats, *BY_DAY)
    assert night.runs() == before
    assert len(night.left_over()) == 1
    assert "stage=recover" not in night.score(beats, *BY_DAY)
    assert night.ids() == [100, 101]
    assert night.left_over() == []


_EVERY_DAY = {("delta", "_replace", True), ("iceberg_hidden", "_replace", False)}


@pytest.mark.parametrize(
    ("name", "method", "after"),
    [
        pytest.param(*each, marks=() if each in _EVERY_DAY else nightly)
        for name in ("delta", "iceberg_hidden")
        for each in ((name, "_replace", False), (name, "_replace", True), (name, "_add_metrics", True))
    ],
)
def test_a_run_that_is_killed_while_it_publishes_loses_and_doubles_nothing(
    name: str, method: str, after: bool, open_night: Open, write_sites: Write, monkeypatch: pytest.MonkeyPatch
):
    night, original = open_night(named(name)), getattr(TableOutput, method)
    night.make()
    beats = write_sites(d1=4, d2=3)
    night.score(beats, *BY_DAY)

    def die(self: TableOutput, manifest: Manifest, **how: bool) -> None:
        if after:
            original(self, manifest, **how)
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(TableOutput, method, die)
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

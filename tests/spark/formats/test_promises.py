"""What every kind of output promises: a folder, a table of files, Delta and Iceberg, however they are laid out."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_fcn.spark.catalog import describe_table
from lstm_fcn.spark.table_names import table_name
from tests.spark.formats.conftest import BY_DAY, KINDS, TRANSACTIONAL, Kind, Night, each, named

Open = Callable[[Kind], Night]
Write = Callable[..., Path]
each_kind = pytest.mark.parametrize("kind", each(KINDS))
nightly = pytest.mark.nightly


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
    assert f"_records has a row for each {by}; with these --summary-by and --partition-by it would be for" in error
    assert "each record, hour" in error
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


_CHECK = ("string", "'X'", "CHECK constraint no_x")
_NOT_NULL = ("string NOT NULL", "nullif(site, 'B')")
REFUSALS = {
    "files": ("varchar(1)", "'long'", "length"),
    "delta": _CHECK,
    "delta_partitioned": (*_NOT_NULL, "NOT NULL constraint violated for column: site"),
    "delta_clustered": _CHECK,
    "iceberg": (*_NOT_NULL, "NULL value appeared in non-nullable field"),
    "iceberg_partitioned": (*_NOT_NULL, "NULL value appeared in non-nullable field"),
    "iceberg_hidden": (*_NOT_NULL, "NULL value appeared in non-nullable field"),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name == "delta" else nightly) for name in REFUSALS])
def test_a_table_that_refuses_rows_is_a_failed_run_and_the_next_one_works(
    name: str, open_night: Open, write_sites: Write
):
    night, (kind, site, words) = open_night(named(name)), REFUSALS[name]
    night.make(site=kind)
    if "CHECK" in words:
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

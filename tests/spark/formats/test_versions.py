"""Input that has versions: which one is read, and that it stays the one."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from lstm_fcn.data.beats import Beats
from lstm_fcn.spark.scoring.folder_output import FolderOutput
from tests.spark.formats.conftest import Kind, Night, named, sites_and_days

Open = Callable[[Kind], Night]
Source = Callable[..., str]
ICEBERG_AT_NIGHT = pytest.param("iceberg", marks=pytest.mark.nightly)


def snapshots(spark: SparkSession, name: str) -> list[int]:
    rows = spark.table(f"{name}.snapshots").orderBy("committed_at").select("snapshot_id").collect()
    return [row["snapshot_id"] for row in rows]


def test_a_version_of_delta_is_read_by_number_and_others_options_are_refused(open_night: Open, source: Source):
    night, name = open_night(named("folder")), source("delta", {"d1": 3}, {"d2": 2})
    night.score(name, "--beats-options", "versionAsOf=1")
    assert night.ids() == [100, 101, 102]
    error = night.score(name, "--beats-options", "header=true", code=2)
    assert f"--beats-options header=true has no effect on {name}, a table of delta" in error
    assert "expected one of: versionAsOf, timestampAsOf" in error
    assert "error: " in night.score(name, "--beats-options", "versionAsOf=99", code=3)


def test_a_snapshot_a_tag_and_a_branch_of_iceberg_are_read_by_name(open_night: Open, source: Source):
    night, name = open_night(named("folder")), source("iceberg", {"d1": 3}, {"d2": 2})
    first = snapshots(night.spark, name)[0]
    night.spark.sql(f"ALTER TABLE {name} CREATE TAG early AS OF VERSION {first}")
    night.spark.sql(f"ALTER TABLE {name} CREATE BRANCH trial AS OF VERSION {first}")
    for option in (f"snapshot-id={first}", "tag=early", "branch=trial"):
        night.score(name, "--beats-options", option)
        assert night.ids() == [100, 101, 102]
    assert night.place.manifests()[-1].beats_version.startswith(f"versionAsOf={first} (")
    assert "has no branch and no tag 'late'" in night.score(name, "--beats-options", "tag=late", code=3)


@pytest.mark.parametrize("kind", ["delta", ICEBERG_AT_NIGHT])
def test_the_version_of_a_moment_is_read_by_its_time(kind: str, open_night: Open, source: Source):
    night, name = open_night(named("folder")), source(kind, {"d1": 3}, {"d2": 2})
    if kind == "delta":
        commits = night.spark.sql(f"DESCRIBE HISTORY {name}").where("version = 1").selectExpr("string(timestamp) AS at")
    else:
        commits = night.spark.table(f"{name}.snapshots").selectExpr("string(min(committed_at)) AS at")
    first = commits.collect()[0]["at"]
    night.score(name, "--beats-options", f"timestampAsOf={first}")
    assert night.ids() == [100, 101, 102]
    assert night.score(name, "--beats-options", "timestampAsOf=2001-02-03", code=3).startswith("error: ")


@pytest.mark.parametrize("kind", ["delta", ICEBERG_AT_NIGHT])
def test_a_run_reads_one_version_whoever_writes_meanwhile_and_can_be_repeated_on_it(
    kind: str, open_night: Open, source: Source, beats: Beats, monkeypatch: pytest.MonkeyPatch
):
    night, name, stage = open_night(named("folder")), source(kind, {"d1": 3}), FolderOutput.stage

    def write_and_stage(self: FolderOutput, predictions: DataFrame, run_id: str) -> DataFrame:
        sites_and_days(night.spark, beats, d2=2).write.insertInto(name)
        return stage(self, predictions, run_id)

    with monkeypatch.context() as patched:
        patched.setattr(FolderOutput, "stage", write_and_stage)
        night.score(name)
    assert night.ids() == [100, 101, 102]
    version = night.place.manifests()[-1].beats_version
    assert version is not None
    night.score(name)
    assert night.ids() == [100, 101, 102, 200, 201]
    night.score(name, "--beats-options", version.partition(" ")[0])
    assert night.ids() == [100, 101, 102]


@pytest.mark.parametrize("kind", ["delta", "iceberg"])
def test_the_files_of_a_table_are_not_taken_for_its_rows(kind: str, open_night: Open, source: Source):
    night, name = open_night(named("folder")), source(kind, {"d1": 4})
    night.spark.sql(f"DELETE FROM {name} WHERE id = 100")  # noqa: S608
    where = {"delta": "DESCRIBE DETAIL {}", "iceberg": "SELECT file AS location FROM {}.metadata_log_entries"}[kind]
    path = night.spark.sql(where.format(name)).collect()[0]["location"].removeprefix("file:").split("/metadata/")[0]
    error = night.score(path, code=3)
    assert f"is a table of {kind}" in error
    assert f"--beats-format {kind}" in error
    night.score(Path(path), "--beats-format", kind)
    assert night.ids() == [101, 102, 103]
    version = night.place.manifests()[-1].beats_version
    assert version is not None
    assert version.startswith("versionAsOf=")


@pytest.mark.both_sparks
def test_columns_with_spaces_and_dots_go_into_a_new_table_of_delta(open_night: Open, source: Source, tmp_path: Path):
    night, name = open_night(named("delta")), source("delta", {"d1": 3})
    odd = night.spark.table(name).selectExpr("id", "site AS `Patient ID`", "label", "beat", "day AS `a.day`")
    odd.write.parquet(str(tmp_path / "odd"))
    night.score(tmp_path / "odd", "--table-format", "delta")
    night.score(tmp_path / "odd", "--where", "`Patient ID` = 'A' AND `a.day` IS NOT NULL")
    assert night.ids("`Patient ID` = 'A'") == [100, 102]
    assert night.ids() == [100, 101, 102]

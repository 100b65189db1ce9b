"""Runs of the scoring job one after the other, into a folder and into a table of the catalog."""

import json
import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lstm_fcn.data.beats import Beats
from lstm_fcn.errors import DataError, SettingsError
from tests.models import SMALL
from tests.spark.frames import frame_of
from tests.spark.results import BY_DAY, Place, table_at_night


@pytest.mark.both_sparks
def test_the_same_run_twice_gives_the_same_rows_and_the_history_of_both(place: Place, run, write_days):
    table = write_days(d1=7, d2=5)
    run(table, place, *BY_DAY)
    first = place.rows()
    assert len(first) == 12
    run(table, place, *BY_DAY)
    assert place.rows() == first
    assert [manifest.status for manifest in place.manifests()] == ["done", "done"]
    accuracies = place.metrics().where("metric = 'accuracy'").collect()
    assert len({row["run_id"] for row in accuracies}) == len(accuracies) == 2
    assert place.metrics().where("metric = 'rows'").select("value").distinct().collect() == [(12.0,)]


@pytest.mark.both_sparks
def test_a_condition_on_the_partitions_leaves_the_others_as_they_are(place: Place, run, write_days):
    table = write_days(d1=7, d2=5)
    run(table, place, *BY_DAY)
    write_days(d1=3, d2=4)
    run(table, place, *BY_DAY, "--where", "day = '2026-01-02'")
    assert place.predictions().groupBy("day").count().orderBy("day").toPandas()["count"].tolist() == [7, 4]
    first, second = place.manifests()
    assert place.runs_of_days() == {"2026-01-01": {first.run_id}, "2026-01-02": {second.run_id}}
    assert {state.key: state.rows for state in second.partitions} == {("2026-01-01",): 7, ("2026-01-02",): 4}


@table_at_night
def test_a_partition_that_the_input_lost_loses_its_rows(place: Place, run, write_days):
    table = write_days(d1=7, d2=5, d3=2)
    run(table, place, *BY_DAY)
    shutil.rmtree(table / "day=2026-01-02")
    shutil.rmtree(table / "day=2026-01-03")
    place.spark.catalog.refreshByPath(str(table))
    run(table, place, *BY_DAY, "--where", "day <= '2026-01-02'")
    assert set(place.runs_of_days()) == {"2026-01-01", "2026-01-03"}
    assert place.manifests()[-1].removed == [("2026-01-02",)]


@table_at_night
def test_a_where_that_selects_nothing_any_more_empties_its_partition(place: Place, run, write_days):
    table = write_days(d1=7, d2=5)
    run(table, place, *BY_DAY)
    shutil.rmtree(table / "day=2026-01-02")
    run(table, place, *BY_DAY, "--where", "day = '2026-01-02'")
    assert set(place.runs_of_days()) == {"2026-01-01"}


def snapshot(place: Place) -> object:
    if place.is_table:
        return [
            sorted(map(str, place.spark.table(f"{place.output}{end}").collect())) for end in ("", "_metrics", "_runs")
        ]
    return {str(file): file.stat().st_mtime_ns for file in Path(place.output).rglob("*") if file.is_file()}


@pytest.mark.both_sparks
@table_at_night
def test_incremental_scores_what_is_new_and_nothing_else(place: Place, run, write_days, save_model):
    table = write_days(d1=7, d2=5)
    incremental = (*BY_DAY, "--incremental")
    run(table, place, *incremental)
    before = snapshot(place)
    run(table, place, *incremental)
    assert snapshot(place) == before

    write_days(d3=2)
    run(table, place, *incremental)
    first, second = place.manifests()
    assert second.scored == [("2026-01-03",)]
    assert place.runs_of_days() == {
        "2026-01-01": {first.run_id},
        "2026-01-02": {first.run_id},
        "2026-01-03": {second.run_id},
    }
    write_days(d2=6)  # files are others
    shutil.rmtree(table / "day=2026-01-01")
    run(table, place, *incremental)
    third = place.manifests()[-1]
    assert (third.scored, third.removed) == ([("2026-01-02",)], [("2026-01-01",)])
    assert len(place.rows()) == 8

    other = save_model(**SMALL, kernel_size_1=5)
    run(table, place, *incremental, model=other)
    assert place.manifests()[-1].scored == [("2026-01-02",), ("2026-01-03",)]


def test_incremental_scores_a_partition_again_that_somebody_removed(folder: Place, run, write_days):
    table = write_days(d1=7, d2=5)
    run(table, folder, *BY_DAY, "--incremental")
    shutil.rmtree(Path(folder.output, "predictions", "day=2026-01-01"))
    run(table, folder, *BY_DAY, "--incremental")
    assert len(folder.rows()) == 12
    assert folder.manifests()[-1].scored == [("2026-01-01",)]


@table_at_night
def test_too_many_errors_publish_nothing(place: Place, run, write_days, spark: SparkSession):
    table = write_days(d1=7)
    run(table, place, *BY_DAY)
    before = place.rows()
    bad = frame_of(spark, [(1, "A", 0, None)], "id long, site string, label int, beat array<float>")
    bad.write.mode("append").parquet(f"{table}/day=2026-01-01")
    with pytest.raises(DataError, match=r"1 of 8 rows \(12.5%\) could not be scored.*the beat is NULL \(1 rows\)"):
        run(table, place, *BY_DAY, "--max-error-fraction", "0.1")
    assert place.rows() == before
    failed = place.manifests()[-1]
    assert failed.status == "failed"
    assert failed.reason.startswith("1 of 8 rows")
    run(table, place, *BY_DAY, "--max-error-fraction", "0.125")
    assert len(place.rows()) == 8
    assert place.manifests()[-1].counts.errors == {"the beat is NULL": 1}


def test_a_run_without_partitions_replaces_all_but_not_by_a_part(folder: Place, run, write_days):
    table = write_days(d1=7, d2=5)
    run(table, folder)
    run(table, folder)
    assert len(folder.rows()) == 12
    with pytest.raises(SettingsError, match="give another --output, or one with --partition-by"):
        run(table, folder, "--where", "day = '2026-01-02' AND id < 203")
    assert len(folder.rows()) == 12


@table_at_night
def test_a_dry_run_says_what_it_would_do_and_does_nothing(place: Place, run, write_days, capsys: pytest.CaptureFixture):
    table = write_days(d1=7, d2=5)
    run(table, place, *BY_DAY)
    write_days(d3=4)
    shutil.rmtree(table / "day=2026-01-02")
    before = snapshot(place)
    capsys.readouterr()
    run(table, place, *BY_DAY, "--incremental", "--dry-run")
    assert capsys.readouterr().out.splitlines() == [
        "would score 4 rows in 1 partitions:",
        "  day=2026-01-03  4 rows",
        "would remove 1 partitions that the input does not have any more:",
        "  day=2026-01-02",
        "would leave 1 partitions as they are",
    ]
    assert snapshot(place) == before


def test_a_limit_is_a_trial_that_replaces_nothing(folder: Place, run, write_days):
    table = write_days(d1=7, d2=5)
    run(table, folder, "--limit", "3")
    assert len(folder.rows()) == 3
    with pytest.raises(SettingsError, match="--limit is for a trial and does not replace results"):
        run(table, folder, "--limit", "3")


@pytest.mark.both_sparks
def test_partitions_of_any_text_come_and_go(folder: Place, run, spark: SparkSession, beats: Beats, tmp_path: Path):
    sites = ["A/B", "50 %", "x=y", "é", None, "2026-01-01 00:00:00"]
    rows = [(i, site, beats.series[i].tolist()) for i, site in enumerate(sites)]
    frame_of(spark, rows, "id long, site string, beat array<float>").write.parquet(str(tmp_path / "beats"))
    run(tmp_path / "beats", folder, "--partition-by", "site")
    found = {row["id"]: row["site"] for row in folder.predictions().collect()}
    assert found == dict(enumerate(sites))
    run(tmp_path / "beats", folder, "--partition-by", "site", "--where", "site = 'A/B' OR site IS NULL")
    assert len(folder.manifests()[-1].scored) == 2
    assert folder.predictions().count() == 6
    frame_of(spark, rows[1:3], "id long, site string, beat array<float>").write.parquet(str(tmp_path / "fewer"))
    run(tmp_path / "fewer", folder, "--partition-by", "site")
    assert {row["site"] for row in folder.predictions().collect()} == {"50 %", "x=y"}


def test_a_partition_column_may_have_an_odd_name(folder: Place, run, write_days, spark: SparkSession, tmp_path: Path):
    odd = spark.read.parquet(str(write_days(d1=3, d2=2))).withColumnRenamed("day", "the day:%")
    odd.write.parquet(str(tmp_path / "odd"))
    for _ in range(2):
        run(tmp_path / "odd", folder, "--partition-by", "the day:%")
    assert folder.predictions().groupBy("the day:%").count().toPandas()["count"].tolist() in ([3, 2], [2, 3])


def test_two_levels_of_partitions(folder: Place, run, write_days):
    table = write_days(d1=7, d2=5)
    run(table, folder, "--partition-by", "day,site")
    assert folder.predictions().count() == 12
    shutil.rmtree(table / "day=2026-01-02")
    run(table, folder, "--partition-by", "day,site")
    assert folder.manifests()[-1].removed == [("2026-01-02", "A")]
    assert folder.predictions().count() == 7


def test_a_manifest_says_what_was_done_with_what(folder: Place, run, write_days, model):
    table = write_days(d1=10)
    run(table, folder, *BY_DAY, "--max-error-fraction", "0.5")
    file = next(Path(folder.output, "runs").iterdir())
    manifest = json.loads(file.read_text())
    assert manifest["status"] == "done"
    assert manifest["model_sha256"] == model.sha256
    assert set(manifest["versions"]) == {"lstm_fcn", "torch", "pyspark"}
    assert manifest["settings"]["max_error_fraction"] == 0.5
    counts = manifest["counts"]
    assert (counts["rows"], counts["scored"], counts["failed"]) == (10, 10, 0)
    predictions = folder.predictions().toPandas()
    assert counts["predicted"] == predictions["predicted_class"].value_counts().to_dict()
    assert counts["mean_confidence"] == pytest.approx(predictions["probability"].map(max).mean())
    assert sum(counts["lengths"]) == 10
    assert manifest["drift"]["predictions"] > 0
    assert manifest["drift"]["beat_length"] >= 0
    assert manifest["beats_per_second"] > 0
    assert manifest["started"] <= manifest["finished"]
    metrics = {row["metric"]: row["value"] for row in folder.metrics().where("class = 'all'").collect()}
    assert metrics["psi_predictions"] == pytest.approx(manifest["drift"]["predictions"])
    assert metrics["failed"] == 0

"""Runs of the scoring job that die, and what the next one makes of what they left."""

import shutil
from datetime import datetime, tzinfo
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.spark.files import LocalFiles
from lstm_fcn.spark.scoring.manifest import Manifest
from tests.models import SMALL
from tests.spark.results import BY_DAY, Killed, Place, dying_at, table_at_night


@pytest.mark.nightly  # every day with a summary of records too, in test_score_records.py
@pytest.mark.parametrize("partitioned", [(), BY_DAY])
def test_a_run_that_dies_at_any_step_of_publishing_leaves_all_old_or_new_and_the_next_finishes_it(
    folder: Place, run, write_days, monkeypatch: pytest.MonkeyPatch, partitioned: tuple[str, ...], save_model
):
    table, other = write_days(d1=7, d2=5), save_model(**SMALL, kernel_size_1=5)
    step = 0
    while True:
        step += 1
        shutil.rmtree(folder.output, ignore_errors=True)
        run(table, folder, *partitioned)
        with monkeypatch.context() as patched:
            patched.setattr(LocalFiles, "rename", dying_at(step))
            try:
                run(table, folder, *partitioned, model=other)
            except Killed:
                pass
            else:
                break
        begun = Path(folder.output, "_publishing.json").exists()
        run(table, folder, *partitioned, *(["--incremental"] if partitioned else []), model=other)
        assert len(folder.rows()) == 12
        assert folder.predictions().select("model").distinct().count() == 1
        # What had begun to be published was finished, not scored again.
        expected = 2 if begun and partitioned else 3 if begun else 2
        assert len(folder.manifests()) == expected
        assert not Path(folder.output, "_staging").exists()
    assert step > 5


def test_a_table_whose_publishing_died_is_finished_by_the_next_run(
    spark: SparkSession, run, write_days, monkeypatch: pytest.MonkeyPatch, save_model
):
    from lstm_fcn.spark.scoring.table_output import TableOutput

    place = Place(spark, "default.died")
    table, other = write_days(d1=7, d2=5), save_model(**SMALL, kernel_size_1=5)
    run(table, place, *BY_DAY)
    for step in ("_replace", "_add_metrics"):

        def die(*_: object, **__: object) -> None:
            raise Killed

        with monkeypatch.context() as patched, pytest.raises(Killed):
            patched.setattr(TableOutput, step, die)
            run(table, place, *BY_DAY, model=other)
        count = len(place.manifests())
        run(table, place, *BY_DAY, "--incremental", model=other)
        assert len(place.manifests()) == count + 1
        assert len(place.rows()) == 12
        assert place.predictions().select("model").distinct().count() == 1
        other = save_model(**SMALL, kernel_size_1=3)


class LongAgo(datetime):
    """The clock of a machine that is behind."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime(2020, 1, 1, tzinfo=tz)


@table_at_night
def test_a_run_whose_id_is_not_later_than_the_last_ones_publishes_nothing(
    place: Place, run, write_days, monkeypatch: pytest.MonkeyPatch
):
    table = write_days(d1=2)
    run(table, place, *BY_DAY)
    before = place.rows()
    monkeypatch.setattr("lstm_fcn.spark.session.datetime", LongAgo)
    write_days(d1=3)
    with pytest.raises(DataError, match=r"this one's id 20200101T000000Z-\w+ is not later"):
        run(table, place, *BY_DAY)
    assert place.rows() == before


def test_tables_of_other_names_are_left_alone(spark: SparkSession, run, write_days):
    table = str(write_days(d1=2))
    spark.read.parquet(table).write.saveAsTable("default.mine_staging")
    spark.sql(
        "CREATE TABLE default.mine_staging_20260101T000000Z_0123abcd (a int) USING parquet"
    )  # what a dead run left
    run("default.mine_staging", Place(spark, "default.mine"), *BY_DAY)
    names = {each.name for each in spark.catalog.listTables("default") if each.name.startswith("mine")}
    assert names == {"mine", "mine_metrics", "mine_runs", "mine_staging"}


def test_rows_that_come_into_the_staging_of_a_run_are_not_published_unseen(
    spark: SparkSession, run, write_days, monkeypatch: pytest.MonkeyPatch
):
    from lstm_fcn.spark.scoring.table_output import TableOutput

    place, table, publish = Place(spark, "default.doubled"), write_days(d1=4), TableOutput.publish

    def double_first(self: TableOutput, manifest: Manifest) -> None:
        staging = f"default.doubled_staging_{manifest.run_id.replace('-', '_').lower()}"
        spark.table(staging).localCheckpoint().write.mode("append").saveAsTable(staging)
        publish(self, manifest)

    monkeypatch.setattr(TableOutput, "publish", double_first)
    with pytest.raises(DataError, match="4 rows were written to the staging, but it holds 8 now"):
        run(table, place, *BY_DAY)


@table_at_night
def test_a_first_run_that_died_while_publishing_is_finished_by_its_own_partitions(
    place: Place, run, write_days, monkeypatch: pytest.MonkeyPatch
):
    from lstm_fcn.spark.scoring.folder_output import FolderOutput
    from lstm_fcn.spark.scoring.table_output import TableOutput

    table = write_days(d1=3, d2=2)

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(TableOutput, "_replace", die)
        patched.setattr(FolderOutput, "_move", die)
        run(table, place, *BY_DAY)
    with pytest.raises(SettingsError, match="partitioned by: day; found --partition-by site"):
        run(table, place, "--partition-by", "site")
    assert len(place.rows()) == 5
    run(table, place, *BY_DAY)
    assert len(place.rows()) == 5


def test_results_that_somebody_removed_are_no_longer_counted_on(folder: Place, run, write_days):
    table = write_days(d1=3, d2=2)
    run(table, folder, *BY_DAY)
    shutil.rmtree(Path(folder.output, "predictions"))
    run(table, folder, *BY_DAY, "--where", "day = '2026-01-02'")
    assert len(folder.rows()) == 2
    assert [state.key for state in folder.manifests()[-1].partitions] == [("2026-01-02",)]

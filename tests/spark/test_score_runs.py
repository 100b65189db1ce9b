"""Runs of the scoring job one after the other, into a folder and into a table of the catalog."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from jobs import score
from lstm_fcn.beats import Beats
from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.manifest import Manifest, parse_manifest
from lstm_fcn.spark.files import LocalFiles
from tests.conftest import SMALL

SCHEMA = "id long, day date, site string, label int, beat array<float>"
BY_DAY = ("--partition-by", "day")


@dataclass
class Place:
    """Where a test's results go."""

    spark: SparkSession
    output: str

    @property
    def is_table(self) -> bool:
        return "/" not in self.output

    def predictions(self) -> DataFrame:
        if self.is_table:
            return self.spark.table(self.output)
        return self.spark.read.parquet(f"{self.output}/predictions")

    def metrics(self) -> DataFrame:
        return (
            self.spark.table(f"{self.output}_metrics")
            if self.is_table
            else self.spark.read.parquet(f"{self.output}/metrics")
        )

    def manifests(self) -> list[Manifest]:
        if not self.is_table:
            files = sorted(Path(self.output, "runs").iterdir())
            return [parse_manifest(file.read_text(), str(file)) for file in files]
        rows = self.spark.table(f"{self.output}_runs").where("status != 'publishing'").orderBy("run_id").collect()
        return [parse_manifest(row["manifest"], "table") for row in rows]

    def rows(self) -> list[tuple]:
        wanted = ["id", "day", "prediction", "error"]
        return sorted(tuple(row) for row in self.predictions().select(*wanted).collect())

    def runs_of_days(self) -> dict[str, set[str]]:
        rows = self.predictions().selectExpr("string(day) AS day", "run_id").distinct().collect()
        return {day: {row["run_id"] for row in rows if row["day"] == day} for day in {row["day"] for row in rows}}


@pytest.fixture(params=["folder", "table"])
def place(spark: SparkSession, tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    if request.param == "folder":
        return Place(spark, str(tmp_path / "the results"))
    name = f"default.scored_{abs(hash(str(tmp_path)))}"
    return Place(spark, name)


@pytest.fixture
def folder(spark: SparkSession, tmp_path: Path) -> Place:
    return Place(spark, str(tmp_path / "the results"))


@pytest.fixture
def run(model_file: Path) -> Callable[..., None]:
    def run_job(beats: Path | str, place: Place, *arguments: str, model: Path = model_file) -> None:
        score.main(["--beats", str(beats), "--model", str(model), "--output", place.output, *arguments])

    return run_job


@pytest.fixture
def write_days(spark: SparkSession, beats: Beats, tmp_path: Path) -> Callable[..., Path]:
    """Write beats of some days; days that are there already stay."""

    def write(**days: int) -> Path:
        series = beats.series.tolist()
        for day, count in days.items():
            number = int(day[1:])
            rows = [(100 * number + i, "A", i % 5, series[(number + i) % 200]) for i in range(count)]
            frame = spark.createDataFrame(rows, "id long, site string, label int, beat array<float>")
            frame.coalesce(2).write.mode("overwrite").parquet(f"{tmp_path}/beats/day=2026-01-{number:02d}")
        return tmp_path / "beats"

    return write


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


def test_a_condition_on_the_partitions_leaves_the_others_as_they_are(place: Place, run, write_days):
    table = write_days(d1=7, d2=5)
    run(table, place, *BY_DAY)
    write_days(d1=3, d2=4)
    run(table, place, *BY_DAY, "--where", "day = '2026-01-02'")
    assert place.predictions().groupBy("day").count().orderBy("day").toPandas()["count"].tolist() == [7, 4]
    first, second = place.manifests()
    assert place.runs_of_days() == {"2026-01-01": {first.run_id}, "2026-01-02": {second.run_id}}
    assert {state.key: state.rows for state in second.partitions} == {("2026-01-01",): 7, ("2026-01-02",): 4}


def test_a_partition_that_the_input_lost_loses_its_rows(place: Place, run, write_days):
    table = write_days(d1=7, d2=5, d3=2)
    run(table, place, *BY_DAY)
    shutil.rmtree(table / "day=2026-01-02")
    shutil.rmtree(table / "day=2026-01-03")
    place.spark.catalog.refreshByPath(str(table))
    run(table, place, *BY_DAY, "--where", "day <= '2026-01-02'")
    assert set(place.runs_of_days()) == {"2026-01-01", "2026-01-03"}
    assert place.manifests()[-1].removed == [("2026-01-02",)]


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


def test_too_many_errors_publish_nothing(place: Place, run, write_days, spark: SparkSession):
    table = write_days(d1=7)
    run(table, place, *BY_DAY)
    before = place.rows()
    bad = spark.createDataFrame([(1, "A", 0, None)], "id long, site string, label int, beat array<float>")
    bad.write.mode("append").parquet(f"{table}/day=2026-01-01")
    with pytest.raises(DataError, match=r"1 of 8 rows \(12.5%\) could not be scored.*the beat is NULL \(1 rows\)"):
        run(table, place, *BY_DAY, "--max-error-fraction", "0.1")
    assert place.rows() == before
    failed = place.manifests()[-1]
    assert failed.status == "failed"
    assert failed.reason.startswith("1 of 8 rows")
    run(table, place, *BY_DAY, "--max-error-fraction", "0.125")
    assert len(place.rows()) == 8
    assert place.manifests()[-1].figures.errors == {"the beat is NULL": 1}


def test_a_run_without_partitions_replaces_all(folder: Place, run, write_days):
    table = write_days(d1=7, d2=5)
    run(table, folder)
    assert len(folder.rows()) == 12
    run(table, folder, "--where", "day = '2026-01-02' AND id < 203")
    assert [row[0] for row in folder.rows()] == [200, 201, 202]


class Killed(BaseException):
    """Stands for the end of the process: nothing but `finally` runs after it."""


@pytest.mark.parametrize("partitioned", [(), BY_DAY])
def test_a_run_that_dies_at_any_step_of_publishing_leaves_all_old_or_new_and_the_next_finishes_it(
    folder: Place, run, write_days, monkeypatch: pytest.MonkeyPatch, partitioned: tuple[str, ...], save_model
):
    table, other = write_days(d1=7, d2=5), save_model(**SMALL, kernel_size_1=5)
    rename = LocalFiles.rename
    step = left = 0

    def die_later(self: LocalFiles, source: str, target: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed
        rename(self, source, target)

    while True:
        step += 1
        shutil.rmtree(folder.output, ignore_errors=True)
        run(table, folder, *partitioned)
        left = step
        with monkeypatch.context() as patched:
            patched.setattr(LocalFiles, "rename", die_later)
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
    from lstm_fcn.spark.table_target import TableTarget

    place = Place(spark, "default.died")
    table, other = write_days(d1=7, d2=5), save_model(**SMALL, kernel_size_1=5)
    run(table, place, *BY_DAY)
    for step in ("_replace", "_add_metrics"):

        def die(*_: object) -> None:
            raise Killed

        with monkeypatch.context() as patched, pytest.raises(Killed):
            patched.setattr(TableTarget, step, die)
            run(table, place, *BY_DAY, model=other)
        count = len(place.manifests())
        run(table, place, *BY_DAY, "--incremental", model=other)
        assert len(place.manifests()) == count + 1
        assert len(place.rows()) == 12
        assert place.predictions().select("model").distinct().count() == 1
        other = save_model(**SMALL, kernel_size_1=3)


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


def test_partitions_of_any_text_come_and_go(folder: Place, run, spark: SparkSession, beats: Beats, tmp_path: Path):
    sites = ["A/B", "50 %", "x=y", "é", None, "2026-01-01 00:00:00"]
    rows = [(i, site, beats.series[i].tolist()) for i, site in enumerate(sites)]
    spark.createDataFrame(rows, "id long, site string, beat array<float>").write.parquet(str(tmp_path / "beats"))
    run(tmp_path / "beats", folder, "--partition-by", "site")
    found = {row["id"]: row["site"] for row in folder.predictions().collect()}
    assert found == dict(enumerate(sites))
    run(tmp_path / "beats", folder, "--partition-by", "site", "--where", "site = 'A/B' OR site IS NULL")
    assert len(folder.manifests()[-1].scored) == 2
    assert folder.predictions().count() == 6
    spark.createDataFrame(rows[1:3], "id long, site string, beat array<float>").write.parquet(str(tmp_path / "fewer"))
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


def test_a_manifest_tells_what_was_done_with_what(folder: Place, run, write_days, model):
    table = write_days(d1=10)
    run(table, folder, *BY_DAY, "--max-error-fraction", "0.5")
    file = next(Path(folder.output, "runs").iterdir())
    told = json.loads(file.read_text())
    assert told["status"] == "done"
    assert told["model_sha256"] == model.sha256
    assert set(told["versions"]) == {"lstm_fcn", "torch", "pyspark"}
    assert told["settings"]["max_error_fraction"] == 0.5
    figures = told["figures"]
    assert (figures["rows"], figures["scored"], figures["failed"]) == (10, 10, 0)
    predictions = folder.predictions().toPandas()
    assert figures["predicted"] == predictions["predicted_class"].value_counts().to_dict()
    assert figures["mean_confidence"] == pytest.approx(predictions["probability"].map(max).mean())
    assert sum(figures["lengths"]) == 10
    assert told["drift"]["predictions"] > 0
    assert told["drift"]["beat_length"] >= 0
    assert told["beats_per_second"] > 0
    assert told["started"] <= told["finished"]
    metrics = {row["metric"]: row["value"] for row in folder.metrics().where("class = 'all'").collect()}
    assert metrics["psi_predictions"] == pytest.approx(told["drift"]["predictions"])
    assert metrics["failed"] == 0


def test_labels_that_the_model_does_not_know_are_counted_and_left_out(
    folder: Place, run, spark: SparkSession, beats: Beats, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    labels = [0, 1, 7, 7, None, -1]
    rows = [(i, label, beats.series[i].tolist()) for i, label in enumerate(labels)]
    spark.createDataFrame(rows, "id long, label int, beat array<float>").write.parquet(str(tmp_path / "beats"))
    with caplog.at_level("WARNING"):
        run(tmp_path / "beats", folder)
    assert folder.manifests()[0].figures.unknown_labels == {"7": 2, "None": 1, "-1": 1}
    assert "left_out=2 label=7 reason='the model does not know this label'" in caplog.text
    assert folder.metrics().where("metric = 'accuracy'").first()["support"] == 2


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("--incremental",), SettingsError, "--incremental works by partitions: give --partition-by"),
        ((*BY_DAY, "--where", "id = 1"), SettingsError, r"--where may only use their columns \(day\); found 'id = 1'"),
        (("--partition-by", "month"), DataError, "has no column 'month'; found: "),
        (("--columns", "nothing"), DataError, "has no column 'nothing'; found: "),
        (("--beats-format", "nonsense"), DataError, "as nonsense, cannot be read: "),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(
    folder: Place, run, write_days, arguments: tuple[str, ...], error: type[Exception], message: str
):
    with pytest.raises(error, match=message):
        run(write_days(d1=2), folder, *arguments)
    assert not Path(folder.output, "predictions").exists()


def test_results_of_somebody_else_are_not_replaced(folder: Place, run, write_days, spark: SparkSession):
    spark.range(3).write.parquet(f"{folder.output}/predictions")
    with pytest.raises(DataError, match="is there already, but no run of this job is known that wrote it"):
        run(write_days(d1=2), folder)
    assert folder.predictions().count() == 3


def test_a_table_with_rows_of_somebody_else_is_not_replaced(spark: SparkSession, run, write_days):
    place = Place(spark, "default.of_others")
    table = write_days(d1=2)
    run(table, place, *BY_DAY)
    spark.sql("DROP TABLE default.of_others_runs")
    before = place.rows()
    with pytest.raises(DataError, match="of_others holds rows, but no run of this job is known that wrote them"):
        run(table, place, *BY_DAY)
    assert place.rows() == before


def test_other_partitions_or_columns_than_before_are_refused(folder: Place, run, write_days):
    table = write_days(d1=2, d2=3)
    run(table, folder, *BY_DAY)
    with pytest.raises(SettingsError, match="partitioned by: day; found --partition-by site"):
        run(table, folder, "--partition-by", "site")
    with pytest.raises(DataError, match=r"are not those of this run: .*p_1 float"):
        run(table, folder, *BY_DAY, "--form", "columns", "--where", "day = '2026-01-01'")
    assert folder.predictions().count() == 5


def test_the_input_is_never_the_output(folder: Place, run, write_days):
    table = write_days(d1=2)
    for output in (table, table.parent, table / "below"):
        with pytest.raises(SettingsError, match="are one, or one is in the other"):
            run(table, Place(folder.spark, str(output)))


def test_only_the_columns_that_are_asked_for_are_carried_along(folder: Place, run, write_days):
    run(write_days(d1=2), folder, *BY_DAY, "--columns", "id")
    added = ["prediction", "predicted_class", "probability", "error", "beat_length", "model", "run_id"]
    assert folder.predictions().columns == ["id", "label", *added, "day"]


@pytest.mark.parametrize("kind", ["orc", "json"])
def test_files_of_other_formats_are_scored(
    folder: Place, run, write_days, spark: SparkSession, tmp_path: Path, kind: str
):
    spark.read.parquet(str(write_days(d1=4))).drop("day").write.format(kind).save(str(tmp_path / kind))
    run(tmp_path / kind, folder, "--beats-format", kind)
    assert folder.predictions().where("error IS NULL").count() == 4


def test_csv_with_a_column_a_value_is_scored(folder: Place, run, beats: Beats, tmp_path: Path):
    table = pd.DataFrame(beats.series[:6], columns=[f"x_{i + 1}" for i in range(187)])
    table.to_csv(tmp_path / "beats.csv")
    options = ("--beats-format", "csv", "--beats-options", "header=true,inferSchema=true", "--beat-prefix", "x")
    run(tmp_path / "beats.csv", folder, *options)
    assert folder.predictions().where("error IS NULL").count() == 6


def test_a_table_of_the_catalog_is_scored_and_a_missing_one_named(folder: Place, run, write_days, spark: SparkSession):
    spark.read.parquet(str(write_days(d1=4))).write.mode("overwrite").saveAsTable("default.some_beats")
    run("default.some_beats", folder)
    assert folder.predictions().count() == 4
    with pytest.raises(DataError, match=r"the catalog has no table default\.no_beats; a path is written with a slash"):
        run("default.no_beats", folder)


def test_a_table_of_files_without_partitions_is_no_place_for_results(spark: SparkSession, run, write_days):
    with pytest.raises(SettingsError, match="files without partitions, which cannot be replaced without deleting"):
        run(write_days(d1=2), Place(spark, "default.unpartitioned"))


def test_rows_of_somebody_else_outside_the_condition_are_seen_too(spark: SparkSession, run, write_days):
    place = Place(spark, "default.of_others_elsewhere")
    table = write_days(d1=2)
    run(table, place, *BY_DAY)
    spark.sql("DROP TABLE default.of_others_elsewhere_runs")
    with pytest.raises(DataError, match="no run of this job is known that wrote them"):
        run(write_days(d2=2), place, *BY_DAY, "--where", "day = '2026-01-02'")
    assert len(place.rows()) == 2


class LongAgo(datetime):
    """The clock of a machine that is behind."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime(2020, 1, 1, tzinfo=tz)


def test_a_run_whose_id_is_not_later_than_the_last_ones_publishes_nothing(
    place: Place, run, write_days, monkeypatch: pytest.MonkeyPatch
):
    table = write_days(d1=2)
    run(table, place, *BY_DAY)
    before = place.rows()
    monkeypatch.setattr("lstm_fcn.spark.scoring.datetime", LongAgo)
    write_days(d1=3)
    with pytest.raises(DataError, match=r"this one's id 20200101T000000Z-\w+ is not later"):
        run(table, place, *BY_DAY)
    assert place.rows() == before


def test_a_column_that_has_the_name_of_a_tables_property_is_a_column(spark: SparkSession, run, write_days):
    place = Place(spark, "default.with_provider")
    table = str(write_days(d1=2))
    spark.read.parquet(table).withColumnRenamed("site", "Provider").write.saveAsTable("default.provided")
    for _ in range(2):
        run("default.provided", place, *BY_DAY)
    assert len(place.rows()) == 2


@pytest.mark.parametrize("end", ["_metrics", "_runs", "_lock", "_staging_20260101T000000Z_0123abcd"])
def test_the_input_may_not_have_the_name_of_a_table_that_runs_make(spark: SparkSession, run, end: str):
    with pytest.raises(SettingsError, match="has the name of a table that runs into default.named make"):
        run(f"default.named{end}", Place(spark, "default.named"), *BY_DAY)


def test_tables_of_other_names_are_left_alone(spark: SparkSession, run, write_days):
    table = str(write_days(d1=2))
    spark.read.parquet(table).write.saveAsTable("default.mine_staging")
    spark.sql("CREATE TABLE default.mine_staging_20260101T000000Z_0123abcd (a int)")  # what a dead run left
    run("default.mine_staging", Place(spark, "default.mine"), *BY_DAY)
    names = {each.name for each in spark.catalog.listTables("default") if each.name.startswith("mine")}
    assert names == {"mine", "mine_metrics", "mine_runs", "mine_staging"}


def test_rows_that_come_into_the_staging_of_a_run_are_not_published_unseen(
    spark: SparkSession, run, write_days, monkeypatch: pytest.MonkeyPatch
):
    from lstm_fcn.spark.table_target import TableTarget

    place, table, publish = Place(spark, "default.doubled"), write_days(d1=4), TableTarget.publish

    def double_first(self: TableTarget, manifest: Manifest) -> None:
        staging = f"default.doubled_staging_{manifest.run_id.replace('-', '_').lower()}"
        spark.table(staging).localCheckpoint().write.mode("append").saveAsTable(staging)
        publish(self, manifest)

    monkeypatch.setattr(TableTarget, "publish", double_first)
    with pytest.raises(DataError, match="day=2026-01-01: 4 rows were read but 8 written"):
        run(table, place, *BY_DAY)


def test_a_first_run_that_died_while_publishing_is_finished_by_its_own_partitions(
    place: Place, run, write_days, monkeypatch: pytest.MonkeyPatch
):
    from lstm_fcn.spark.path_target import PathTarget
    from lstm_fcn.spark.table_target import TableTarget

    table = write_days(d1=3, d2=2)

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(TableTarget, "_replace", die)
        patched.setattr(PathTarget, "_move", die)
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


def test_other_options_of_the_files_score_again(folder: Place, run, beats: Beats, tmp_path: Path):
    table = pd.DataFrame(beats.series[:4], columns=[f"x_{i + 1}" for i in range(187)]).assign(day="a")
    table.to_csv(tmp_path / "beats.csv", index=False)
    options = ("--beats-format", "csv", "--beat-prefix", "x", "--partition-by", "day", "--incremental")
    for null in ("-", "-", "?"):
        run(
            tmp_path / "beats.csv",
            folder,
            *options,
            "--beats-options",
            f"header=true,inferSchema=true,nullValue={null}",
        )
    assert len(folder.manifests()) == 2


def test_columns_with_dots_in_their_names_are_scored_and_compared(folder: Place, run, write_days, spark: SparkSession):
    table = spark.read.parquet(str(write_days(d1=4)))
    dotted = table.withColumnRenamed("beat", "the.beat").withColumnRenamed("label", "the.label")
    dotted.write.parquet(f"{folder.output} dotted")
    run(f"{folder.output} dotted", folder, "--beat", "the.beat", "--label", "the.label")
    assert folder.metrics().where("metric = 'accuracy'").count() == 1


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("--partition-by", "beat"), SettingsError, "'beat' is array<float>"),
        (("--partition-by", "day,day"), SettingsError, "names the column 'day' twice"),
        (("--where", "id / 0 > 1"), DataError, "cannot be read: .*DIVIDE_BY_ZERO"),
        (("--partition-by", "day", "--limit", "2"), SettingsError, "goes without partitions"),
        (("--output", "nowhere.scored"), SettingsError, "the catalog has no schema nowhere; CREATE SCHEMA nowhere"),
        (("--output", "nothing.at.all"), (SettingsError, DataError), "nothing.at.all"),
        (("--output", "default.a_view"), SettingsError, "default.a_view is a view"),
        (("--beats", "nonsense://host/beats"), DataError, "nonsense://host/beats cannot be read: .*nonsense"),
        (("--beats", "nocatalog.some.beats"), DataError, "nocatalog.some.beats"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(
    spark: SparkSession, folder: Place, run, write_days, arguments: tuple[str, ...], error: type, message: str
):
    spark.sql("CREATE OR REPLACE VIEW default.a_view AS SELECT 1 AS a")
    if spark.conf.get("spark.sql.ansi.enabled") == "false" and "id / 0" in arguments[1]:
        pytest.skip("before ANSI mode a division by zero is NULL")
    with pytest.raises(error, match=message) as told:
        run(write_days(d1=2), folder, *arguments)
    assert "\n" not in str(told.value)
    assert not Path(folder.output, "predictions").exists()


def test_a_damaged_file_is_named(folder: Place, run, write_days):
    table = write_days(d1=4)
    part = next(table.rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
    part.with_name(f".{part.name}.crc").unlink()
    with pytest.raises(DataError, match="cannot be read: .*is not a Parquet file"):
        run(table, folder, *BY_DAY)

"""The summary of the records beside the predictions: replaced with its partitions, whatever stops a run."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lstm_fcn.data.beats import Beats
from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.model.file import Model, write_model
from lstm_fcn.spark.files import LocalFiles
from lstm_fcn.spark.scoring.table_output import TableOutput
from tests.spark.frames import frame_of
from tests.spark.results import BY_DAY, Killed, Place, dying_at

Days = dict[int, dict[str | None, int]]


@pytest.fixture
def write(spark: SparkSession, beats: Beats, tmp_path: Path) -> Callable[[Days], Path]:
    """Write a table with so many beats of each record on each day; a record begins with the letter of its patient."""
    series = beats.series.tolist()

    def write_table(days: Days) -> Path:
        rows = [
            (record, record and record[0], float(i), series[i], f"2026-01-0{day}")
            for day, records in days.items()
            for record, count in records.items()
            for i in range(count)
        ]
        schema = "record string, patient string, time_s double, beat array<float>, day string"
        frame_of(spark, rows, schema).write.mode("overwrite").partitionBy("day").parquet(str(tmp_path / "beats"))
        return tmp_path / "beats"

    return write_table


def records(place: Place, by: str = "record") -> dict[tuple[str, str], int]:
    """Day and record -> beats, as the summary has them."""
    table = (
        place.spark.table(f"{place.output}_records")
        if place.is_table
        else place.spark.read.parquet(f"{place.output}/records")
    )
    rows = table.selectExpr("string(day) AS day", by, "beats").collect()
    assert len({row[:2] for row in rows}) == len(rows)
    return {(row["day"][-1], row[by]): row["beats"] for row in rows}


def test_records_are_replaced_with_their_partitions(place: Place, run: Callable, write: Callable):
    run(write({1: {"a": 3, "b": 2}, 2: {"c": 4}, 3: {None: 2, "d": 1}}), place, *BY_DAY)
    assert records(place) == {("1", "a"): 3, ("1", "b"): 2, ("2", "c"): 4, ("3", "d"): 1}
    run(write({1: {"a": 9}, 3: {None: 2}}), place, *BY_DAY, "--where", "day >= '2026-01-02'")
    assert records(place) == {("1", "a"): 3, ("1", "b"): 2}
    assert place.manifests()[-1].has_records


def test_a_summary_by_patient_is_replaced_with_its_partitions_and_by_nothing_else(
    place: Place, run: Callable, write: Callable
):
    by_patient = (*BY_DAY, "--summary-by", "patient")
    run(write({1: {"a1": 3, "a2": 2}, 2: {"b1": 4}}), place, *by_patient)
    assert records(place, "patient") == {("1", "a"): 5, ("2", "b"): 4}
    table = write({1: {"a1": 3, "a2": 2}, 2: {"b1": 1, "c1": 1}})
    for other, wanted in (("record", "day, record"), ("patient,record", "day, patient, record")):
        with pytest.raises(SettingsError, match=rf"records has a row for each .*; .* for each {wanted}\. Give those"):
            run(table, place, *BY_DAY, "--summary-by", other, "--incremental")
    assert place.predictions().count() == 9
    run(table, place, *by_patient, "--where", "day = '2026-01-02'")
    assert records(place, "patient") == {("1", "a"): 5, ("2", "b"): 1, ("2", "c"): 1}


def test_a_summary_that_was_removed_can_be_of_something_else(folder: Place, run: Callable, write: Callable):
    table = write({1: {"a1": 3}})
    run(table, folder, *BY_DAY)
    shutil.rmtree(Path(folder.output, "records"))
    run(table, folder, *BY_DAY, "--summary-by", "record,hour")
    (row,) = folder.spark.read.parquet(f"{folder.output}/records").collect()
    assert (row["record"], row["hour"], row["beats"]) == ("a1", 0, 3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("--summary-by", "ward"), DataError, "has no column 'ward'; found: record, patient, time_s, day, pauses"),
        (("--summary-by", "patient", "--columns", "record,time_s"), DataError, "carried along .* no column 'patient'"),
        (("--summary-by", "time_s"), SettingsError, "columns of --summary-by to be texts, .*; 'time_s' is double"),
        (("--summary-by", "pauses"), DataError, "the summary makes a column 'pauses' itself"),
        (("--summary-by", "patient", "--partition-by", "record"), SettingsError, "each record is replaced alone"),
    ],
)
def test_what_no_row_can_be_of_is_refused_before_anything_is_scored(
    folder: Place, run: Callable, write: Callable, arguments: tuple[str, ...], error: type[Exception], message: str
):
    table = folder.spark.read.parquet(str(write({1: {"a1": 3}}))).withColumn("pauses", F.lit(1))
    table.write.parquet(f"{folder.output} beats")
    with pytest.raises(error, match=message):
        run(f"{folder.output} beats", folder, *arguments)
    assert not Path(folder.output).exists()


def test_a_column_with_the_name_of_the_hours_is_in_the_way_of_them_alone(folder: Place, run: Callable, write: Callable):
    table = folder.spark.read.parquet(str(write({1: {"a1": 3}}))).withColumn("hour", F.lit("7"))
    table.write.parquet(f"{folder.output} beats")
    with pytest.raises(DataError, match="makes a column 'hour' itself"):
        run(f"{folder.output} beats", folder, *BY_DAY, "--summary-by", "record,hour")
    run(f"{folder.output} beats", folder, "--partition-by", "day,hour")
    assert records(folder, "hour") == {("1", 7): 3}


def test_a_table_without_the_times_of_its_beats_has_no_summary(folder: Place, run: Callable, write: Callable):
    table = write({1: {"a": 3}})
    run(table, folder, *BY_DAY)
    shutil.rmtree(folder.output)
    run(table, folder, *BY_DAY, "--columns", "record,day")
    assert not Path(folder.output, "records").exists()


def test_what_only_has_the_name_of_a_summary_is_not_replaced(place: Place, run: Callable, write: Callable):
    if place.is_table:
        place.spark.sql(f"CREATE TABLE {place.output}_records (record string) USING parquet")
    else:
        folder = Path(place.output, "records")
        folder.mkdir(parents=True)
        (folder / "100.hea").write_text("100 1 360 10")
    with pytest.raises(DataError, match="records is there and no run of this job wrote it"):
        run(write({1: {"a": 3}}), place, *BY_DAY)
    assert place.is_table or (folder / "100.hea").exists()


def test_a_run_that_dies_at_any_step_leaves_predictions_and_records_of_one_run(
    folder: Place, run: Callable, write: Callable, monkeypatch: pytest.MonkeyPatch
):
    step = 0
    while True:
        step += 1
        shutil.rmtree(folder.output, ignore_errors=True)
        run(write({1: {"a": 3}}), folder, *BY_DAY)
        table, is_whole = write({1: {"b": 2}}), True
        with monkeypatch.context() as patched:
            patched.setattr(LocalFiles, "rename", dying_at(step))
            try:
                run(table, folder, *BY_DAY)
            except Killed:
                is_whole = False
        if is_whole:
            break
        run(table, folder, *BY_DAY, "--incremental")
        assert records(folder) == {("1", "b"): 2}
        assert [row["record"] for row in folder.predictions().select("record").distinct().collect()] == ["b"]
        assert not Path(folder.output, "_staging").exists()
    assert step > 5


def test_a_table_whose_run_died_before_its_records_gets_them_from_the_next_one(
    spark: SparkSession, run: Callable, write: Callable, monkeypatch: pytest.MonkeyPatch
):
    place = Place(spark, "default.died_before_records")
    run(write({1: {"a": 3}}), place, *BY_DAY)
    table = write({1: {"b": 2}})

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(TableOutput, "_replace_records", die)
        run(table, place, *BY_DAY)
    assert records(place) == {("1", "a"): 3}
    run(table, place, *BY_DAY, "--incremental")
    assert records(place) == {("1", "b"): 2}


def test_the_records_of_a_run_that_died_are_made_as_that_run_was_asked_to(
    spark: SparkSession, run: Callable, write: Callable, monkeypatch: pytest.MonkeyPatch
):
    place = Place(spark, "default.died_by_patient")
    table = write({1: {"a1": 3, "a2": 1}})

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(TableOutput, "_replace_records", die)
        run(table, place, *BY_DAY, "--summary-by", "patient")
    with pytest.raises(SettingsError, match="has a row for each patient, day"):
        run(table, place, *BY_DAY)
    assert records(place, "patient") == {("1", "a"): 4}


@pytest.mark.parametrize("made_for", ["known records", "new records"])
def test_a_model_for_known_records_warns_of_others(
    folder: Place,
    run: Callable,
    write: Callable,
    model: Model,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    made_for,
):
    data = model.header.training_data.model_copy(update={"records": ["a", "z"], "made_for": made_for})
    header = model.header.model_copy(update={"training_data": data, "name": "mine"})
    write_model(tmp_path / "mine.safetensors", model.network(), header)
    run(write({1: {"a": 3, "b": 4, "c": 3, "d": 2, "e": 1}}), folder, model=tmp_path / "mine.safetensors")
    warnings = [record.getMessage() for record in caplog.records if "unknown_records" in record.getMessage()]
    if made_for == "new records":
        assert warnings == []
        return
    (warning,) = warnings
    assert "unknown_records=4 ('b', 'c', 'd', ...): the model mine is made for the records that it was" in warning
    assert warning.endswith("for others use --model new-patients")
    assert folder.manifests()[-1].counts.unknown_records == {"b": 4, "c": 3, "d": 2, "e": 1}

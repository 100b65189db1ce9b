"""The summary of the records beside the predictions: replaced with its partitions, whatever stops a run."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lstm_fcn.data.beats import Beats
from lstm_fcn.errors import DataError
from lstm_fcn.model.file import Model, write_model
from lstm_fcn.spark.files import LocalFiles
from lstm_fcn.spark.scoring.table_output import TableOutput
from tests.spark.results import BY_DAY, Killed, Place, dying_at

Days = dict[int, dict[str | None, int]]


@pytest.fixture
def write(spark: SparkSession, beats: Beats, tmp_path: Path) -> Callable[[Days], Path]:
    """Write a table with so many beats of each record on each day."""
    series = beats.series.tolist()

    def write_table(days: Days) -> Path:
        rows = [
            (record, float(i), series[i], f"2026-01-0{day}")
            for day, records in days.items()
            for record, count in records.items()
            for i in range(count)
        ]
        frame = spark.createDataFrame(rows, "record string, time_s double, beat array<float>, day string")
        frame.coalesce(1).write.mode("overwrite").partitionBy("day").parquet(str(tmp_path / "beats"))
        return tmp_path / "beats"

    return write_table


def records(place: Place) -> dict[tuple[str, str], int]:
    """Day and record -> beats, as the summary has them."""
    table = (
        place.spark.table(f"{place.output}_records")
        if place.is_table
        else place.spark.read.parquet(f"{place.output}/records")
    )
    rows = table.selectExpr("string(day) AS day", "record", "beats").collect()
    assert len({row[:2] for row in rows}) == len(rows)
    return {(row["day"][-1], row["record"]): row["beats"] for row in rows}


def test_records_are_replaced_with_their_partitions(place: Place, run: Callable, write: Callable):
    run(write({1: {"a": 3, "b": 2}, 2: {"c": 4}, 3: {None: 2, "d": 1}}), place, *BY_DAY)
    assert records(place) == {("1", "a"): 3, ("1", "b"): 2, ("2", "c"): 4, ("3", "d"): 1}
    run(write({1: {"a": 9}, 3: {None: 2}}), place, *BY_DAY, "--where", "day >= '2026-01-02'")
    assert records(place) == {("1", "a"): 3, ("1", "b"): 2}
    assert place.manifests()[-1].has_records


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

"""What the scoring job refuses, before anything is written."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lstm_fcn.errors import DataError, SettingsError
from tests.spark.results import BY_DAY, Place


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


@pytest.mark.parametrize("end", ["_metrics", "_runs", "_lock", "_staging_20260101T000000Z_0123abcd"])
def test_the_input_may_not_have_the_name_of_a_table_that_runs_make(spark: SparkSession, run, end: str):
    with pytest.raises(SettingsError, match="has the name of a table that runs into default.named make"):
        run(f"default.named{end}", Place(spark, "default.named"), *BY_DAY)


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
def test_what_cannot_be_done_is_one_line(
    spark: SparkSession, folder: Place, run, write_days, arguments: tuple[str, ...], error: type, message: str
):
    spark.sql("CREATE OR REPLACE VIEW default.a_view AS SELECT 1 AS a")
    if spark.conf.get("spark.sql.ansi.enabled") == "false" and "id / 0" in arguments[1]:
        pytest.skip("before ANSI mode a division by zero is NULL")
    with pytest.raises(error, match=message) as raised:
        run(write_days(d1=2), folder, *arguments)
    assert "\n" not in str(raised.value)
    assert not Path(folder.output, "predictions").exists()

"""What the scoring job takes: formats, columns, labels."""

from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from lstm_fcn.data.beats import Beats
from lstm_fcn.errors import DataError
from tests.spark.results import BY_DAY, Place


def test_labels_that_the_model_does_not_know_are_counted_and_left_out(
    folder: Place, run, spark: SparkSession, beats: Beats, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    labels = [0, 1, 7, 7, None, -1]
    rows = [(i, label, beats.series[i].tolist()) for i, label in enumerate(labels)]
    spark.createDataFrame(rows, "id long, label int, beat array<float>").write.parquet(str(tmp_path / "beats"))
    with caplog.at_level("WARNING"):
        run(tmp_path / "beats", folder)
    assert folder.manifests()[0].counts.unknown_labels == {"7": 2, "None": 1, "-1": 1}
    assert "left_out=2 label=7 reason='the model does not know this label'" in caplog.text
    assert "label=None" not in caplog.text
    assert folder.metrics().where("metric = 'accuracy'").first()["support"] == 2


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


def test_a_column_that_has_the_name_of_a_tables_property_is_a_column(spark: SparkSession, run, write_days):
    place = Place(spark, "default.with_provider")
    table = str(write_days(d1=2))
    spark.read.parquet(table).withColumnRenamed("site", "Provider").write.saveAsTable("default.provided")
    for _ in range(2):
        run("default.provided", place, *BY_DAY)
    assert len(place.rows()) == 2


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


def test_a_damaged_file_is_named(folder: Place, run, write_days):
    table = write_days(d1=4)
    part = next(table.rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
    part.with_name(f".{part.name}.crc").unlink()
    with pytest.raises(DataError, match="cannot be read: .*is not a Parquet file"):
        run(table, folder, *BY_DAY)

"""Partition columns of folders that others wrote: what is no number as Spark writes it stays text."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from lstm_fcn.spark.tables import filter_rows, read_table


def write_folders(base: Path, name: str, values: Sequence[str]) -> str:
    for i, value in enumerate(values):
        folder = base / f"{name}={value}"
        folder.mkdir(parents=True)
        pd.DataFrame({"id": [i]}).to_parquet(folder / "part-0.parquet")
    return str(base)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["118", "118e00"], "string"),
        (["04015", "04016"], "string"),
        (["01", "1", "1d"], "string"),
        (["1.50", "2.25"], "string"),
        (["1e3"], "string"),
        (["NaN", "1.5"], "string"),
        (["+1", "2"], "string"),
        (["2026-1-1"], "string"),
        (["3", "12"], "int"),
        (["-3", "0", "__HIVE_DEFAULT_PARTITION__"], "int"),
        (["30000000000"], "bigint"),
        (["1.5", "2.25"], "double"),
        (["2026-01-01", "2026-01-02"], "date"),
        (["2026-01-01 10%3A00%3A00"], "timestamp"),
        (["a b", "ü"], "string"),
    ],
)
def test_a_type_is_taken_where_it_writes_the_folders_names(
    spark: SparkSession, tmp_path: Path, values: list[str], kind: str
):
    table = read_table(spark, write_folders(tmp_path / "t", "part", values))
    assert dict(table.dtypes)["part"] == kind
    if kind == "string":
        assert sorted(row["part"] for row in table.collect()) == sorted(values)


def test_dates_and_numbers_can_be_compared_as_before_and_texts_of_digits_too(spark: SparkSession, tmp_path: Path):
    days = read_table(spark, write_folders(tmp_path / "days", "day", ["2026-01-01", "2026-01-02"]))
    for condition in ("day = '2026-01-02'", "day > date'2026-01-01'", "day >= '2026-01-02' AND month(day) = 1"):
        assert [row["day"] for row in filter_rows(days, condition).collect()] == [date(2026, 1, 2)]
    hours = read_table(spark, write_folders(tmp_path / "hours", "hour", ["03", "12"]))
    for condition in ("hour = 3", "hour = '03'", "hour < 9"):
        assert [row["hour"] for row in filter_rows(hours, condition).collect()] == ["03"]


def test_a_column_of_the_files_is_not_taken_for_that_of_a_folder_above(spark: SparkSession, tmp_path: Path):
    path = tmp_path / "id=007" / "t"
    table = read_table(spark, write_folders(path, "site", ["01"]))
    assert dict(table.dtypes) == {"id": "bigint", "site": "string"}
    assert table.collect()[0].asDict() == {"id": 0, "site": "01"}


def test_types_that_are_known_are_used(spark: SparkSession, tmp_path: Path):
    path = write_folders(tmp_path / "t", "day", ["2026-01-01"])
    assert dict(read_table(spark, path, types={"day": "string", "other": "date"}).dtypes)["day"] == "string"
    numbers = write_folders(tmp_path / "n", "n", ["3"])
    assert dict(read_table(spark, numbers, types={"n": "decimal(4,1)", "id": "string"}).dtypes) == {
        "id": "bigint",
        "n": "decimal(4,1)",
    }


def test_csv_folders_too(spark: SparkSession, tmp_path: Path):
    for value in ("118", "118e00"):
        folder = tmp_path / f"record={value}"
        folder.mkdir()
        (folder / "a.csv").write_text("x,y\n1,a\n")
    table = read_table(spark, str(tmp_path), "csv", {"header": "true", "inferSchema": "true"})
    assert dict(table.dtypes) == {"x": "int", "y": "string", "record": "string"}
    assert {row["record"] for row in table.collect()} == {"118", "118e00"}

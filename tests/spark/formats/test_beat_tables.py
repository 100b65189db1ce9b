"""Beats in a table of Delta or Iceberg: written by `prepare.py`, and read to train on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.data.beats import BEAT_SCHEMA, read_beats
from lstm_fcn.errors import DataError
from lstm_fcn.model.file import read_model
from lstm_fcn.model.header import TrainingData
from lstm_fcn.spark.catalog import describe_table
from lstm_fcn.spark.prepare.table_output import write_table
from lstm_fcn.spark.scoring import iceberg
from lstm_fcn.spark.sql import TableName
from lstm_fcn.spark.table_names import table_name
from lstm_fcn.training.guards import refuse_counting
from tests.beat_tables import noisy, write_beats_to_train_on
from tests.processes import run_here
from tests.searches import SMALL, arguments_of
from tests.spark.formats.conftest import require_format
from tests.spark.prepared import counts, left_beside, prepared
from tests.spark.results import predictions

LAYOUTS = {
    "delta_clustered": "USING delta CLUSTER BY (sample)",
    "iceberg_hidden": "USING iceberg PARTITIONED BY (bucket(2, record))",
    "delta": None,
    "iceberg": None,
}
each_layout = pytest.mark.parametrize(
    "layout",
    [pytest.param(name, marks=() if ddl else pytest.mark.nightly) for name, ddl in LAYOUTS.items()],
)


@pytest.fixture
def table(warehouse: SparkSession, layout: str, tmp_path: Path) -> TableName:
    kind, name = layout.partition("_")[0], f"beats_{abs(hash(str(tmp_path)))}"
    require_format(kind)
    return TableName(("ice", "results", name) if kind == "iceberg" else ("spark_catalog", "results", name))


def write(beats: DataFrame, table: TableName, layout: str, *, replace: bool = False) -> None:
    kind = layout.partition("_")[0]
    write_table(beats, table, replace=replace, most_failed=0, new_format=kind)


def make(spark: SparkSession, table: TableName, layout: str) -> None:
    """Make it as its owner does, or let the job do so."""
    if LAYOUTS[layout]:
        spark.sql(f"CREATE TABLE {table} ({BEAT_SCHEMA}) {LAYOUTS[layout]}")


def commits(spark: SparkSession, table: TableName) -> int:
    if table.parts[0] == "ice":
        return spark.table(f"{table}.history").where("is_current_ancestor").count()
    return spark.sql(f"DESCRIBE HISTORY {table}").count()


@pytest.mark.both_sparks
@each_layout
def test_records_are_replaced_one_by_one_and_the_rest_stays(warehouse: SparkSession, table: TableName, layout: str):
    make(warehouse, table, layout)
    write(prepared(warehouse, {"a": 3, "b'": 2, "c": 1}), table, layout, replace=True)
    assert describe_table(warehouse, table).provider == layout.partition("_")[0]
    before = commits(warehouse, table)
    write(prepared(warehouse, {"b'": 4, "d": 1}, symbol="V"), table, layout, replace=True)
    if table.parts[0] != "ice":  # which deletes and appends on a branch, and then takes both at once
        assert commits(warehouse, table) == before + 1
    with pytest.raises(DataError, match="holds beats of these records already: a; nothing was written"):
        write(prepared(warehouse, {"a": 5, "e": 5}), table, layout)
    write(prepared(warehouse, {"e": 1}), table, layout)
    expected = {"a": (3, "N"), "b'": (4, "V"), "c": (1, "N"), "d": (1, "V"), "e": (1, "N")}
    assert counts(warehouse, str(table)) == expected
    assert left_beside(warehouse, str(table)) == []


@pytest.mark.parametrize(
    "layout",
    ["iceberg_hidden", *(pytest.param(name, marks=pytest.mark.nightly) for name in ("delta_clustered", "delta"))],
)
def test_a_record_that_has_no_beats_any_more_loses_its_rows(warehouse: SparkSession, table: TableName, layout: str):
    make(warehouse, table, layout)
    write(prepared(warehouse, {"a": 3, "b'": 2, "c": 1}), table, layout)
    with pytest.raises(DataError, match="holds beats of these records already: b'; nothing was written: --replace"):
        write(prepared(warehouse, {}, beatless=["b'"]), table, layout)
    write(prepared(warehouse, {"c": 2}, beatless=["b'"]), table, layout, replace=True)
    assert counts(warehouse, str(table)) == {"a": (3, "N"), "c": (2, "N")}
    write(prepared(warehouse, {}, beatless=["a"]), table, layout, replace=True)
    assert counts(warehouse, str(table)) == {"c": (2, "N")}
    assert left_beside(warehouse, str(table)) == []


@pytest.mark.nightly
@pytest.mark.parametrize("layout", ["delta"])  # Iceberg has no CHECK
def test_a_table_that_refuses_a_record_stays_as_it_is(warehouse: SparkSession, table: TableName, layout: str):
    write(prepared(warehouse, {"a": 3, "b": 2}), table, layout)
    warehouse.sql(f"ALTER TABLE {table} ADD CONSTRAINT known CHECK (symbol != 'V')")
    with pytest.raises(DataError, match="refused the rows: .*known"):
        write(prepared(warehouse, {"b": 1, "c": 1}, symbol="V"), table, layout, replace=True)
    assert counts(warehouse, str(table)) == {"a": (3, "N"), "b": (2, "N")}
    assert left_beside(warehouse, str(table)) == []


@pytest.mark.parametrize("layout", ["iceberg_hidden"])
def test_a_run_that_dies_before_its_branch_is_the_table_is_done_by_the_next(
    warehouse: SparkSession, table: TableName, layout: str, monkeypatch: pytest.MonkeyPatch
):
    make(warehouse, table, layout)
    write(prepared(warehouse, {"a": 3, "b": 2}), table, layout)

    def die(_: SparkSession, __: TableName) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(iceberg, "catalog_of", die)  # after the delete and the append
        patched.setattr(iceberg.IcebergTable, "_drop", lambda *_: None)  # nor is anything done after it
        write(prepared(warehouse, {"b": 1}, symbol="V"), table, layout, replace=True)
    assert counts(warehouse, str(table)) == {"a": (3, "N"), "b": (2, "N")}
    write(prepared(warehouse, {"b": 1}, symbol="V"), table, layout, replace=True)
    assert counts(warehouse, str(table)) == {"a": (3, "N"), "b": (1, "V")}
    refs = warehouse.table(f"{table}.refs").select("name").collect()
    assert [row["name"] for row in refs] == ["main"]


@each_layout
def test_rows_that_were_deleted_are_not_trained_on(warehouse: SparkSession, table: TableName, layout: str):
    make(warehouse, table, layout)
    series = np.random.default_rng(0).random((12, 187)).astype(np.float32)
    rows = [(f"r{i % 3}", i, i % 5, series[i].tolist(), "train" if i % 4 else "test") for i in range(12)]
    frame = warehouse.createDataFrame(rows, "record string, sample long, label int, beat array<float>, split string")
    given = {name: name for name in frame.columns}
    names = [(each.name, each.dataType.simpleString()) for each in warehouse.createDataFrame([], BEAT_SCHEMA).schema]
    columns = [given.get(name, f"CAST(NULL AS {kind}) AS `{name}`") for name, kind in names]
    write(frame.selectExpr(*columns, "CAST(NULL AS string) AS failure"), table, layout)
    warehouse.sql(f"DELETE FROM {table} WHERE sample = 5")  # noqa: S608 - the test's own name
    found = read_beats(str(table), "split", "train", spark=warehouse)
    expected = sorted((i for i in range(12) if i % 4 and i != 5), key=lambda i: (f"r{i % 3}", i))
    np.testing.assert_array_equal(found.series, series[expected])
    np.testing.assert_array_equal(found.labels, [i % 5 for i in expected])


@pytest.mark.parametrize("layout", ["delta", pytest.param("iceberg", marks=pytest.mark.nightly)])
def test_a_training_reads_one_version_names_it_and_can_be_repeated_on_it(
    warehouse: SparkSession, table: TableName, layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    files = write_beats_to_train_on(noisy(20, seed=0), tmp_path / "beats")
    beats = warehouse.read.parquet(str(files)).where("split = 'train'")
    beats.writeTo(str(table)).using(layout).create()

    def fit(*options: str) -> tuple[TrainingData, str]:
        given = ["--beats", table, *options, "--model", tmp_path / "m.safetensors", "--epochs", "1", *SMALL]
        done = run_here("train", *given)
        assert done.returncode == 0, done.stderr
        return read_model(tmp_path / "m.safetensors").header.training_data, done.stderr

    def write_and_check(*given: Any) -> None:  # others write after the training beats were read
        some = beats.limit(3)
        some.unionByName(some.withColumn("split", F.lit("test"))).writeTo(str(table)).append()
        refuse_counting(*given)

    with monkeypatch.context() as patched:
        patched.setattr("lstm_fcn.training.job.refuse_counting", write_and_check)
        first, log = fit()
    assert first.version is not None and first.version.startswith("versionAsOf=")
    assert "series" not in "".join(line for line in log.splitlines() if "stage=guards" in line)
    now, log = fit()
    assert now.version not in (None, first.version)
    assert sum(now.class_counts) == sum(first.class_counts) + 3
    assert "stage=guards" in log  # of series on both sides
    again, _ = fit("--beats-options", first.version)
    assert again == first
    tuning = arguments_of(Path(str(table)), tmp_path / "tuned", "--beats-options", first.version, "--max-jobs", "1")
    done = run_here("tune", *tuning, "--epochs", "1")
    assert done.returncode == 0, done.stderr
    best = read_model(tmp_path / "tuned" / "best.safetensors").header.training_data
    assert best.version == first.version
    given = ["--model", tmp_path / "m.safetensors", "--output", tmp_path / "int8", "--beats", table]
    done = run_here("calibrate", *given, "--beats-options", first.version)
    assert done.returncode == 0, done.stderr
    assert read_model(tmp_path / "int8").header.require_int8().beats == sum(first.class_counts)
    assert "has no effect on" in run_here("calibrate", *given, "--beats-options", "header=true").stderr


@pytest.mark.parametrize("kind", ["iceberg", pytest.param("delta", marks=pytest.mark.nightly)])
def test_metrics_are_added_to_a_table_of_the_format(warehouse: SparkSession, kind: str, tmp_path: Path):
    require_format(kind)
    schema = "ice.results" if kind == "iceberg" else "results"
    name = f"{schema}.evaluations_{abs(hash(str(tmp_path)))}"
    rows = predictions(40).drop(columns="probability")
    warehouse.createDataFrame(rows.astype({"error": "str"})).drop("error").write.parquet(str(tmp_path / "predictions"))
    given = ["--predictions", tmp_path / "predictions", "--output", tmp_path / "report", "--metrics", name]
    for _ in range(2):
        done = run_here("evaluate", *given, "--table-format", kind, "--draws", "100")
        assert done.returncode == 0, done.stderr
    parsed = table_name(name)
    assert parsed is not None
    assert describe_table(warehouse, parsed).provider == kind
    found = warehouse.table(name).where("metric = 'accuracy' AND group_by IS NULL")
    assert [row["support"] for row in found.collect()] == [40, 40]

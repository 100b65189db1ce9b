"""Training, tuning and calibrating on tables of the catalog, which gives what the same rows in files give."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from lstm_fcn.data.beats import read_beats, read_other_beats
from lstm_fcn.errors import DataError
from lstm_fcn.model.file import read_model
from lstm_fcn.training.contexts.data import read_context_beats
from lstm_fcn.training.dataset import read_training_set
from tests.beat_tables import noisy, write_beats_to_train_on
from tests.context_beats import make_contexts
from tests.processes import ROOT, JobHere, run
from tests.searches import SMALL, arguments_of

TABLE = "default.beats_to_train_on"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_beats_to_train_on(noisy(20, seed=0), tmp_path_factory.mktemp("catalog") / "beats")


@pytest.fixture(scope="module")
def table(spark: SparkSession, files: Path) -> Iterator[str]:
    """A table in several partitions, with columns of other types, and two that cannot be computed where not needed."""
    spark.read.parquet(str(files)).repartition(5).createOrReplaceTempView("beats_of_files")
    spark.sql(
        "CREATE TABLE default.beats_to_see USING parquet AS SELECT CAST(beat AS array<double>) AS beat, "
        "CAST(label AS decimal(5, 1)) AS label, record, split, IF(split = 'train', date'2026-01-31', NULL) AS day "
        "FROM beats_of_files"
    )
    spark.sql(
        "CREATE VIEW default.beats_to_train_on AS "
        "SELECT IF(split = 'test', raise_error('a row that is not needed'), beat) AS beat, "
        "label, record, split, day, CAST(raise_error('a column that is not needed') AS array<float>) AS context_1 "
        "FROM default.beats_to_see"
    )
    yield TABLE
    spark.sql(f"DROP VIEW {TABLE}")
    spark.sql("DROP TABLE default.beats_to_see")


@pytest.mark.both_sparks
def test_a_table_of_the_catalog_is_read_as_its_files_are(spark: SparkSession, files: Path, table: str):
    expected = read_training_set(str(files), "split=train", "multiclass")
    for rows in ("split=train", "day=2026-01-31"):
        found = read_training_set(table, rows, "multiclass", spark=spark)
        # Beats of a record have no order of their own here.
        assert sorted(map(bytes, found.beats.series)) == sorted(map(bytes, expected.beats.series))
        assert found.beats.records is not None and found.beats.records.tolist() == expected.beats.records.tolist()
        assert sorted(found.beats.labels) == sorted(expected.beats.labels)
    other = read_other_beats("default.beats_to_see", "record", "r3", spark=spark)
    assert len(other.series) == 90
    assert other.records is not None and "r3" not in other.records


def test_what_a_table_of_the_catalog_lacks_is_named_as_in_files(spark: SparkSession, table: str):
    with pytest.raises(DataError, match="has no row with split = 'DS1'; found 'test', 'train'. Only MIT-BIH records"):
        read_beats(table, "split", "DS1", spark=spark)
    with pytest.raises(DataError, match=f"{TABLE} has no column 'group'; found: beat, .*; name the rows to take with"):
        read_beats(table, "group", "DS1", spark=spark)
    with pytest.raises(DataError, match=r"the catalog has no table default\.none"):
        read_beats("default.none", spark=spark)
    spark.sql("CREATE OR REPLACE TEMP VIEW odd AS SELECT 'text' AS beat, 1 AS label")
    spark.sql("CREATE TABLE default.odd USING parquet AS SELECT * FROM odd")
    with pytest.raises(DataError, match=r"default\.odd: expected column 'beat' to be a list of float or double"):
        read_beats("default.odd", spark=spark)


def test_contexts_are_read_from_a_table_of_the_catalog(spark: SparkSession, tmp_path: Path):
    labels = np.resize([0, 1, 2], 30)
    contexts = make_contexts(labels)
    rows = [(f"r{i // 5}", i, int(labels[i]), contexts[i].tolist(), "DS2" if i > 24 else "DS1") for i in range(30)]
    frame = spark.createDataFrame(rows, "record string, sample long, label int, context_1 array<float>, group string")
    frame.write.saveAsTable("default.contexts")
    frame.write.parquet(str(tmp_path / "contexts"))
    found = read_context_beats(["default.contexts"], ["DS2"], spark=spark)
    assert len(found) == 25
    assert found.fingerprint() == read_context_beats([str(tmp_path / "contexts")], ["DS2"]).fingerprint()


def test_the_jobs_take_a_table_of_the_catalog(table: str, job_here: JobHere, tmp_path: Path):
    model, given = tmp_path / "m.safetensors", ("--beats", table, "--rows", "day=2026-01-31")
    done = job_here("train", *given, "--model", model, "--epochs", "1", *SMALL)
    assert done.returncode == 0, done.stderr
    assert read_model(model).header.training_data.source == TABLE
    done = job_here("calibrate", *given, "--model", model, "--output", tmp_path / "int8.safetensors")
    assert done.returncode == 0, done.stderr
    assert read_model(tmp_path / "int8.safetensors").header.require_int8().beats == 100
    done = job_here(
        "tune", *arguments_of(Path(table), tmp_path / "tuned", *given[2:], "--max-jobs", "1", "--epochs", "1")
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "tuned" / "best.safetensors").exists()


def test_without_spark_a_table_is_refused_in_one_line_and_files_are_trained_on(files: Path, tmp_path: Path):
    script = tmp_path / "script.py"
    (tmp_path / "pyspark.py").write_text("raise ModuleNotFoundError(\"No module named 'pyspark'\", name='pyspark')")
    script.write_text(
        "import sys\n"
        "from jobs.train import main\n"
        "from lstm_fcn.console import run_job\n"
        "small = ['--epochs', '1', '--filters-1', '4', '--filters-2', '4', '--filters-3', '4', '--hidden-size', '4']\n"
        "codes = [run_job(main, ['--beats', each, '--model', sys.argv[1], *small]) for each in sys.argv[2:]]\n"
        "sys.exit(repr(codes))\n"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = run(sys.executable, script, tmp_path / "m.safetensors", "ecg.beats", files, PYTHONPATH=path)
    assert done.stderr.splitlines()[-1] == "[2, 0]", done.stderr
    assert done.stderr.startswith(
        "error: ecg.beats, a table of the catalog, needs pyspark, which is not installed here: pip install "
        "'lstm-fcn[spark]'\n"
    )

from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from lstm_fcn.data.beats import Beats
from lstm_fcn.errors import DataError
from lstm_fcn.model.file import read_model
from lstm_fcn.spark.prepare.csv_form import beats_of_csv
from lstm_fcn.spark.prepare.records import FAILURE_SCHEMA
from tests.processes import JobHere

SMALL = ("--filters-1", "4", "--filters-2", "4", "--filters-3", "4", "--hidden-size", "4")


def write_csv(path: Path, beats: Beats) -> Path:
    rows = np.column_stack([beats.series.astype(np.float64), beats.labels])
    np.savetxt(path, rows, delimiter=",", fmt="%.18e")
    return path


def test_the_published_form_becomes_the_beat_table_bit_for_bit(spark: SparkSession, beats: Beats, tmp_path: Path):
    table = beats_of_csv(spark, str(write_csv(tmp_path / "beats.csv", beats)), "test")
    assert table.dtypes == spark.createDataFrame([], FAILURE_SCHEMA).dtypes
    rows = table.coalesce(1).toPandas()
    np.testing.assert_array_equal(np.stack(rows["beat"]), beats.series)
    assert rows["label"].tolist() == beats.labels.tolist()
    assert rows["length"].tolist() == [np.flatnonzero(series)[-1] + 1 for series in beats.series]
    assert set(rows["split"]) == {"test"}
    assert rows[["record", "sample", "symbol", "group", "context_1"]].isna().all().all()


def test_a_beat_of_zeros_has_no_length(spark: SparkSession, tmp_path: Path):
    beats = Beats(np.zeros((1, 187), np.float32), np.array([3]))
    table = beats_of_csv(spark, str(write_csv(tmp_path / "b.csv", beats)), None, ["N", "S", "V", "F", "Q"])
    assert table.first()["length"] == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (",".join(["0.5"] * 187), "expected 188 columns, found 187"),
        (",".join(["0.5"] * 188), "expected a label 0 to 4 in the last column, found 0.5"),
        (",".join(["0.5"] * 187 + ["5.0"]), "expected a label 0 to 4 in the last column, found 5.0"),
        (",".join(["0.5"] * 186 + ["x", "1"]), "a value is not a number"),
        (",".join(["0.5"] * 186 + ["", "1"]), "a value is not a number"),
        (",".join(["0.5"] * 186 + ["NaN", "1"]), "a value is not a number"),
        (",".join(["0.5"] * 186 + ["-inf", "1"]), "a value is not a number"),
    ],
)
def test_a_bad_row_is_shown_with_what_was_expected(
    spark: SparkSession, beats: Beats, tmp_path: Path, line: str, message: str
):
    path = write_csv(tmp_path / "beats.csv", beats)
    with path.open("a") as file:
        file.write(line + "\n\n")
    with pytest.raises(DataError, match=rf"beats\.csv: 1 bad rows, one of them: {message}.*it starts '{line[:20]}"):
        beats_of_csv(spark, str(path), None)


def test_what_spreadsheets_and_pandas_put_on_top_is_left_out(spark: SparkSession, beats: Beats, tmp_path: Path):
    path = write_csv(tmp_path / "beats.csv", beats)
    quoted = path.read_text().replace(",", '","').replace("\n", '"\r\n"')
    path.write_text("\ufeffsep=,\n" + ",".join(str(i) for i in range(188)) + '\n"' + quoted.removesuffix('"'))
    assert beats_of_csv(spark, str(path), None).count() == len(beats)


def test_the_classes_of_a_file_stay_with_its_labels(
    job_here: JobHere, spark: SparkSession, beats: Beats, model_file: Path, tmp_path: Path
):
    path = write_csv(tmp_path / "two.csv", Beats(beats.series[:60], beats.labels[:60] % 2))
    table, out, model = tmp_path / "beats", tmp_path / "out", tmp_path / "two.safetensors"
    arguments = ("--csv", path, "--csv-split", "train", "--classes", "normal,abnormal", "--output", table)
    assert "classes 0=normal, 1=abnormal" in job_here("prepare", *arguments).stderr
    assert job_here("train", "--beats", table, "--model", model, *SMALL, "--epochs", "1").returncode == 0
    assert read_model(model).header.classes == ["normal", "abnormal"]
    other = job_here("train", "--beats", table, "--model", model, "--classes", "N,S", *SMALL)
    assert other.stderr.startswith(f"error: {table} names its classes normal, abnormal, in the order of the labels 0")
    # The same numbers mean something else to a model of AAMI's classes.
    scored = job_here("score", "--beats", table, "--model", model_file, "--output", out)
    assert scored.returncode == 0
    assert f"{table}: expected column 'label' to hold labels of the model's classes (N, S, V, F, Q)" in scored.stderr
    assert "accuracy" not in scored.stdout
    asked = job_here("score", "--beats", table, "--model", model_file, "--output", out, "--label", "label")
    assert asked.returncode == 3
    assert asked.stderr.endswith("found those of normal, abnormal; --label none scores without metrics\n")
    spark.read.parquet(str(table)).selectExpr("label", "beat", "split AS part").write.parquet(str(tmp_path / "copy"))
    scored = job_here("score", "--beats", tmp_path / "copy", "--model", model, "--output", out)
    assert "normal " in scored.stdout and "accuracy" in scored.stdout


def test_a_file_without_rows_is_refused(spark: SparkSession, tmp_path: Path):
    (tmp_path / "b.csv").write_text("\n\n")
    with pytest.raises(DataError, match=r"b\.csv has no rows"):
        beats_of_csv(spark, str(tmp_path / "b.csv"), None)


def test_no_file_is_refused(spark: SparkSession, tmp_path: Path):
    with pytest.raises(DataError, match="no CSV file at .*: it is not there, or is empty"):
        beats_of_csv(spark, str(tmp_path / "none.csv"), None)

"""CSV files whose labels are not AAMI's, and lines that are no rows."""

from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from lstm_fcn.errors import DataError
from lstm_fcn.spark.prepare.csv_form import beats_of_csv


def write(path: Path, labels: list[int], first: str = "") -> Path:
    rows = np.column_stack([np.random.default_rng(0).random((len(labels), 187)), labels])
    path.parent.mkdir(exist_ok=True)
    np.savetxt(path, rows, delimiter=",")
    path.write_text(first + path.read_text())
    return path


def test_two_classes_are_not_taken_for_aamis(spark: SparkSession, tmp_path: Path):
    for labels, listed in (([1] * 5, "1"), ([0, 1] * 5, "0, 1"), ([0, 1, 2, 3] * 2, "0, 1, 2, 3")):
        path = str(write(tmp_path / "ptbdb.csv", labels))
        with pytest.raises(DataError, match=rf"expected all of AAMI's .*ptbdb\.csv has only {listed}: .*--classes"):
            beats_of_csv(spark, path, None)
    path = str(write(tmp_path / "ptbdb.csv", [0, 1] * 5))
    found = beats_of_csv(spark, path, None, ["normal", "abnormal"])
    assert sorted(row["label"] for row in found.collect()) == [0] * 5 + [1] * 5
    with pytest.raises(DataError, match="expected a label 0 to 1 in the last column, found 2.0"):
        beats_of_csv(spark, str(write(tmp_path / "mitbih.csv", [0, 1, 2, 3, 4])), None, ["normal", "abnormal"])


def test_a_folder_of_two_kinds_is_refused(spark: SparkSession, tmp_path: Path):
    write(tmp_path / "both" / "mitbih_test.csv", [0, 1, 2, 3, 4])
    write(tmp_path / "both" / "ptbdb_abnormal.csv", [1, 1])
    with pytest.raises(DataError, match="holds files of two kinds: .* ptbdb_abnormal.csv has only 1: .*one by one"):
        beats_of_csv(spark, str(tmp_path / "both"), None)
    write(tmp_path / "one" / "mitbih_test.csv", [0, 1, 2, 3, 4])
    write(tmp_path / "one" / "mitbih_train.csv", [4, 3, 2, 1, 0, 0])
    assert beats_of_csv(spark, str(tmp_path / "one"), None).count() == 11


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (",".join(f"x_{i}" for i in range(188)), "a value is not a number: remove the header"),
    ],
)
def test_a_line_that_is_no_row_is_named_with_its_file(spark: SparkSession, tmp_path: Path, line: str, message: str):
    write(tmp_path / "in" / "a.csv", [0, 1, 2, 3, 4])
    write(tmp_path / "in" / "b.csv", [0, 1, 2, 3, 4], line + "\n")
    with pytest.raises(DataError, match=rf"1 bad rows, one of them in b\.csv: {message}"):
        beats_of_csv(spark, str(tmp_path / "in"), None)

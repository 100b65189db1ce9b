from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from lstm_fcn.beats import BEAT_SCHEMA, Beats
from lstm_fcn.errors import DataError
from lstm_fcn.spark.csv_form import beats_of_csv


def write_csv(path: Path, beats: Beats) -> Path:
    rows = np.column_stack([beats.series.astype(np.float64), beats.labels])
    np.savetxt(path, rows, delimiter=",", fmt="%.18e")
    return path


def test_the_published_form_becomes_the_beat_table_bit_for_bit(spark: SparkSession, beats: Beats, tmp_path: Path):
    table = beats_of_csv(spark, str(write_csv(tmp_path / "beats.csv", beats)), "test")
    assert table.dtypes == spark.createDataFrame([], BEAT_SCHEMA).dtypes
    rows = table.coalesce(1).toPandas()
    np.testing.assert_array_equal(np.stack(rows["beat"]), beats.series)
    assert rows["label"].tolist() == beats.labels.tolist()
    assert rows["length"].tolist() == [np.flatnonzero(series)[-1] + 1 for series in beats.series]
    assert set(rows["split"]) == {"test"}
    assert rows[["record", "sample", "symbol", "group"]].isna().all().all()


def test_a_beat_of_zeros_has_no_length(spark: SparkSession, tmp_path: Path):
    beats = Beats(np.zeros((1, 187), np.float32), np.array([3]))
    assert beats_of_csv(spark, str(write_csv(tmp_path / "b.csv", beats)), None).first()["length"] == 0


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
        (",".join(str(i) for i in range(188)), "expected a label 0 to 4"),  # a header
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


def test_a_file_without_rows_is_refused(spark: SparkSession, tmp_path: Path):
    (tmp_path / "b.csv").write_text("\n\n")
    with pytest.raises(DataError, match=r"b\.csv has no rows"):
        beats_of_csv(spark, str(tmp_path / "b.csv"), None)


def test_no_file_is_refused(spark: SparkSession, tmp_path: Path):
    with pytest.raises(DataError, match="no CSV file at"):
        beats_of_csv(spark, str(tmp_path / "none.csv"), None)

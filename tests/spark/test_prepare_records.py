import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.data.cutting import cut_beats
from lstm_fcn.data.detection import detect_beats
from lstm_fcn.data.simulate import write_records
from lstm_fcn.data.wfdb_files import read_wfdb
from lstm_fcn.errors import DataError
from lstm_fcn.spark.prepare.records import FAILURE_SCHEMA, Reading, beats_of_records


@pytest.fixture
def copy(records: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(records, tmp_path / "re cords"))


def test_the_table_holds_every_records_beats_as_cut_on_the_driver(spark: SparkSession, records: Path):
    table = beats_of_records(spark, str(records), Reading(test_records=("s02",)))
    assert table.dtypes == spark.createDataFrame([], FAILURE_SCHEMA).dtypes
    rows = table.toPandas().sort_values(["record", "sample"])
    for name, found in rows.groupby("record"):
        expected = cut_beats(read_wfdb(records, name))
        for column in ("sample", "symbol", "label", "length"):
            assert found[column].tolist() == expected[column].tolist()
        np.testing.assert_array_equal(np.stack(found["beat"]), np.stack(expected["beat"]))
    assert set(rows["record"]) == {"s01", "s02", "s03"}
    assert set(rows[rows["split"] == "test"]["record"]) == {"s02"}
    assert rows["group"].isna().all()


def test_each_record_is_a_task_of_its_own(spark: SparkSession, records: Path):
    table = beats_of_records(spark, str(records))
    tasks = table.select("record", F.spark_partition_id().alias("task")).distinct().toPandas()
    assert sorted(tasks["record"]) == ["s01", "s02", "s03"]
    assert tasks["task"].nunique() == 3


def failures(table: DataFrame) -> dict[str, str]:
    return {row["record"]: row["failure"] for row in table.where("failure IS NOT NULL").collect()}


def test_other_files_do_not_disturb_and_records_below_are_called_by_their_path(spark: SparkSession, copy: Path):
    (copy / "RECORDS").write_text("s01\n")
    (copy / "ward 1").mkdir()
    for file in copy.glob("s02.*"):
        file.rename(copy / "ward 1" / file.name)
    table = beats_of_records(spark, f"{copy}/")
    assert failures(table) == {}
    assert {row["record"] for row in table.select("record").distinct().collect()} == {"s01", "ward 1/s02", "s03"}


def test_a_path_that_holds_itself_again_is_kept_whole(spark: SparkSession, copy: Path):
    again = copy / str(copy).lstrip("/")
    again.mkdir(parents=True)
    for file in copy.glob("s02.*"):
        shutil.copy(file, again / file.name)
    found = {row["record"] for row in beats_of_records(spark, str(copy)).select("record").distinct().collect()}
    assert found == {"s01", "s02", "s03", f"{copy}/s02".lstrip("/")}


def test_only_some_records_are_taken(spark: SparkSession, copy: Path):
    table = beats_of_records(spark, str(copy), Reading(only=("s03",)))
    assert {row["record"] for row in table.select("record").distinct().collect()} == {"s03"}
    with pytest.raises(DataError, match="records to take that are not in .*: s9"):
        beats_of_records(spark, str(copy), Reading(only=("s03", "s9")))


def test_an_empty_file_is_a_record_that_cannot_be_read_and_is_not_passed_by(spark: SparkSession, copy: Path):
    for name in ("s01.atr", "s02.hea", "s03.dat", "s05.edf", "._s06.hea", "_SUCCESS"):
        (copy / name).write_bytes(b"")
    found = failures(beats_of_records(spark, str(copy)))
    assert found.keys() == {"s01", "s02", "s03", "s05"}
    assert found["s01"].startswith("s01.atr is empty: remove it, or give --detect")
    assert found["s02"] == "the header is empty"
    assert found["s03"] == "s03.dat is short: expected 43,200 bytes, found 0"
    assert found["s05"] == "the file ends in its header (0 bytes)"
    detected = beats_of_records(spark, str(copy), Reading(annotator="detect", only=("s01",)))
    assert failures(detected) == {}


def test_a_record_that_cannot_be_read_is_a_row_and_costs_no_other(spark: SparkSession, copy: Path):
    (copy / "s01.dat").unlink()
    (copy / "s02.dat").write_bytes((copy / "s02.dat").read_bytes()[:1000])
    table = beats_of_records(spark, str(copy))
    assert failures(table) == {
        "s01": "s01.dat is missing",
        "s02": "s02.dat is short: expected 43,200 bytes, found 1,000",
    }
    assert table.where("failure IS NULL").select("record").distinct().collect() == [("s03",)]


def test_beats_are_detected_where_no_annotation_is_there_or_asked_for(spark: SparkSession, copy: Path):
    (copy / "s01.atr").unlink()
    signal = read_wfdb(copy, "s02").signal
    table = beats_of_records(spark, str(copy)).toPandas()
    assert table.groupby("record")["annotator"].first().to_dict() == {"s01": "sleepecg", "s02": "atr", "s03": "atr"}
    assert table.query("record == 's01'")[["symbol", "label"]].isna().all(axis=None)
    detected = beats_of_records(spark, str(copy), Reading(annotator="detect", only=("s02",))).toPandas()
    assert detected["sample"].tolist() == detect_beats(signal, 360)[:-1].tolist()
    assert failures(beats_of_records(spark, str(copy), Reading(annotator="atr"))) == {"s01": "s01.atr is missing"}


def test_the_lead_that_is_asked_for_is_taken(spark: SparkSession, copy: Path):
    taken = beats_of_records(spark, str(copy), Reading(leads=("V9", "V1"))).select("lead").distinct().collect()
    assert taken == [("V1",)]
    assert failures(beats_of_records(spark, str(copy), Reading(leads=("V9",), only=("s01",)))) == {
        "s01": "expected a lead V9, found 0 MLII (mV), 1 V1 (mV)"
    }


@pytest.mark.parametrize("form", ["wfdb", "edf"])
def test_the_same_record_at_another_frequency_and_in_another_file_has_the_same_beats(
    spark: SparkSession, records: Path, tmp_path: Path, form: str
):
    write_records(tmp_path / "other", records=1, seconds=40, seed=3, fs=360, form=form)
    expected = beats_of_records(spark, str(records), Reading(only=("s01",))).toPandas().sort_values("sample")
    found = beats_of_records(spark, str(tmp_path / "other")).toPandas().sort_values("sample")
    assert found["sample"].tolist() == expected["sample"].tolist()
    assert found["label"].tolist() == expected["label"].tolist()
    assert np.abs(np.stack(found["beat"]) - np.stack(expected["beat"])).max() < 0.005


def test_a_name_of_mitbih_is_not_enough(spark: SparkSession, copy: Path):
    rename_record(copy, "s01", "105")
    rows = beats_of_records(spark, str(copy), Reading(only=("105",))).select("split", "group").distinct().collect()
    assert rows == [(None, None)]


def test_no_folder_and_a_folder_without_records_are_refused(spark: SparkSession, tmp_path: Path):
    with pytest.raises(DataError, match="no folder with records at"):
        beats_of_records(spark, str(tmp_path / "nothing"))
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"no \.hea, \.edf or \.bdf file below"):
        beats_of_records(spark, str(tmp_path))


def test_a_record_to_hold_out_must_be_there(spark: SparkSession, records: Path):
    with pytest.raises(DataError, match="records to hold out that are not in .*: s77"):
        beats_of_records(spark, str(records), Reading(test_records=("s01", "s77")))


def rename_record(folder: Path, old: str, new: str) -> None:
    for suffix in (".hea", ".dat", ".atr"):
        (folder / f"{old}{suffix}").rename(folder / f"{new}{suffix}")
    header = folder / f"{new}.hea"
    header.write_text(header.read_text().replace(old, new))


def test_record_102_uses_its_original_annotations(spark: SparkSession, copy: Path, caplog: pytest.LogCaptureFixture):
    rename_record(copy, "s01", "102")
    shutil.copy(copy / "s02.atr", copy / "102-0.atr")
    original = cut_beats(read_wfdb(copy, "102"))["sample"].tolist()
    with caplog.at_level(logging.WARNING):
        table = beats_of_records(spark, str(copy)).where("record = '102'").orderBy("sample")
    assert [row["sample"] for row in table.select("sample").collect()] == original
    assert not caplog.records
    tasks = beats_of_records(spark, str(copy)).select("record", F.spark_partition_id()).distinct().toPandas()
    assert tasks.iloc[:, 1].nunique() == len(tasks) == 3  # its fourth file does not upset the cut

    (copy / "102-0.atr").unlink()
    with caplog.at_level(logging.WARNING):
        table = beats_of_records(spark, str(copy)).where("record = '102'").orderBy("sample")
    assert [row["sample"] for row in table.select("sample").collect()] != original
    assert "three rows differ from the published table (samples 589680, 589971 and 590262)" in caplog.text

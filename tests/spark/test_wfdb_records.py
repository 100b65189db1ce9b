import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lstm_fcn.beats import BEAT_SCHEMA
from lstm_fcn.errors import DataError
from lstm_fcn.records import cut_beats, read_record
from lstm_fcn.spark.tables import holds_files, read_table, write_table
from lstm_fcn.spark.wfdb_records import beats_of_records


@pytest.fixture
def copy(records: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(records, tmp_path / "re cords"))


def test_the_table_holds_every_records_beats_as_cut_on_the_driver(spark: SparkSession, records: Path):
    table = beats_of_records(spark, str(records), test_records=("s02",))
    assert table.dtypes == spark.createDataFrame([], BEAT_SCHEMA).dtypes
    rows = table.toPandas().sort_values(["record", "sample"])
    for name, found in rows.groupby("record"):
        expected = cut_beats(read_record(records, name))
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


def test_other_files_and_folders_do_not_disturb(spark: SparkSession, copy: Path):
    (copy / "RECORDS").write_text("s01\n")
    shutil.copytree(copy, copy / "excerpts")
    (copy / "excerpts" / "s01.dat").unlink()
    assert beats_of_records(spark, str(copy)).select("record").distinct().count() == 3


def test_all_missing_files_are_named_before_any_work(spark: SparkSession, copy: Path):
    (copy / "s01.dat").unlink()
    (copy / "s03.atr").unlink()
    (copy / "s03.hea").unlink()
    with pytest.raises(DataError, match=r"lacks files of its records: s01\.dat, s03\.hea, s03\.atr$"):
        beats_of_records(spark, str(copy))


def test_a_broken_record_is_named_and_no_row_is_written(spark: SparkSession, copy: Path, tmp_path: Path):
    content = (copy / "s02.dat").read_bytes()
    (copy / "s02.dat").write_bytes(content[:1000])
    output = str(tmp_path / "beats")
    with pytest.raises(DataError, match=r"^record s02: s02\.dat is short: expected 43,200 bytes, found 1,000$"):
        write_table(beats_of_records(spark, str(copy)), output)
    assert not holds_files(spark, output)
    (copy / "s02.dat").write_bytes(content)
    write_table(beats_of_records(spark, str(copy)), output)
    assert read_table(spark, output).select("record").distinct().count() == 3


def test_no_folder_and_a_folder_without_records_are_refused(spark: SparkSession, tmp_path: Path):
    with pytest.raises(DataError, match="no folder of records at"):
        beats_of_records(spark, str(tmp_path / "nothing"))
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"no \.hea, \.dat or \.atr file in"):
        beats_of_records(spark, str(tmp_path))


def test_a_record_to_hold_out_must_be_there(spark: SparkSession, records: Path):
    with pytest.raises(DataError, match="records to hold out that are not in .*: s77"):
        beats_of_records(spark, str(records), test_records=("s01", "s77"))


def rename_record(folder: Path, old: str, new: str) -> None:
    for suffix in (".hea", ".dat", ".atr"):
        (folder / f"{old}{suffix}").rename(folder / f"{new}{suffix}")
    header = folder / f"{new}.hea"
    header.write_text(header.read_text().replace(old, new))


def test_record_102_uses_its_original_annotations(spark: SparkSession, copy: Path, caplog: pytest.LogCaptureFixture):
    rename_record(copy, "s01", "102")
    shutil.copy(copy / "s02.atr", copy / "102-0.atr")
    original = cut_beats(read_record(copy, "102"))["sample"].tolist()
    with caplog.at_level(logging.WARNING):
        table = beats_of_records(spark, str(copy)).where("record = '102'").orderBy("sample")
    assert [row["sample"] for row in table.select("sample").collect()] == original
    assert not caplog.records
    assert table.first()["group"] == "paced"
    tasks = beats_of_records(spark, str(copy)).select("record", F.spark_partition_id()).distinct().toPandas()
    assert tasks.iloc[:, 1].nunique() == len(tasks) == 3  # its fourth file does not upset the cut

    (copy / "102-0.atr").unlink()
    with caplog.at_level(logging.WARNING):
        table = beats_of_records(spark, str(copy)).where("record = '102'").orderBy("sample")
    assert [row["sample"] for row in table.select("sample").collect()] != original
    assert "three rows differ from the published table (samples 589680, 589971 and 590262)" in caplog.text

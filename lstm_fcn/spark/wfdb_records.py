"""WFDB records to a beat table: one Spark task a record."""

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.beats import BEAT_SCHEMA
from lstm_fcn.errors import DataError
from lstm_fcn.labels import GROUP_OF_RECORD
from lstm_fcn.records import cut_beats, read_record
from lstm_fcn.spark.tables import holds_files
from lstm_fcn.splits import CORRECTED_ANNOTATIONS, ORIGINAL_ANNOTATIONS, split_beats

log = logging.getLogger(__name__)

_NAMED_AT_MOST = 20


def beats_of_records(spark: SparkSession, folder: str, test_records: tuple[str, ...] = ()) -> DataFrame:
    """Cut all records of a folder, one Spark task a record.

    Parameters
    ----------
    spark : SparkSession
    folder : str
        With `.hea`, `.dat` and `.atr` files, on any storage that Spark reads.
    test_records : tuple of str
        Records to hold out whole; where it is empty, the published split of the MIT-BIH records applies.

    Returns
    -------
    DataFrame
        The beat table (`lstm_fcn.beats.BEAT_SCHEMA`), lazily.

    Raises
    ------
    DataError
        If the folder holds no records or a record lacks a file; what is wrong inside a file is raised by
        the task that reads it.
    """
    files = _record_files(spark, folder)
    names = _check_files(files, folder)
    unknown = sorted(set(test_records) - set(names))
    if unknown:
        raise DataError(f"records to hold out that are not in {folder}: {', '.join(unknown[:_NAMED_AT_MOST])}")
    for record, stem in ORIGINAL_ANNOTATIONS.items():
        if f"{stem}.atr" in names.get(record, []):
            files = files.where(F.col("name") != f"{record}.atr")
    # By range, not by hash, and of each record three files: as many tasks as records, never two in one.
    tasks = files.repartitionByRange(len(names), "record")
    return tasks.groupBy("record").applyInPandas(_cutter(test_records), BEAT_SCHEMA)


def _record_files(spark: SparkSession, folder: str) -> DataFrame:
    if not holds_files(spark, folder):
        raise DataError(f"no folder of records at {folder}")
    files = spark.read.format("binaryFile").option("pathGlobFilter", "*.{hea,dat,atr}").load(folder)
    name = F.element_at(F.split("path", "/"), -1)
    record = F.regexp_replace(name, r"\.[a-z]+$", "")
    for original_of, stem in ORIGINAL_ANNOTATIONS.items():
        record = F.when(record == stem, original_of).otherwise(record)
    return files.select(record.alias("record"), name.alias("name"), "content")


def _check_files(files: DataFrame, folder: str) -> dict[str, list[str]]:
    listed = files.groupBy("record").agg(F.collect_set("name").alias("names")).collect()
    names_of: dict[str, list[str]] = {row["record"]: row["names"] for row in listed}
    if not names_of:
        raise DataError(f"no .hea, .dat or .atr file in {folder}")
    missing = []
    for record, names in sorted(names_of.items()):
        missing += [file for file in (f"{record}.hea", f"{record}.dat") if file not in names]
        annotations = {f"{record}.atr", f"{ORIGINAL_ANNOTATIONS.get(record, record)}.atr"}
        missing += [] if annotations & set(names) else [f"{record}.atr"]
        if record in CORRECTED_ANNOTATIONS and f"{ORIGINAL_ANNOTATIONS[record]}.atr" not in names:
            log.warning(CORRECTED_ANNOTATIONS[record])
    if missing:
        more = f" and {len(missing) - _NAMED_AT_MOST} more" if len(missing) > _NAMED_AT_MOST else ""
        raise DataError(f"{folder} lacks files of its records: {', '.join(missing[:_NAMED_AT_MOST])}{more}")
    return names_of


def _cutter(test_records: tuple[str, ...]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def cut(files: pd.DataFrame) -> pd.DataFrame:
        name = files["record"].iloc[0]
        with tempfile.TemporaryDirectory() as folder:
            for file, content in zip(files["name"], files["content"], strict=True):
                (Path(folder) / file).write_bytes(content)
            beats = cut_beats(read_record(Path(folder), name))
        split = split_beats(name, beats["sample"].to_numpy(), test_records)
        return beats.assign(record=name, split=split, group=GROUP_OF_RECORD.get(name))

    return cut

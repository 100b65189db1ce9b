"""Records in files (WFDB, EDF) to a beat table: one Spark task a record."""

import logging
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.context.form import CONTEXT_FORM
from lstm_fcn.context.record import record_context
from lstm_fcn.data.beats import BEAT_SCHEMA
from lstm_fcn.data.cutting import cut_beats
from lstm_fcn.data.detection import detect_beats
from lstm_fcn.data.edf_files import read_edf
from lstm_fcn.data.labels import GROUP_OF_RECORD, LABEL_OF_SYMBOL
from lstm_fcn.data.record_files import EDF_SUFFIXES, RecordFiles, files_below, find_records
from lstm_fcn.data.records import Record
from lstm_fcn.data.splits import CORRECTED_ANNOTATIONS, ORIGINAL_ANNOTATIONS, is_of_mitbih, split_beats
from lstm_fcn.data.wfdb_files import read_wfdb
from lstm_fcn.errors import DataError
from lstm_fcn.spark.files import split_scheme
from lstm_fcn.spark.prepare.output import NO_BEATS
from lstm_fcn.spark.tables import holds_files

log = logging.getLogger(__name__)

FAILURE_SCHEMA = f"{BEAT_SCHEMA}, failure string"
"""A beat table in which a record that cannot be read is one row, with the reason; one without beats has `NO_BEATS`."""

_NAMED_AT_MOST = 20


@dataclass(frozen=True)
class Reading:
    """How records are read.

    Attributes
    ----------
    leads : tuple of str
        As `lstm_fcn.data.records.choose_lead` takes them.
    annotator : str or None
        Extension of the annotation files; 'detect' detects the beats of all records; None takes `.atr` where there is
        one, and else detects them.
    test_records : tuple of str
        Records to hold out whole; where it is empty, the published split of the MIT-BIH records applies.
    only : tuple of str
        Records to take; all without any.
    """

    leads: tuple[str, ...] = ()
    annotator: str | None = None
    test_records: tuple[str, ...] = ()
    only: tuple[str, ...] = ()


def beats_of_records(spark: SparkSession, folder: str, reading: Reading | None = None) -> DataFrame:
    """Cut all records below a folder, one Spark task a record.

    Parameters
    ----------
    spark : SparkSession
    folder : str
        With WFDB records (`.hea`, signal files, annotation files) or EDF files, in it or in folders below it, on any
        storage that Spark reads. The driver holds the names of the files and the texts of the headers.
    reading : Reading, optional

    Returns
    -------
    DataFrame
        The beat table (`lstm_fcn.data.beats.BEAT_SCHEMA`) and `failure`, lazily: a record that cannot be read is one
        row with `record` and the reason; one that has no beats is one with `lstm_fcn.spark.prepare.output.NO_BEATS`.

    Raises
    ------
    DataError
        If there are no records, or not those that are named.
    """
    reading = reading or Reading()
    files, found = _find(spark, folder, reading)
    _check_names(found, reading, folder)
    parts = [(each.name, path, as_name) for each in found for path, as_name in each.files.items()]
    planned = spark.createDataFrame(parts, "record string, relative string, as_name string")
    contents = files.select("relative", "content").join(F.broadcast(planned), "relative")
    # By range, not by hash: as many tasks as records, and few that hold two, where the numbers of files differ.
    tasks = contents.repartitionByRange(len(found), "record")
    return tasks.groupBy("record").applyInPandas(_cutter(reading), FAILURE_SCHEMA)


def _find(spark: SparkSession, folder: str, reading: Reading) -> tuple[DataFrame, list[RecordFiles]]:
    places, empty = _local_places(folder)
    if not holds_files(spark, places[0]):
        raise DataError(f"no folder with records at {folder}: it is not there, or holds no file")
    files = spark.read.format("binaryFile").option("recursiveFileLookup", True).load(places)
    above = _path_of(folder)
    start = F.locate(above, "path") + F.lit(len(above))
    files = files.select(F.col("path").substr(start, F.length("path")).alias("relative"), "content")
    if empty:
        nothing = spark.createDataFrame([(path, b"") for path in empty], "relative string, content binary")
        files = files.unionByName(nothing)
    paths = [row["relative"] for row in files.select("relative").collect()]
    headers = files.where(F.lower("relative").endswith(".hea")).collect()
    texts = {row["relative"]: bytes(row["content"]).decode("utf-8", "replace") for row in headers}
    return files, find_records(paths, texts, reading.annotator, reading.only)


def _local_places(folder: str) -> tuple[list[str], list[str]]:
    """List what Spark has to read of a folder, as it takes paths, and the files below a local folder that are empty.

    Spark would follow links in a circle 40 times. It does not list empty files: a record would be lost with its header,
    or read as if the file were not there.
    """
    scheme, _, path = split_scheme(folder)
    if scheme not in ("", "file") or not Path(path).is_dir():
        return [folder], []
    files, has_circles = files_below(Path(path))
    empty = [str(each.relative_to(path)) for each in files if not each.stat().st_size]
    empty = [name for name in empty if not re.search(r"(^|/)[._]", name)]  # Spark passes by such names
    if not has_circles:
        return [folder], empty
    return [re.sub(r"([*?\[\]{}\\])", r"\\\1", str(each.absolute())) for each in files], empty


def _path_of(folder: str) -> str:
    """Return how the paths of a folder's files begin, behind their scheme, and their host where it is not given."""
    scheme, host, path = split_scheme(folder)
    if scheme in ("", "file"):
        return f"{os.path.abspath(path).rstrip('/')}/"  # noqa: PTH100 - links stay links
    return f"//{host}{path.rstrip('/')}/" if host else f"{path.rstrip('/')}/"


def _check_names(found: list[RecordFiles], reading: Reading, folder: str) -> None:
    names = {each.name for each in found}
    for what, asked in (("to take", reading.only), ("to hold out", reading.test_records)):
        unknown = sorted(set(asked) - names)
        if unknown:
            raise DataError(f"records {what} that are not in {folder}: {', '.join(unknown[:_NAMED_AT_MOST])}")
    if not found:
        raise DataError(f"no .hea, .edf or .bdf file below {folder}")
    for record, text in CORRECTED_ANNOTATIONS.items():
        files = next((each.files.values() for each in found if each.name == record), ())
        if f"{record}.atr" in files and f"{ORIGINAL_ANNOTATIONS[record]}.atr" not in files:
            log.warning(text)


def _cutter(reading: Reading) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def cut(files: pd.DataFrame) -> pd.DataFrame:
        name = files["record"].iloc[0]
        try:
            with tempfile.TemporaryDirectory() as folder:
                for file, content in zip(files["as_name"], files["content"], strict=True):
                    (Path(folder) / file).write_bytes(content)
                record = _read(Path(folder), list(files["as_name"]), name, reading)
            return beats_of_record(name, record, reading.test_records)
        except DataError as error:
            return failed(name, str(error))

    return cut


def _read(folder: Path, names: list[str], record: str, reading: Reading) -> Record:
    stem = PurePosixPath(record).name
    recording = [name for name in names if name.lower().endswith(EDF_SUFFIXES)]
    if recording:
        return read_edf(folder / recording[0], reading.leads, reading.annotator, detect_beats)

    def read(leads: tuple[str, ...]) -> Record:
        return read_wfdb(folder, stem, leads=leads, annotator=reading.annotator, detect=detect_beats)

    if stem in GROUP_OF_RECORD and not reading.leads and reading.annotator in (None, "atr"):
        # The published beats of MIT-BIH are of the first signal, whatever lead that is.
        first = read(("0",))
        if is_of_mitbih(stem, first.samples, first.fs):
            return first
    return read(reading.leads)


def beats_of_record(name: str, record: Record, test_records: tuple[str, ...]) -> pd.DataFrame:
    """Cut a record into rows of `FAILURE_SCHEMA`."""
    beats = cut_beats(record)
    if beats.empty:  # its row says that it was read, so that older beats of it do not stay
        return failed(name, NO_BEATS)
    beats[CONTEXT_FORM] = list(contexts_of_beats(record)[: len(beats)])  # the last beat of a record is not cut
    is_mitbih = is_of_mitbih(name, record.samples, record.fs)
    split, group = split_beats(name, beats["sample"].to_numpy(), is_mitbih, test_records)
    return beats.assign(record=name, split=split, group=group, failure=None)


def contexts_of_beats(record: Record) -> NDArray[np.float32]:
    """Compute the contexts of all beats of a record, the last one's too: (n, CONTEXT_LENGTH)."""
    is_beat = [record.symbols is None or record.symbols[i] in LABEL_OF_SYMBOL for i in range(len(record.samples))]
    return record_context(record.signal, record.fs, record.samples[np.array(is_beat, dtype=bool)])


def failed(name: str, reason: str) -> pd.DataFrame:
    """Return the one row of a record that cannot be read, or has no beats."""
    columns = [column.split()[0].strip("`") for column in FAILURE_SCHEMA.split(", ")]
    row = dict.fromkeys(columns) | {"record": name, "failure": reason}
    return pd.DataFrame([row], dtype=object)

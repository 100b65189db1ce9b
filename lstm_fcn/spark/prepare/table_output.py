"""Beats into a table of the catalog: added to it, or in the place of those of the same records."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from lstm_fcn.context.form import CONTEXT_FORM
from lstm_fcn.data.label_scheme import CLASSES_KEY
from lstm_fcn.data.labels import CLASSES
from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.spark.catalog import find_output, format_of_new_table
from lstm_fcn.spark.errors import own_errors_of_tasks, own_words
from lstm_fcn.spark.prepare.output import log_beatless, read_failures, refuse_too_many
from lstm_fcn.spark.rows import few_rows
from lstm_fcn.spark.scoring.conflicts import try_again_at_conflicts
from lstm_fcn.spark.scoring.delta import DeltaTable
from lstm_fcn.spark.scoring.iceberg import IcebergTable
from lstm_fcn.spark.scoring.lock import hold
from lstm_fcn.spark.scoring.lock_places import LockTable
from lstm_fcn.spark.scoring.table_format import (
    TableOfFiles,
    format_of_companions,
    refuse_unknown_format,
    rows_of,
    with_comments,
)
from lstm_fcn.spark.scoring.table_output import is_companion
from lstm_fcn.spark.session import new_run_id
from lstm_fcn.spark.sql import TableName, column, create_table, literal

log = logging.getLogger(__name__)

_BY = ["record"]
_SHOWN = 20
_FAILURES = dict.fromkeys(("run_id", "record", "reason"), "string")
_MEANINGS = {
    "record": "the record that the beat is from",
    "sample": "index of the annotation of the beat in the samples of the record",
    "symbol": "WFDB symbol of the beat, NULL where it was detected",
    "label": "number of the class of the beat, NULL where it was detected",
    "length": "values of the beat before it was cut or padded",
    "beat": "187 values at 120 Hz from the R peak on, scaled to [0, 1], padded with zeros",
    "split": "train or test",
    "group": "group of patients of the MIT-BIH records: DS1, DS2 or paced",
    "fs": "sampling frequency of the record in Hz",
    "lead": "the lead that was taken",
    "time_s": "time of the beat from the beginning of the record in s",
    "annotator": "what the beats are from: annotation files, a table, or the detector",
    CONTEXT_FORM: "what the whole record shows of the beat, for models that take the context",
}


@dataclass(frozen=True)
class Written:
    """What was written: the rows, as the table has them now, and how many records failed."""

    beats: DataFrame
    failed: int


def write_table(
    beats: DataFrame, name: TableName, *, replace: bool, most_failed: int, new_format: str | None = None
) -> Written:
    """Write beats into a table of the catalog; all records or none of them, and each record once.

    The beats are computed into the table NAME_staging_RUN first. Records that failed are added to NAME_failures.

    Parameters
    ----------
    beats : DataFrame
        With the columns of `lstm_fcn.data.beats.BEAT_SCHEMA` and `failure`, in which a record that failed, or that has
        no beats, is one row.
    name : TableName
        One that is not there is made.
    replace : bool
        Whether the rows of records that are there already are replaced by those of the same records. One that was
        read and has no beats any more keeps none; one that failed keeps its own.
    most_failed : int
        Records that may fail.
    new_format : str, optional
        Of a table that is not there; without it what its catalog makes.

    Raises
    ------
    SettingsError
        If it is no table that such rows can go to, or be replaced in.
    DataError
        If its columns or classes are others, it holds one of these records and must not be replaced, more records
        failed than may, or it refuses the rows.
    BusyError
        If another run is writing to it.
    """
    run_id, target = new_run_id(), _Target(beats, name, replace=replace, new_format=new_format)
    with hold(target.lock, run_id) as require_own:
        target.look()  # again, as another run may have made it meanwhile
        target.drop_staging()
        try:
            staged = target.stage(beats, run_id)
            failures, beatless = read_failures(staged.where("failure IS NOT NULL").select("record", "failure"))
            log_beatless(beatless)
            refuse_too_many(failures, most_failed)
            require_own()
            written = target.write(staged.where("failure IS NULL").drop("failure"), beatless)
        finally:
            target.drop_staging()
        target.add_failures(failures, run_id)
    return Written(written, len(failures))


class _Target:
    """The table, which is looked at before anything is computed."""

    def __init__(self, beats: DataFrame, name: TableName, *, replace: bool, new_format: str | None) -> None:
        self._spark: SparkSession = beats.sparkSession
        self._table, self._name, self._replace, self._new_format = name, str(name), replace, new_format
        self._schema = with_comments(StructType([each for each in beats.schema if each.name != "failure"]), _MEANINGS)
        self.look()
        self.lock = LockTable(self._spark, str(name.companion("_lock")), self._companions)

    def look(self) -> None:
        """Look at what is there, and refuse what these beats cannot go to."""
        found = find_output(self._spark, self._table, self._new_format)
        self._is_there = found is not None
        self._kind = found.provider if found else format_of_new_table(self._spark, self._table, self._new_format)
        refuse_unknown_format(self._name, self._kind)
        self._companions = format_of_companions(self._kind)
        self._by_condition = self._kind in ("delta", "iceberg")
        if found is not None:
            self._refuse_other_columns()
        self._refuse_other_classes()
        if found is not None and self._replace and not self._by_condition:
            self._require_partitions(list(found.partition_by))

    def _refuse_other_columns(self) -> None:
        was = dict(self._spark.table(self._name).dtypes)
        now = {field.name: field.dataType.simpleString() for field in self._schema}
        odd = sorted(f"{name} {kind}" for name, kind in was.items() ^ now.items())
        if odd:
            raise DataError(
                f"the columns of the table {self._name} are not those of a beat table: {', '.join(odd)}. Give another "
                "--output"
            )

    def _refuse_other_classes(self) -> None:
        """Refuse labels that mean something else than those that are there, or than the table can say."""
        now = list(self._schema["label"].metadata.get(CLASSES_KEY, []))
        if not self._is_there:
            if now and self._kind == "iceberg":
                raise SettingsError(
                    f"a table of Iceberg cannot keep the names of --classes ({', '.join(now)}): give a folder, or a "
                    "table of Delta or Parquet"
                )
            return
        was = list(self._spark.table(self._name).schema["label"].metadata.get(CLASSES_KEY, []))
        if was != now:
            raise DataError(
                f"the labels of the table {self._name} mean {', '.join(was or CLASSES)}, those of these beats "
                f"{', '.join(now or CLASSES)}: give another --output"
            )

    def _require_partitions(self, found: list[str]) -> None:
        if found != _BY:
            raise SettingsError(
                f"--replace: {self._name} is a table of {self._kind} files, partitioned by: "
                f"{', '.join(found) or 'none'}; records are replaced one by one in a table of Delta or Iceberg, or of "
                "files partitioned by record: make such a table, give another --output, or leave --replace out"
            )

    def stage(self, beats: DataFrame, run_id: str) -> DataFrame:
        """Compute the beats into a table of their own."""
        staging = str(self._table.companion(f"_staging_{run_id.replace('-', '_').lower()}"))
        create_table(self._spark, staging, beats.schema, self._companions)
        with own_errors_of_tasks():
            beats.write.insertInto(staging)
        return self._spark.table(staging)

    def drop_staging(self) -> None:
        """Drop what runs staged here; there is one at a time."""
        pattern = literal(f"{self._table.bare}_staging_*")
        for row in self._spark.sql(f"SHOW TABLES IN {self._table.schema} LIKE {pattern}").collect():
            if is_companion(row["tableName"], self._table.bare):
                self._spark.sql(f"DROP TABLE IF EXISTS {self._table.sibling(row['tableName'])}")

    def write(self, rows: DataFrame, beatless: Sequence[str]) -> DataFrame:
        """Add the rows, or put them in the place of those of the same records; return them as they are there now.

        In the place of those of records without beats there is nothing.
        """
        records = [*(row["record"] for row in rows.select("record").distinct().collect()), *beatless]
        if not self._is_there:
            self._make()
        table = self._spark.table(self._name)
        those = rows_of([(record,) for record in records], _BY, table.schema) if records else "false"
        if not self._replace:
            self._refuse_twice(table.where(those))
        try:
            self._put(rows.select(*map(column, table.columns)), those if records else None, beatless)
        except BaseException:
            if not self._is_there:
                with suppress(Exception):  # the error that is under way says more
                    self._spark.sql(f"DROP TABLE {self._name}")
            raise
        return self._spark.table(self._name).where(those)

    def _make(self) -> None:
        # Not create_table, whose columns have comments alone, and not the names of classes.
        writer = self._spark.createDataFrame([], self._schema).write.format(self._kind)
        if self._replace and not self._by_condition:
            writer = writer.partitionBy(*_BY)
        writer.saveAsTable(self._name)
        about = "ECG beats, a row each, as prepare.py of lstm-fcn cut them"
        self._spark.sql(f"COMMENT ON TABLE {self._name} IS {literal(about)}")

    def _refuse_twice(self, there: DataFrame) -> None:
        found = sorted(str(row["record"]) for row in there.select("record").distinct().take(_SHOWN + 1))
        if found:
            more = ", ..." if len(found) > _SHOWN else ""
            raise DataError(
                f"the table {self._name} holds beats of these records already: {', '.join(found[:_SHOWN])}{more}; "
                "nothing was written: --replace them, leave them out (--only takes some records), or give another "
                "--output"
            )

    def _put(self, rows: DataFrame, those: str | None, beatless: Sequence[str]) -> None:
        if those is None:
            return
        try:
            with own_errors_of_tasks():
                if not self._is_there or not self._replace:
                    try_again_at_conflicts(self._name, lambda: rows.write.insertInto(self._name))
                elif self._kind == "delta":
                    DeltaTable(self._spark, self._table).replace_where(rows, those)
                elif self._kind == "iceberg":
                    IcebergTable(self._spark, self._table).replace_where(rows, those)
                else:
                    files = TableOfFiles(self._spark, self._table)
                    files.replace_partitions(rows)
                    files.drop([(record,) for record in beatless], _BY)
        except (PySparkException, Py4JJavaError) as error:
            raise DataError(f"the table {self._name} refused the rows: {own_words(error)}") from error

    def add_failures(self, failures: Sequence[tuple[str, str]], run_id: str) -> None:
        """Add the records that failed, with their reasons, to a table beside it."""
        if not failures:
            return
        rows = few_rows(self._spark, [(run_id, *each) for each in failures], _FAILURES)
        name = str(self._table.companion("_failures"))
        if not self._spark.catalog.tableExists(name):
            create_table(self._spark, name, rows.schema, self._companions)
        rows.write.insertInto(name)

"""Results in a table of the catalog, replaced in its format's own way."""

import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from lstm_fcn.errors import DataError, LstmFcnError, SettingsError
from lstm_fcn.spark.catalog import TableDescription, find_output, format_of_new_table
from lstm_fcn.spark.errors import own_errors_of_tasks, own_words
from lstm_fcn.spark.scoring.delta import DeltaTable
from lstm_fcn.spark.scoring.iceberg import IcebergTable
from lstm_fcn.spark.scoring.lock_places import LockTable
from lstm_fcn.spark.scoring.manifest import Key, Manifest
from lstm_fcn.spark.scoring.output import keys_that_fulfil, metrics_of_run
from lstm_fcn.spark.scoring.partitions import in_partitions, partition_value, require_same, survey
from lstm_fcn.spark.scoring.plan import PartitionContent
from lstm_fcn.spark.scoring.record_summary import summarize_records, summary_keys
from lstm_fcn.spark.scoring.runs_table import PUBLISHING, RunsTable
from lstm_fcn.spark.scoring.summary_by import keys_of_summary, refuse_other_keys
from lstm_fcn.spark.scoring.table_format import (
    TableFormat,
    TableOfFiles,
    format_of_companions,
    refuse_unknown_format,
    with_comments,
)
from lstm_fcn.spark.sql import TableName, add_columns, column, create_table, literal
from lstm_fcn.spark.tables import filter_rows

log = logging.getLogger(__name__)

_FORMATS: dict[str, type[DeltaTable] | type[IcebergTable]] = {"delta": DeltaTable, "iceberg": IcebergTable}


class TableOutput:
    """A table, and beside it NAME_records, NAME_metrics, NAME_runs and, during a run, NAME_staging_RUN and NAME_lock.

    Nothing but tables is touched, so it works wherever Spark has a catalog. The tables beside it have its format.

    Parameters
    ----------
    spark : SparkSession
    name : TableName
        One that is not there is made.
    partition_by : sequence of str
        The columns by whose values rows are replaced. Those of an earlier run where none are given; of the first run,
        those that the table is partitioned by.
    summary_by : sequence of str
        What each row of NAME_records is of.
    new_format : str or None
        Of a table that is not there; None for what its catalog makes.
    merge_schema : bool
        Whether columns that the beats have gained are added to the table.
    """

    def __init__(
        self,
        spark: SparkSession,
        name: TableName,
        partition_by: Sequence[str],
        summary_by: Sequence[str],
        new_format: str | None = None,
        *,
        merge_schema: bool = False,
    ) -> None:
        self._spark, self._table, self._name, self._asked = spark, name, str(name), list(partition_by)
        self._summary_by, self._new_format, self._merge_schema = list(summary_by), new_format, merge_schema
        self._metrics, self._runs = str(name.companion("_metrics")), RunsTable(spark, str(name.companion("_runs")))
        self._records = name.companion("_records")
        self.refresh()
        self.lock = LockTable(spark, str(name.companion("_lock")), self._companions)

    def refresh(self) -> None:
        found = self._look()
        self._is_there = found is not None
        self._kind = found.provider if found else format_of_new_table(self._spark, self._table, self._new_format)
        refuse_unknown_format(self._name, self._kind)
        self._companions = format_of_companions(self._kind)
        self._format: TableFormat = _FORMATS.get(self._kind, TableOfFiles)(self._spark, self._table)
        self.replaces_by_condition = self._format.by_condition
        self.last, self._unfinished = self._runs.read()
        self.partition_by = self._replaced_by(list(found.partition_by) if found else self._asked)
        if self._spark.catalog.tableExists(str(self._records)):
            there = keys_of_summary(self._spark.table(str(self._records)).columns, str(self._records))
            refuse_other_keys(there, summary_keys(self.partition_by, self._summary_by), str(self._records))

    def _look(self) -> TableDescription | None:
        return find_output(self._spark, self._table, self._new_format)

    def _replaced_by(self, own: list[str]) -> list[str]:
        """Choose the columns by whose values rows are replaced; `own` are those of the table's partitions."""
        name, asked = self._name, ",".join(self._asked)
        if not self._format.by_condition:
            if self._is_there and self._asked and self._asked != own:
                raise SettingsError(
                    f"the table {name} is partitioned by: {','.join(own) or 'none'}; found --partition-by {asked}. "
                    "Leave it out, or give another --output"
                )
            if not own:
                raise SettingsError(
                    f"{name} is a table of {self._kind} files without partitions, which cannot be replaced without "
                    "deleting it first; give --partition-by and a new table, a folder, or a table of a format with "
                    "transactions (Delta, Iceberg)"
                )
            return own
        if self.last is None:
            return self._asked or own
        if self._asked and self._asked != self.last.partition_by:
            raise SettingsError(
                f"the results in {name} are replaced by: {','.join(self.last.partition_by) or 'condition, or all'}; "
                f"found --partition-by {asked}. Leave it out, or give another --output"
            )
        return self.last.partition_by

    def existing(self, like: DataFrame, where: str | None) -> list[Key]:
        if not self._is_there:
            return []
        if not self._format.by_condition:
            specs = [row["partition"] for row in self._spark.sql(f"SHOW PARTITIONS {self._name}").collect()]
            keys = [tuple(partition_value(part) for part in spec.split("/")) for spec in specs]
            return keys_that_fulfil(self._spark, keys, where, like, self.partition_by)
        rows = filter_rows(self._spark.table(self._name), where)
        if not self.partition_by:
            return [()] if rows.take(1) else []
        columns = [column(name).cast("string") for name in self.partition_by]
        return [tuple(row) for row in rows.select(*columns).distinct().collect()]

    def require_fit(self, predictions: DataFrame, keeps: bool) -> None:  # noqa: ARG002 - a table's columns always stay
        if not self._is_there:
            return
        was, now = dict(self._spark.table(self._name).dtypes), dict(predictions.dtypes)
        gained = now.keys() - was.keys() if self._merge_schema else set()
        odd = sorted(f"{name} {kind}" for name, kind in was.items() ^ now.items() if name not in gained)
        if odd:
            raise DataError(
                f"the columns of the table {self._name} are not those of this run: {', '.join(odd)}. Write the same "
                "columns (--columns, --form), add what the input has gained (--merge-schema), or give another --output"
            )

    def stage(self, predictions: DataFrame, run_id: str) -> DataFrame:
        staging = _staging(self._table, run_id)
        create_table(self._spark, staging, predictions.schema, self._companions)
        with own_errors_of_tasks():
            predictions.write.insertInto(staging)
        return self._spark.table(staging)

    def publish(self, manifest: Manifest) -> None:
        # Between the check and this moment, others could have written to the staging.
        staged = self._spark.table(_staging(self._table, manifest.run_id)).count()
        if staged != manifest.counts.rows:
            reason = f"{manifest.counts.rows} rows were written to the staging, but it holds {staged} now"
            self.note_failure(_failed(manifest, reason))
            raise DataError(reason)
        self._runs.add(manifest, PUBLISHING, self._companions)
        self._finish(manifest)
        self._drop_staging()

    def finish_publishing(self) -> str | None:
        # Each step can be repeated.
        begun, finished = self._unfinished, None
        if begun is not None:
            try:
                self._finish(begun, again=True)
                finished = begun.run_id
            except DataError as error:
                if self._runs.read()[1] is not None:
                    raise
                log.warning("stage=recover run_id=%s had begun to publish, and failed: %s", begun.run_id, error)
            self.refresh()
        self._drop_staging()
        return finished

    def note_failure(self, manifest: Manifest) -> None:
        self._spark.sql(f"DROP TABLE IF EXISTS {_staging(self._table, manifest.run_id)}")
        self._runs.add(manifest, manifest.status, self._companions)

    def _drop_staging(self) -> None:
        """Drop what runs left, and nothing that could be another's: a run's id is in the name."""
        pattern = literal(f"{self._table.bare}_staging_*")
        for row in self._spark.sql(f"SHOW TABLES IN {self._table.schema} LIKE {pattern}").collect():
            if is_companion(row["tableName"], self._table.bare):
                self._spark.sql(f"DROP TABLE IF EXISTS {self._table.sibling(row['tableName'])}")

    def _finish(self, manifest: Manifest, *, again: bool = False) -> None:
        """Replace the rows and write down that it is done; or, where the table refuses them, that the run failed.

        `again` where a run that died may have done a part of it.

        Raises
        ------
        LstmFcnError
            If the table refused the rows.
        """
        try:
            with own_errors_of_tasks():
                self._replace(manifest)
        except Exception as error:
            # Where it is not certain that nothing has happened, the next run finishes what was begun.
            if not self._is_untouched(manifest):
                raise
            own = isinstance(error, LstmFcnError)
            reason = str(error) if own else f"the table {self._name} refused the rows: {own_words(error)}"
            self.note_failure(_failed(manifest, reason))
            if own:
                raise
            raise DataError(f"{reason}. Nothing was replaced") from error
        self._replace_records(manifest)
        self._add_metrics(manifest, again=again)
        self._runs.add(manifest, manifest.status, self._companions)

    def _is_untouched(self, manifest: Manifest) -> bool:
        """Check whether a table that could not be replaced is as it was; where Spark does not say, it is not."""
        with suppress(Exception):
            if not self._spark.catalog.tableExists(self._name):
                return True
            table = self._spark.table(self._name)
            if table.where(F.col("run_id") == manifest.run_id).take(1):
                return False
            # Files of a partition are deleted before others come into their place, which no commit undoes.
            there = set(self.existing(table, None))
            return self._format.by_condition or there >= {*self._before, *manifest.removed}
        return False

    def _replace(self, manifest: Manifest) -> None:
        staging, by = _staging(self._table, manifest.run_id), manifest.partition_by
        self._is_there = self._look() is not None
        self._before = (
            []
            if not self._is_there or self._format.by_condition
            else self.existing(self._spark.table(self._name), None)
        )
        if not self._spark.catalog.tableExists(staging):
            raise DataError(
                f"run {manifest.run_id} died while it replaced rows of {self._name}, and its {staging} is gone: "
                f"drop the tables {self._name} and {self._runs.name} and score all again"
            )
        staged = self._spark.table(staging)
        if not self._is_there:
            about = f"ECG beats with predictions of lstm-fcn {manifest.model}; its runs are in {self._runs.name}"
            create_table(self._spark, self._name, with_comments(staged.schema), self._kind, by, about)
            self._is_there = True
        self._add_columns(staged.schema)
        self._format.replace(staged.select(*map(column, self._spark.table(self._name).columns)), manifest)
        if not self._format.by_condition:
            self._require_written(manifest)

    def _require_written(self, manifest: Manifest) -> None:
        """Refuse partitions of files that do not hold what was written into them, since no commit made them whole."""
        by = manifest.partition_by
        written = survey(in_partitions(self._spark.table(self._name), by, manifest.scored), by, [])
        expected = {key: PartitionContent(manifest.state[key].rows, Decimal(0)) for key in manifest.scored}
        require_same(expected, written, by, compare_values=False)

    def _add_columns(self, schema: StructType) -> None:
        there = self._spark.table(self._name).columns
        new = [field for field in schema if field.name not in there]
        if new:  # with --merge-schema, as else they were refused before the scoring
            add_columns(self._spark, self._name, new)

    def _replace_records(self, manifest: Manifest) -> None:
        name, by = str(self._records), manifest.partition_by
        is_there = self._spark.catalog.tableExists(name)
        if not manifest.has_records and not is_there:
            return
        if manifest.replaced is not None:  # by a condition that a summary cannot be asked: all records anew
            source, manifest = self._spark.table(self._name), manifest.model_copy(update={"replaced": "true"})
        else:
            source = self._spark.table(_staging(self._table, manifest.run_id))
        if manifest.has_records:
            records = summarize_records(source, by, manifest.summary_by)
            if not is_there:
                create_table(self._spark, name, records.schema, self._companions, by)
        else:
            records = self._spark.table(name).limit(0)
        rows = records.select(*map(column, self._spark.table(name).columns))
        format_ = _FORMATS.get(self._companions, TableOfFiles)(self._spark, self._records)
        if isinstance(format_, TableOfFiles):
            format_.drop(manifest.scored, by)  # a partition that is not written, having no records, stays otherwise
        format_.replace(rows, manifest)

    def _add_metrics(self, manifest: Manifest, *, again: bool) -> None:
        rows = metrics_of_run(self._spark, manifest)
        if not self._spark.catalog.tableExists(self._metrics):
            create_table(self._spark, self._metrics, rows.schema, self._companions)
        if not again or not self._spark.table(self._metrics).where(F.col("run_id") == manifest.run_id).take(1):
            rows.write.insertInto(self._metrics)


def _failed(manifest: Manifest, reason: str) -> Manifest:
    nothing: dict[str, object] = {"scored": [], "removed": [], "replaced": None, "partitions": [], "metrics": []}
    return manifest.model_copy(update={"status": "failed", "reason": reason, **nothing})


def _staging(name: TableName, run_id: str) -> str:
    return str(name.companion(f"_staging_{run_id.replace('-', '_').lower()}"))


def is_companion(table: str, name: str) -> bool:
    """Check whether a table is one that runs into a table of this name, in the same schema, make for themselves."""
    companions = rf"{re.escape(name)}_(records|metrics|runs|lock|staging_\d{{8}}t\d{{6}}z_[0-9a-f]{{8}})"
    return re.fullmatch(companions, table, flags=re.IGNORECASE) is not None

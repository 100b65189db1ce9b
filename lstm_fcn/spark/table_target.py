"""Results in a table of the catalog, replaced by partitions in its provider's own way."""

import re
from collections.abc import Sequence
from datetime import datetime, timezone
from decimal import Decimal
from urllib.parse import unquote

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.manifest import Key, Manifest, parse_manifest
from lstm_fcn.plan import Count
from lstm_fcn.spark.catalog import confs, create_table, literal
from lstm_fcn.spark.evaluating import metrics_table
from lstm_fcn.spark.locks import LockTable
from lstm_fcn.spark.survey import in_partitions, require_same, survey
from lstm_fcn.spark.tables import as_data_errors, column, own_errors_of_tasks, quoted
from lstm_fcn.spark.target import keys_that_fulfil

_OF_FILES = ("parquet", "orc", "hive", "json", "csv", "avro", "text")
"""Providers whose overwriting deletes first; but by partitions only those that are written."""

_DYNAMIC = {
    "spark.sql.sources.partitionOverwriteMode": "dynamic",
    "hive.exec.dynamic.partition": "true",
    "hive.exec.dynamic.partition.mode": "nonstrict",
}
_NULL = "__HIVE_DEFAULT_PARTITION__"
_RUNS_SCHEMA = "run_id string, status string, at string, manifest string"
_PUBLISHING = "publishing"


class TableTarget:
    """A table, and beside it NAME_metrics, NAME_runs and, during a run, NAME_staging_RUN and NAME_lock.

    Nothing but tables is touched, so it works wherever Spark has a catalog.

    Parameters
    ----------
    spark : SparkSession
    name : str
        schema.table or catalog.schema.table. One that is not there is made.
    partition_by : sequence of str
        Of a table that is not there; one that is has its own.
    """

    def __init__(self, spark: SparkSession, name: str, partition_by: Sequence[str]) -> None:
        self._spark, self._name, self._asked = spark, name, list(partition_by)
        self._metrics, self._runs = f"{name}_metrics", f"{name}_runs"
        self.lock = LockTable(spark, f"{name}_lock")
        self.refresh()

    def refresh(self) -> None:
        """See `Target`."""
        name, partition_by = self._name, self._asked
        self._is_there = self._look()
        self._of_files = self._provider() in _OF_FILES
        own = self._partition_columns() if self._is_there else partition_by
        if self._is_there and partition_by and list(partition_by) != own:
            raise SettingsError(
                f"the table {name} is partitioned by: {','.join(own) or 'none'}; found --partition-by "
                f"{','.join(partition_by)}. Leave it out, or give another --output"
            )
        if self._of_files and not own:
            raise SettingsError(
                f"{name} is a table of {self._provider()} files without partitions, which cannot be replaced without "
                "deleting it first; give --partition-by and a new table, a folder, or a table of a format with "
                "transactions (Delta, Iceberg)"
            )
        self.partition_by = own

    def _look(self) -> bool:
        schema = self._name.rpartition(".")[0]
        with as_data_errors(self._name):
            if not self._spark.catalog.databaseExists(schema):
                raise SettingsError(
                    f"--output {self._name}: the catalog has no schema {schema}; CREATE SCHEMA {schema}"
                )
            is_there = self._spark.catalog.tableExists(self._name)
            if is_there and self._spark.catalog.getTable(self._name).tableType == "VIEW":
                raise SettingsError(f"--output {self._name} is a view: give a table, or a name that is free")
        return is_there

    def last(self) -> Manifest | None:
        """See `Target`."""
        return self._last_with("done")

    def existing(self, like: DataFrame, where: str | None) -> list[Key]:
        """See `Target`."""
        if not self._is_there:
            return []
        if self._of_files:
            specs = [row["partition"] for row in self._spark.sql(f"SHOW PARTITIONS {self._name}").collect()]
            keys = [tuple(_value(part) for part in spec.split("/")) for spec in specs]
        else:
            columns = [column(name).cast("string") for name in self.partition_by]
            keys = [tuple(row) for row in self._spark.table(self._name).select(*columns).distinct().collect()]
        return keys_that_fulfil(self._spark, keys, where, like, self.partition_by)

    def require_fit(self, predictions: DataFrame, keeps: bool) -> None:  # noqa: ARG002 - a table's columns always stay
        """See `Target`."""
        if not self._is_there:
            return
        was, now = dict(self._spark.table(self._name).dtypes), dict(predictions.dtypes)
        odd = sorted(f"{name} {kind}" for name, kind in was.items() ^ now.items())
        if odd:
            raise DataError(
                f"the columns of the table {self._name} are not those of this run: {', '.join(odd)}. Write the same "
                "columns (--columns, --form), or give another --output"
            )

    def stage(self, predictions: DataFrame, run_id: str) -> DataFrame:
        """See `Target`."""
        staging = _staging(self._name, run_id)
        create_table(self._spark, staging, predictions.dtypes)
        with own_errors_of_tasks():
            predictions.write.mode("append").saveAsTable(staging)
        return self._spark.table(staging)

    def publish(self, manifest: Manifest) -> None:
        """See `Target`."""
        self._write_down(manifest, _PUBLISHING)
        self.finish_publishing()

    def finish_publishing(self) -> str | None:
        """See `Target`. Each step can be repeated."""
        begun = self._last_with(_PUBLISHING)
        finished = None
        if begun is not None and not self._is_done(begun.run_id):
            finished = begun.run_id
            with own_errors_of_tasks():
                self._replace(begun)
                self._add_metrics(begun)
                self._write_down(begun, begun.status)
        self._drop_staging()
        return finished

    def note_failure(self, manifest: Manifest) -> None:
        """See `Target`."""
        self._spark.sql(f"DROP TABLE IF EXISTS {_staging(self._name, manifest.run_id)}")
        self._write_down(manifest, manifest.status)

    def _drop_staging(self) -> None:
        """Drop what runs left, and nothing that could be another's: a run's id is in the name."""
        schema, _, bare = self._name.rpartition(".")
        for row in self._spark.sql(f"SHOW TABLES IN {schema} LIKE '{bare}_staging_*'").collect():
            if is_companion(f"{schema}.{row['tableName']}", self._name):
                self._spark.sql(f"DROP TABLE IF EXISTS {schema}.{row['tableName']}")

    def _replace(self, manifest: Manifest) -> None:
        staging, by = _staging(self._name, manifest.run_id), manifest.partition_by
        if not self._spark.catalog.tableExists(staging):
            raise DataError(
                f"run {manifest.run_id} died while it replaced rows of {self._name}, and its {staging} is gone: "
                f"drop the tables {self._name} and {self._runs} and score all again"
            )
        staged = self._spark.table(staging)
        if not self._look():
            create_table(self._spark, self._name, staged.dtypes, by)
        rows = staged.select(*map(column, self._spark.table(self._name).columns))
        if self._of_files:
            with confs(self._spark, _DYNAMIC):
                rows.write.insertInto(self._name, overwrite=True)
        elif by:
            rows.writeTo(self._name).overwritePartitions()
        else:
            rows.writeTo(self._name).overwrite(F.lit(True))
        for key in manifest.removed:
            self._remove(key, by)
        written = survey(in_partitions(self._spark.table(self._name), by, manifest.scored), by, [])
        expected = {key: Count(manifest.state[key].rows, Decimal(0)) for key in manifest.scored}
        require_same(expected, written, by, compare_values=False)

    def _remove(self, key: Key, by: Sequence[str]) -> None:
        values = [(quoted(name), literal(value)) for name, value in zip(by, key, strict=True)]
        if self._of_files:
            spec = ", ".join(f"{name} = {value}" for name, value in values)
            self._spark.sql(f"ALTER TABLE {self._name} DROP IF EXISTS PARTITION ({spec})")
        else:
            condition = " AND ".join(f"CAST({name} AS STRING) <=> {value}" for name, value in values)
            self._spark.sql(f"DELETE FROM {self._name} WHERE {condition or 'true'}")  # noqa: S608 - names are quoted

    def _add_metrics(self, manifest: Manifest) -> None:
        rows = metrics_table(self._spark, manifest.metrics, manifest.run_id, manifest.model)
        if not self._spark.catalog.tableExists(self._metrics):
            create_table(self._spark, self._metrics, rows.dtypes)
        if not self._spark.table(self._metrics).where(F.col("run_id") == manifest.run_id).take(1):
            rows.write.mode("append").saveAsTable(self._metrics)

    def _write_down(self, manifest: Manifest, status: str) -> None:
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        row = self._spark.createDataFrame([(manifest.run_id, status, now, manifest.model_dump_json())], _RUNS_SCHEMA)
        if not self._spark.catalog.tableExists(self._runs):
            create_table(self._spark, self._runs, row.dtypes)
        row.coalesce(1).write.mode("append").saveAsTable(self._runs)

    def _is_done(self, run_id: str) -> bool:
        done = (F.col("status") == "done") & (F.col("run_id") == run_id)
        return bool(self._spark.table(self._runs).where(done).take(1))

    def _last_with(self, status: str) -> Manifest | None:
        if not self._spark.catalog.tableExists(self._runs):
            return None
        rows = self._spark.table(self._runs).where(F.col("status") == status)
        last = rows.orderBy(F.desc("run_id")).select("manifest").take(1)
        return parse_manifest(last[0]["manifest"], self._runs) if last else None

    def _provider(self) -> str:
        if not self._is_there:
            return str(self._spark.conf.get("spark.sql.sources.default"))
        # The last one: a column of the table could have that name too.
        described = self._spark.sql(f"DESCRIBE TABLE EXTENDED {self._name}").where("col_name = 'Provider'").collect()
        return str(described[-1]["data_type"]).lower() if described else "unknown"

    def _partition_columns(self) -> list[str]:
        return [each.name for each in self._spark.catalog.listColumns(self._name) if each.isPartition]


def _staging(name: str, run_id: str) -> str:
    return f"{name}_staging_{run_id.replace('-', '_').lower()}"


def is_companion(table: str, name: str) -> bool:
    """Tell whether a table is one that runs into the table of this name make for themselves."""
    companions = rf"{re.escape(name)}_(metrics|runs|lock|staging_\d{{8}}t\d{{6}}z_[0-9a-f]{{8}})"
    return re.fullmatch(companions, table, flags=re.IGNORECASE) is not None


def _value(part: str) -> str | None:
    value = unquote(part.partition("=")[2])
    return None if value == _NULL else value

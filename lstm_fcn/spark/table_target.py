"""Results in a table of the catalog, replaced by partitions in its provider's own way."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from urllib.parse import unquote

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.manifest import Key, Manifest, parse_manifest
from lstm_fcn.spark.evaluating import metrics_table
from lstm_fcn.spark.survey import in_partitions, require_same, survey
from lstm_fcn.spark.tables import column, own_errors_of_tasks, quoted
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
    """A table, and beside it NAME_metrics, NAME_runs and, during a run, NAME_staging and NAME_lock.

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
        self._spark, self._name = spark, name
        self._metrics, self._runs, self._staging = (f"{name}_{part}" for part in ("metrics", "runs", "staging"))
        self.lock = _LockTable(spark, f"{name}_lock")
        self._is_there = spark.catalog.tableExists(name)
        self._of_files = self._provider() in _OF_FILES
        own = self._partition_columns() if self._is_there else list(partition_by)
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

    def stage(self, predictions: DataFrame, run_id: str) -> DataFrame:  # noqa: ARG002 - its rows carry it
        """See `Target`."""
        self._spark.sql(f"DROP TABLE IF EXISTS {self._staging}")
        _create(self._spark, self._staging, predictions.dtypes)
        with own_errors_of_tasks():
            predictions.write.mode("append").saveAsTable(self._staging)
        return self._spark.table(self._staging)

    def publish(self, manifest: Manifest) -> None:
        """See `Target`."""
        self._write_down(manifest, _PUBLISHING)
        self.finish_publishing()

    def finish_publishing(self) -> str | None:
        """See `Target`. Each step can be repeated."""
        begun, done = self._last_with(_PUBLISHING), self.last()
        finished = None
        if begun is not None and (done is None or done.run_id < begun.run_id):
            finished = begun.run_id
            self._replace(begun)
            self._add_metrics(begun)
            self._write_down(begun, begun.status)
        self._spark.sql(f"DROP TABLE IF EXISTS {self._staging}")
        return finished

    def note_failure(self, manifest: Manifest) -> None:
        """See `Target`."""
        self._spark.sql(f"DROP TABLE IF EXISTS {self._staging}")
        self._write_down(manifest, manifest.status)

    def _replace(self, manifest: Manifest) -> None:
        if not self._spark.catalog.tableExists(self._staging):
            raise DataError(
                f"run {manifest.run_id} died while it replaced rows of {self._name}, and its {self._staging} is gone: "
                f"drop the table {self._runs} and score all again"
            )
        staged = self._spark.table(self._staging)
        if not self._is_there:
            _create(self._spark, self._name, staged.dtypes, self.partition_by)
            self._is_there = True
        rows = staged.select(*map(column, self._spark.table(self._name).columns))
        if self._of_files:
            with _confs(self._spark, _DYNAMIC):
                rows.write.insertInto(self._name, overwrite=True)
        elif self.partition_by:
            rows.writeTo(self._name).overwritePartitions()
        else:
            rows.writeTo(self._name).overwrite(F.lit(True))
        for key in manifest.removed:
            self._remove(key)
        there = in_partitions(self._spark.table(self._name), self.partition_by, manifest.scored)
        written = survey(there, self.partition_by, [])
        require_same(survey(staged, self.partition_by, []), written, self.partition_by, compare_values=False)

    def _remove(self, key: Key) -> None:
        values = [(quoted(name), _literal(value)) for name, value in zip(self.partition_by, key, strict=True)]
        if self._of_files:
            spec = ", ".join(f"{name} = {value}" for name, value in values)
            self._spark.sql(f"ALTER TABLE {self._name} DROP IF EXISTS PARTITION ({spec})")
        else:
            condition = " AND ".join(f"CAST({name} AS STRING) <=> {value}" for name, value in values)
            self._spark.sql(f"DELETE FROM {self._name} WHERE {condition or 'true'}")  # noqa: S608 - names are quoted

    def _add_metrics(self, manifest: Manifest) -> None:
        rows = metrics_table(self._spark, manifest.metrics, manifest.run_id, manifest.model)
        if not self._spark.catalog.tableExists(self._metrics):
            _create(self._spark, self._metrics, rows.dtypes)
        if not self._spark.table(self._metrics).where(F.col("run_id") == manifest.run_id).take(1):
            rows.write.mode("append").saveAsTable(self._metrics)

    def _write_down(self, manifest: Manifest, status: str) -> None:
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        row = self._spark.createDataFrame([(manifest.run_id, status, now, manifest.model_dump_json())], _RUNS_SCHEMA)
        if not self._spark.catalog.tableExists(self._runs):
            _create(self._spark, self._runs, row.dtypes)
        row.coalesce(1).write.mode("append").saveAsTable(self._runs)

    def _last_with(self, status: str) -> Manifest | None:
        if not self._spark.catalog.tableExists(self._runs):
            return None
        rows = self._spark.table(self._runs).where(F.col("status") == status)
        last = rows.orderBy(F.desc("run_id")).select("manifest").take(1)
        return parse_manifest(last[0]["manifest"], self._runs) if last else None

    def _provider(self) -> str:
        if not self._is_there:
            return str(self._spark.conf.get("spark.sql.sources.default"))
        described = self._spark.sql(f"DESCRIBE TABLE EXTENDED {self._name}").where("col_name = 'Provider'").take(1)
        return str(described[0]["data_type"]).lower() if described else "unknown"

    def _partition_columns(self) -> list[str]:
        return [each.name for each in self._spark.catalog.listColumns(self._name) if each.isPartition]


class _LockTable:
    """A lock that is a table: its description names who took it, its rows are signs of life."""

    def __init__(self, spark: SparkSession, name: str) -> None:
        self._spark, self._name = spark, name
        self.how_to_clear = f"DROP TABLE {name}"

    def create(self, text: str) -> bool:
        try:
            _create(self._spark, self._name, [("holder", "string")], comment=text)
        except AnalysisException as error:
            if "ALREADY_EXISTS" in str(error):
                return False
            raise
        return True

    def read(self) -> str | None:
        if not self._spark.catalog.tableExists(self._name):
            return None
        signs = self._spark.table(self._name).orderBy(F.get_json_object("holder", "$.renewed").cast("double").desc())
        last = signs.take(1)
        return last[0]["holder"] if last else self._spark.catalog.getTable(self._name).description

    def renew(self, text: str) -> None:
        row = self._spark.createDataFrame([(text,)], "holder string")
        row.coalesce(1).write.mode("append").saveAsTable(self._name)

    def clear(self) -> None:
        self._spark.sql(f"DROP TABLE IF EXISTS {self._name}")


def _create(
    spark: SparkSession,
    name: str,
    columns: Sequence[tuple[str, str]],
    partition_by: Sequence[str] = (),
    comment: str = "",
) -> None:
    """Make an empty table. One that is made and filled at once leaves, if it is killed, a folder that is in the way."""
    listed = ", ".join(f"{quoted(column)} {kind}" for column, kind in columns)
    parts = f"PARTITIONED BY ({', '.join(map(quoted, partition_by))})" if partition_by else ""
    kind = spark.conf.get("spark.sql.sources.default")
    spark.sql(f"CREATE TABLE {name} ({listed}) USING {kind} {parts} COMMENT {_literal(comment)}")


@contextmanager
def _confs(spark: SparkSession, values: dict[str, str]) -> Iterator[None]:
    before = {name: spark.conf.get(name, None) for name in values}
    for name, value in values.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name, was in before.items():
            if was is None:
                spark.conf.unset(name)
            else:
                spark.conf.set(name, was)


def _value(part: str) -> str | None:
    value = unquote(part.partition("=")[2])
    return None if value == _NULL else value


def _literal(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

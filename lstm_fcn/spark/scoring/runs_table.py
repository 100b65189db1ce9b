"""The table beside a table of results that says which run did what: a row for each step with a manifest."""

from datetime import datetime, timezone

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lstm_fcn.spark.scoring.manifest import Manifest, parse_manifest
from lstm_fcn.spark.sql import create_table

_SCHEMA = "run_id string, status string, at string, manifest string"
PUBLISHING = "publishing"
"""The status of a run that cannot fail any more, but where the table refuses its rows."""


class RunsTable:
    """Manifests in a table of the catalog, which is only ever added to.

    Parameters
    ----------
    spark : SparkSession
    name : str
        One that is not there is made.
    """

    def __init__(self, spark: SparkSession, name: str) -> None:
        self._spark, self.name = spark, name

    def add(self, manifest: Manifest, status: str, kind: str) -> None:
        """Write down what has become of a run; `kind` is the format of a new table."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        row = self._spark.createDataFrame([(manifest.run_id, status, now, manifest.model_dump_json())], _SCHEMA)
        if not self._spark.catalog.tableExists(self.name):
            create_table(self._spark, self.name, row.schema, kind)
        row.coalesce(1).write.insertInto(self.name)

    def last_with(self, status: str) -> Manifest | None:
        """Read the manifest of the last run with a status."""
        if not self._spark.catalog.tableExists(self.name):
            return None
        rows = self._spark.table(self.name).where(F.col("status") == status)
        last = rows.orderBy(F.desc("run_id")).select("manifest").take(1)
        return parse_manifest(last[0]["manifest"], self.name) if last else None

    def has_ended(self, run_id: str) -> bool:
        """Check whether a run was written down as done or failed."""
        ended = F.col("status").isin("done", "failed") & (F.col("run_id") == run_id)
        return bool(self._spark.table(self.name).where(ended).take(1))

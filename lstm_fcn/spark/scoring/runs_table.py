"""The table beside a table of results that says which run did what: a row for each step with a manifest."""

from datetime import datetime, timezone

from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.spark.rows import few_rows
from lstm_fcn.spark.scoring.manifest import Manifest, parse_manifest
from lstm_fcn.spark.sql import create_table

_TYPES = dict.fromkeys(("run_id", "status", "at", "manifest"), "string")
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
        row = few_rows(self._spark, [(manifest.run_id, status, now, manifest.model_dump_json())], _TYPES)
        if not self._spark.catalog.tableExists(self.name):
            create_table(self._spark, self.name, row.schema, kind)
        row.write.insertInto(self.name)

    def read(self) -> tuple[Manifest | None, Manifest | None]:
        """Read the manifests of the last run that is done, and of the one that began to publish and has not ended.

        In one query, since each look at a table of Delta or Iceberg costs about as much.
        """
        if not self._spark.catalog.tableExists(self.name):
            return None, None
        found = self._spark.table(self.name).agg(
            self._last("manifest", "done"),
            self._last("manifest", PUBLISHING),
            # A run ends what an earlier one was publishing before anything else, so the last one's id is enough.
            self._last("run_id", "done", "failed"),
        )
        done, begun, ended = found.collect()[0]
        last, publishing = (None if text is None else parse_manifest(text, self.name) for text in (done, begun))
        has_ended = publishing is not None and ended is not None and publishing.run_id <= ended
        return last, None if has_ended else publishing

    @staticmethod
    def _last(what: str, *statuses: str) -> Column:
        run_id = F.when(F.col("status").isin(*statuses), F.col("run_id"))
        return F.max_by(what, run_id)

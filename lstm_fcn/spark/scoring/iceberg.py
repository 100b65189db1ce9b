"""Tables of Iceberg: rows are replaced on a branch, which then becomes the table in one step."""

from pyspark.sql import DataFrame, SparkSession

from lstm_fcn.spark.catalog import catalog_of
from lstm_fcn.spark.scoring.conflicts import try_again_at_conflicts
from lstm_fcn.spark.scoring.manifest import Manifest
from lstm_fcn.spark.scoring.table_format import replaced_rows
from lstm_fcn.spark.sql import TableName, literal, quoted


class IcebergTable:
    """A table of Iceberg, whatever its partitions are.

    Its `overwrite` replaces whole files only. Deleting and appending takes two commits; on a branch nobody sees them
    before both are made, and where somebody has written to the table in between, the branch is thrown away.

    Parameters
    ----------
    spark : SparkSession
    name : TableName
    """

    by_condition = True

    def __init__(self, spark: SparkSession, name: TableName) -> None:
        self._spark, self._name = spark, name

    def replace(self, rows: DataFrame, manifest: Manifest) -> None:
        condition = replaced_rows(manifest, self._spark.table(str(self._name)).schema)
        self.replace_where(rows, condition, f"lstm_fcn_{manifest.run_id.replace('-', '_').lower()}")

    def replace_where(self, rows: DataFrame, condition: str, branch: str = "lstm_fcn") -> None:
        """Replace the rows that fulfil a condition by these, on a branch of this name until all is written."""
        try:
            try_again_at_conflicts(str(self._name), lambda: self._commit(rows, condition, branch))
        finally:
            self._drop(branch)

    def _commit(self, rows: DataFrame, condition: str, branch: str) -> None:
        self._drop(branch)
        self._spark.sql(f"ALTER TABLE {self._name} CREATE BRANCH {branch}")
        on_branch = f"{self._name}.branch_{branch}"
        # Without 'true AND', Spark takes WHERE (a) for an alias of the table, with the name of a column.
        self._spark.sql(f"DELETE FROM {on_branch} WHERE true AND {condition}")  # noqa: S608 - names are quoted
        rows.writeTo(on_branch).append()
        catalog, table = quoted(catalog_of(self._spark, self._name)), ".".join(map(quoted, self._name.parts[-2:]))
        self._spark.sql(f"CALL {catalog}.system.fast_forward({literal(table)}, 'main', {literal(branch)})")

    def _drop(self, branch: str) -> None:
        self._spark.sql(f"ALTER TABLE {self._name} DROP BRANCH IF EXISTS {branch}")

"""Tables of Delta: rows are replaced by a condition, in one commit."""

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, DataFrameWriter, SparkSession

from lstm_fcn.spark.scoring.conflicts import try_again_at_conflicts
from lstm_fcn.spark.scoring.manifest import Manifest
from lstm_fcn.spark.scoring.table_format import replaced_rows
from lstm_fcn.spark.sql import TableName

_BY_PATH_ALONE = "does not support truncate in batch mode"
"""What Spark 3.5 says where it does not hand the condition on to a table that is given by its name."""


class DeltaTable:
    """A table of Delta, plain, partitioned or clustered.

    Parameters
    ----------
    spark : SparkSession
    name : TableName
    """

    by_condition = True

    def __init__(self, spark: SparkSession, name: TableName) -> None:
        self._spark, self._name = spark, str(name)

    def replace(self, rows: DataFrame, manifest: Manifest) -> None:
        self.replace_where(rows, replaced_rows(manifest, self._spark.table(self._name).schema))

    def replace_where(self, rows: DataFrame, condition: str) -> None:
        """Replace the rows that fulfil a condition by these, which fulfil it too."""
        # Not writeTo(...).overwrite(condition), which takes no functions.
        writer = rows.write.format("delta").mode("overwrite").option("replaceWhere", condition)
        try_again_at_conflicts(self._name, lambda: self._commit(writer))

    def _commit(self, writer: DataFrameWriter) -> None:
        try:
            writer.saveAsTable(self._name)
        except AnalysisException as error:
            if _BY_PATH_ALONE not in str(error):
                raise
            writer.save(self._spark.sql(f"DESCRIBE DETAIL {self._name}").collect()[0]["location"])

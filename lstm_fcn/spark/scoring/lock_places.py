"""The two places where a run keeps its lock: a file, or a table of the catalog."""

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from lstm_fcn.spark.files import Files
from lstm_fcn.spark.sql import create_table, literal


class LockFile:
    """A lock that is a file."""

    def __init__(self, files: Files, path: str) -> None:
        self._files, self._path = files, path
        self.how_to_clear = f"remove {path}"

    def create(self, text: str) -> bool:
        return self._files.create(self._path, text)

    def read(self) -> str | None:
        return self._files.read(self._path)

    def renew(self, text: str) -> None:
        self._files.replace(self._path, text)

    def clear(self) -> None:
        self._files.remove(self._path)


class LockTable:
    """A lock that is a table without rows: its description names who took it and when it last gave a sign of life.

    Writing one needs no task, so it does not wait for those that score.
    """

    def __init__(self, spark: SparkSession, name: str, kind: str) -> None:
        self._spark, self._name, self._kind = spark, name, kind
        self.how_to_clear = f"DROP TABLE {name}"

    def create(self, text: str) -> bool:
        try:
            create_table(self._spark, self._name, StructType().add("holder", "string"), self._kind, comment=text)
        except AnalysisException as error:
            if "ALREADY_EXISTS" in str(error):
                return False
            raise
        return True

    def read(self) -> str | None:
        if not self._spark.catalog.tableExists(self._name):
            return None
        return self._spark.catalog.getTable(self._name).description or ""

    def renew(self, text: str) -> None:
        self._spark.sql(f"COMMENT ON TABLE {self._name} IS {literal(text)}")

    def clear(self) -> None:
        self._spark.sql(f"DROP TABLE IF EXISTS {self._name}")

"""A beat table of the catalog, read in memory: what Spark has of it, over a file of this machine."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.data.beat_files import SHOWN_VALUES, BeatTable, require_columns
from lstm_fcn.data.label_scheme import CLASSES_KEY
from lstm_fcn.spark.errors import as_data_errors
from lstm_fcn.spark.sql import column
from lstm_fcn.spark.tables import read_table


class CatalogBeats:
    """A beat table of the catalog, as `lstm_fcn.data.beat_files.BeatTable` is one of files.

    Only the columns and the rows that are needed leave Spark.

    Parameters
    ----------
    spark : SparkSession
    name : str
    expected, optional : sequence of str
        Columns to read; the optional ones where they are there.
    selecting : str, optional
        Column by which `read` selects.
    options : mapping, optional
        That name the version to read.

    Attributes
    ----------
    classes : tuple of str
        That the labels 0, 1, ... stand for, where the table names them.

    Raises
    ------
    DataError
        If there is no such table, or a column is missing.
    """

    def __init__(
        self,
        spark: SparkSession,
        name: str,
        expected: Sequence[str],
        optional: Sequence[str] = (),
        selecting: str | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._table, self._name = read_table(spark, name, options=options, flag="--beats"), name
        self._expected, self._optional, self._selecting = expected, optional, selecting
        require_columns(name, expected, selecting, self._table.columns)
        labels = [field for field in self._table.schema if field.name == "label"]
        self.classes: tuple[str, ...] = tuple(labels[0].metadata.get(CLASSES_KEY, ())) if labels else ()

    def read(self, value: str | None = None, *, equal: bool = True) -> pd.DataFrame:
        """Read the rows whose selecting column has this value, as text, or (`equal` is False) another one.

        Raises
        ------
        DataError
            If it cannot be read, or a column is of another type.
        """
        rows, wanted = self._table, [*self._expected, *self._optional]
        if self._selecting is not None:
            same = column(self._selecting).cast("string") == F.lit(value)
            rows = rows.where(same if equal else ~same)
        names = [name for name in dict.fromkeys(wanted) if name in rows.columns]
        with TemporaryDirectory(prefix="lstm-fcn-") as folder:
            file = Path(folder) / "beats.parquet"
            with as_data_errors(self._name):
                copy_rows(rows.select(*map(column, names)), file)
            if not file.exists():
                return pd.DataFrame(columns=names)
            return BeatTable(str(file), self._expected, self._optional, named=self._name).read()

    def values(self) -> list[str]:
        """List the first values of the selecting column, as text."""
        if self._selecting is None:
            return []
        texts = self._table.select(column(self._selecting).cast("string").alias("text")).where("text IS NOT NULL")
        return [row["text"] for row in texts.distinct().orderBy("text").take(SHOWN_VALUES)]


def copy_rows(rows: DataFrame, file: Path) -> None:
    """Copy rows into a Parquet file of this machine, a partition of the table at a time; no file where there are none.

    Not `toPandas`, which brings all of them at once, up to `spark.driver.maxResultSize`; and not Parquet that Spark
    writes, since the disks of a cluster are not this machine's.
    """
    writer: pq.ParquetWriter | None = None
    try:
        for row in rows.mapInArrow(_serialize, "batch binary").toLocalIterator(prefetchPartitions=True):
            for batch in pa.ipc.open_stream(bytes(row["batch"])):
                writer = writer or pq.ParquetWriter(file, batch.schema)
                writer.write_batch(batch)
    finally:
        if writer is not None:
            writer.close()


def _serialize(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Make each batch a row: its bytes, as Arrow streams it."""
    for batch in batches:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        yield pa.RecordBatch.from_pydict({"batch": [sink.getvalue().to_pybytes()]})

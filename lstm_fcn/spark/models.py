"""Reading a model file from wherever Spark reads."""

from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

from lstm_fcn.errors import ModelError
from lstm_fcn.spark.tables import holds_files

if TYPE_CHECKING:
    from lstm_fcn.modelfile import Model


def load_model(spark: SparkSession, path: str) -> "Model":
    """Read and check a model file, from the local disk or any storage that Spark reads.

    Raises
    ------
    ModelError
        If it is not there, or as `lstm_fcn.modelfile.parse_model` does.
    """
    from lstm_fcn.modelfile import MAX_FILE_BYTES, parse_model, read_model

    if Path(path).is_file():
        return read_model(Path(path))
    if Path(path).is_dir() or not holds_files(spark, path):
        raise ModelError(f"expected a model file at {path}, found {'a folder' if Path(path).is_dir() else 'nothing'}")
    file = spark.read.format("binaryFile").load(path)
    sizes = [row["length"] for row in file.select("length").take(2)]
    if len(sizes) != 1 or sizes[0] > MAX_FILE_BYTES:
        raise ModelError(f"expected one model file of at most {MAX_FILE_BYTES:,} bytes at {path}, found sizes {sizes}")
    return parse_model(bytes(file.select("content").take(1)[0]["content"]), path)

"""Reading a model file from wherever Spark reads."""

from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

from lstm_fcn.errors import ModelError
from lstm_fcn.spark.tables import holds_files

if TYPE_CHECKING:
    from lstm_fcn.model.file import Model


def fetch_model(spark: SparkSession, path: str) -> "Model":
    """Read and check a pretrained model by its name, or a file from the local disk or any storage that Spark reads.

    Raises
    ------
    ModelError
        If it is not there, or as `lstm_fcn.model.file.parse_model` does.
    """
    from lstm_fcn.model.file import load_model, parse_model

    content = _content_elsewhere(spark, path)
    return load_model(path) if content is None else parse_model(content, path)


def _content_elsewhere(spark: SparkSession, path: str) -> bytes | None:
    """Read a file that is not on the local disk; None where it is, or where there is none."""
    from lstm_fcn.model.file import MAX_FILE_BYTES, pretrained

    if path in pretrained() or Path(path).is_file():
        return None
    if Path(path).is_dir():
        raise ModelError(f"expected a model file at {path}, found a folder")
    if not holds_files(spark, path):
        return None
    file = spark.read.format("binaryFile").load(path)
    sizes = [row["length"] for row in file.select("length").take(2)]
    if len(sizes) != 1 or sizes[0] > MAX_FILE_BYTES:
        raise ModelError(f"expected one model file of at most {MAX_FILE_BYTES:,} bytes at {path}, found sizes {sizes}")
    return bytes(file.select("content").take(1)[0]["content"])

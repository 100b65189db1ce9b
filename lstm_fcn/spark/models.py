"""Reading a model file from wherever Spark reads."""

from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

from lstm_fcn.errors import ModelError
from lstm_fcn.spark.tables import holds_files

if TYPE_CHECKING:
    from lstm_fcn.modelfile import Model


def load_model(spark: SparkSession, path: str) -> "Model":
    """Read and check a pretrained model by its name, or a file from the local disk or any storage that Spark reads.

    Raises
    ------
    ModelError
        If it is not there, or as `lstm_fcn.modelfile.parse_model` does.
    """
    from lstm_fcn.modelfile import MAX_FILE_BYTES, find_model, parse_model, pretrained

    if path in pretrained() or Path(path).is_file():
        return find_model(path)
    if Path(path).is_dir():
        raise ModelError(f"expected a model file at {path}, found a folder")
    if not holds_files(spark, path):
        return find_model(path)
    file = spark.read.format("binaryFile").load(path)
    sizes = [row["length"] for row in file.select("length").take(2)]
    if len(sizes) != 1 or sizes[0] > MAX_FILE_BYTES:
        raise ModelError(f"expected one model file of at most {MAX_FILE_BYTES:,} bytes at {path}, found sizes {sizes}")
    return parse_model(bytes(file.select("content").take(1)[0]["content"]), path)

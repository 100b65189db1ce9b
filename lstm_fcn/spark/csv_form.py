"""The published CSV form to a beat table: no header, 187 values and the label last."""

from typing import Literal

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.beats import BEAT_LENGTH
from lstm_fcn.errors import DataError
from lstm_fcn.labels import CLASSES
from lstm_fcn.spark.tables import holds_files


def beats_of_csv(spark: SparkSession, path: str, split: Literal["train", "test"] | None) -> DataFrame:
    """Read the published CSV form.

    Parameters
    ----------
    spark : SparkSession
    path : str
        On any storage that Spark reads.
    split : 'train', 'test' or None
        What to write in the column `split`; the file does not say.

    Returns
    -------
    DataFrame
        The beat table. The file does not tell `record`, `sample`, `symbol` and `group`, which are NULL;
        `length` is counted up to the last value that is not zero.

    Raises
    ------
    DataError
        If there is no such file or a row is not 187 numbers and a known label.
    """
    if not holds_files(spark, path):
        raise DataError(f"no CSV file at {path}")
    lines = spark.read.text(path).where("trim(value) != ''")
    rows = lines.select("value", F.expr("transform(split(value, ','), x -> try_cast(x as float))").alias("row"))
    _check_rows(rows, path)
    beat, label = F.slice("row", 1, BEAT_LENGTH), F.col("row")[BEAT_LENGTH].cast("int")
    return rows.select(beat.alias("beat"), label.alias("label")).select(
        F.lit(None).cast("string").alias("record"),
        F.lit(None).cast("long").alias("sample"),
        F.lit(None).cast("string").alias("symbol"),
        "label",
        F.expr(_UNPADDED_LENGTH).cast("int").alias("length"),
        "beat",
        F.lit(split).cast("string").alias("split"),
        F.lit(None).cast("string").alias("group"),
    )


# The last value that is not zero; the one put in front of all gives a beat of zeros the length 0.
_UNPADDED_LENGTH = "size(beat) + 1 - array_position(transform(reverse(concat(array(1f), beat)), x -> x != 0), true)"


def _check_rows(rows: DataFrame, path: str) -> None:
    label = f"row[{BEAT_LENGTH}]"
    problem = F.expr(
        f"""CASE
        WHEN size(row) != {BEAT_LENGTH + 1}
        THEN concat('expected {BEAT_LENGTH + 1} columns, found ', size(row))
        WHEN exists(row, x -> x IS NULL OR isnan(x) OR abs(x) = float('inf'))
        THEN 'a value is not a number'
        WHEN NOT ({label} BETWEEN 0 AND {len(CLASSES) - 1} AND {label} = floor({label}))
        THEN concat('expected a label 0 to {len(CLASSES) - 1} in the last column, found ', {label})
        END"""
    )
    if not rows.take(1):
        raise DataError(f"{path} has no rows")
    found = rows.select(problem.alias("problem"), "value").where("problem IS NOT NULL")
    first = found.take(1)
    if first:
        start = first[0]["value"][:60]
        raise DataError(f"{path}: {found.count()} bad rows, one of them: {first[0]['problem']}; it starts '{start}'")

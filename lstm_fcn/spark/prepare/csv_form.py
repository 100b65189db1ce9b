"""The published CSV form to a beat table: no header, 187 values and the label last."""

from collections.abc import Sequence
from typing import Literal

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.context.form import CONTEXT_FORM
from lstm_fcn.data.beats import BEAT_LENGTH
from lstm_fcn.data.label_scheme import CLASSES_KEY
from lstm_fcn.data.labels import CLASSES
from lstm_fcn.errors import DataError
from lstm_fcn.spark.tables import holds_files

_SHOWN = 60
_FILES = 20


def beats_of_csv(
    spark: SparkSession, path: str, split: Literal["train", "test"] | None, classes: Sequence[str] = ()
) -> DataFrame:
    """Read the published CSV form.

    Parameters
    ----------
    spark : SparkSession
    path : str
        On any storage that Spark reads.
    split : 'train', 'test' or None
        What to write in the column `split`; the file does not say.
    classes : sequence of str
        Names of the labels 0, 1, ... Without them the labels must be AAMI's, and all five be there in each file: a
        file with two labels has other classes.

    Returns
    -------
    DataFrame
        The beat table. The file does not hold `record`, `sample`, `symbol` and `group`, which are NULL;
        `length` is counted up to the last value that is not zero. The names of the classes are in the metadata of the
        column `label`.

    Raises
    ------
    DataError
        If there is no such file, a row is not 187 numbers and a known label, or the labels seem to be others than
        AAMI's and no classes are given.
    """
    if not holds_files(spark, path):
        raise DataError(f"no CSV file at {path}: it is not there, or is empty")
    lines = spark.read.text(path).withColumn("file", F.input_file_name())
    lines = lines.select("file", F.regexp_replace("value", r'\s+$|"', "").alias("value"))
    lines = lines.where(~F.lower("value").isin("", "sep=,", _COUNTED))  # what spreadsheets and pandas put on top
    rows = lines.select("file", "value", F.expr("transform(split(value, ','), x -> try_cast(x as float))").alias("row"))
    _check_rows(rows, path, len(classes or CLASSES))
    beat, label = F.slice("row", 1, BEAT_LENGTH), F.col("row")[BEAT_LENGTH].cast("int")
    # The names stay with the column wherever Spark takes it: in the files, in a table of the catalog, in predictions.
    named = label.alias("label", metadata={CLASSES_KEY: list(classes)}) if classes else label.alias("label")
    beats = rows.select("file", beat.alias("beat"), named)
    if not classes:
        _require_aami(beats, path)
    return beats.select(
        F.lit(None).cast("string").alias("record"),
        F.lit(None).cast("long").alias("sample"),
        F.lit(None).cast("string").alias("symbol"),
        "label",
        F.expr(_UNPADDED_LENGTH).cast("int").alias("length"),
        "beat",
        F.lit(split).cast("string").alias("split"),
        F.lit(None).cast("string").alias("group"),
        F.lit(None).cast("double").alias("fs"),
        F.lit(None).cast("string").alias("lead"),
        F.lit(None).cast("double").alias("time_s"),
        F.lit(None).cast("string").alias("annotator"),
        F.lit(None).cast("array<float>").alias(CONTEXT_FORM),
        F.lit(None).cast("string").alias("failure"),
    )


_COUNTED = ",".join(str(number) for number in range(BEAT_LENGTH + 1))
"""A header of column numbers, which no beat can be: its values are not between 0 and 1."""

# The last value that is not zero; the one put in front of all gives a beat of zeros the length 0.
_UNPADDED_LENGTH = "size(beat) + 1 - array_position(transform(reverse(concat(array(1f), beat)), x -> x != 0), true)"


def _check_rows(rows: DataFrame, path: str, classes: int) -> None:
    label = f"row[{BEAT_LENGTH}]"
    problem = F.expr(
        f"""CASE
        WHEN size(row) != {BEAT_LENGTH + 1}
        THEN concat('expected {BEAT_LENGTH + 1} columns, found ', size(row))
        WHEN exists(row, x -> x IS NULL OR isnan(x) OR abs(x) = float('inf'))
        THEN concat('a value is not a number', IF(exists(row, x -> x IS NOT NULL), '', ': remove the header'))
        WHEN NOT ({label} BETWEEN 0 AND {classes - 1} AND {label} = floor({label}))
        THEN concat('expected a label 0 to {classes - 1} in the last column, found ', {label})
        END"""
    )
    if not rows.take(1):
        raise DataError(f"{path} has no rows")
    found = rows.select(problem.alias("problem"), "file", "value").where("problem IS NOT NULL")
    first = found.take(1)
    if first:
        start = first[0]["value"][:_SHOWN]
        name = _name(first[0]["file"])
        where = "" if path.rstrip("/").endswith(name) else f" in {name}"
        raise DataError(
            f"{path}: {found.count()} bad rows, one of them{where}: {first[0]['problem']}; it starts '{start}'"
        )


def _require_aami(beats: DataFrame, path: str) -> None:
    """Refuse files in which not all five labels occur: their labels may mean something else."""
    labels = F.array_sort(F.collect_set("label"))
    found = {row["file"]: list(row["labels"]) for row in beats.groupBy("file").agg(labels.alias("labels")).collect()}
    complete = list(range(len(CLASSES)))
    others = {file: found[file] for file in sorted(found) if found[file] != complete}
    if not others:
        return
    listed = ", ".join(f"{_name(file)} has only {_listed(labels)}" for file, labels in list(others.items())[:_FILES])
    expected = f"all of AAMI's labels 0 to {len(CLASSES) - 1} ({', '.join(CLASSES)})"
    if len(others) < len(found):
        raise DataError(
            f"{path} holds files of two kinds: expected {expected} in each, {listed}: their labels may mean something "
            "else. Give the files one by one"
        )
    raise DataError(
        f"{path}: expected {expected}, {listed}: say what the labels mean with --classes, in the order 0, 1, ..., "
        f"e.g. --classes normal,abnormal, or, where they are AAMI's, --classes {','.join(CLASSES)}"
    )


def _name(file: str) -> str:
    return file.rstrip("/").rpartition("/")[2]


def _listed(labels: Sequence[int]) -> str:
    return ", ".join(map(str, labels))

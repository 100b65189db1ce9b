"""Predictions of any table in one form: which rows have a label and a prediction."""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstm_fcn.errors import DataError
from lstm_fcn.evaluation.report.content import RowCounts
from lstm_fcn.spark.metrics import check_labels, class_position, most_frequent
from lstm_fcn.spark.sql import column
from lstm_fcn.spark.tables import check_columns

PROBABILITY_TYPES = ("array<float>", "array<double>")


@dataclass(frozen=True)
class PredictionColumns:
    """The columns that matter, by their names in the table.

    Attributes
    ----------
    label, prediction : str
        Whole numbers of any type, or texts of digits.
    probability : str or None
        An array, in the order of the classes.
    record : str or None
        Whose values are drawn for the intervals.
    """

    label: str
    prediction: str
    probability: str | None
    record: str | None


def check_predictions(table: DataFrame, columns: PredictionColumns, what: str) -> None:
    """Refuse a table that lacks one of the columns.

    Raises
    ------
    DataError
    """
    for name in (columns.label, columns.prediction):
        check_labels(table, name, what)
    if columns.probability is not None:
        check_columns(table, {columns.probability: PROBABILITY_TYPES}, what)


def with_array(table: DataFrame, name: str) -> DataFrame:
    """Make the vectors that pyspark.ml writes, if the column has some, into arrays."""
    if dict(table.dtypes).get(name) != "vector":
        return table
    from pyspark.ml.functions import vector_to_array

    return table.withColumn(name, vector_to_array(column(name)))


def normalize(
    table: DataFrame, columns: PredictionColumns, labels: Sequence[int], carried: Sequence[str] = ()
) -> DataFrame:
    """Bring predictions into one form; every row stays.

    Parameters
    ----------
    table : DataFrame
    columns : PredictionColumns
    labels : sequence of C int
        What stands for each class in both columns.
    carried : sequence of str
        Columns to keep as they are, none of them named like one of ours.

    Returns
    -------
    DataFrame
        `carried`, and `_label` (string, as it was), `_true`, `_predicted` (int, position of the class; NULL where it is
        none), `_record` (string or NULL), `_probability` (array<double>), `_confidence` (double, of the
        predicted class), `_error` (string, NULL for a row that was scored).
    """
    probability = (F.lit(None) if columns.probability is None else column(columns.probability)).cast("array<double>")
    record = F.lit(None) if columns.record is None else column(columns.record)
    predicted = class_position(table, columns.prediction, labels)
    is_reason = dict(table.dtypes).get("error") == "string"  # else it is somebody's figure
    reason = F.nullif(F.trim("error"), F.lit("")) if is_reason else F.lit(None)
    error = F.when(column(columns.prediction).isNull(), F.coalesce(reason, F.lit("no prediction"))).otherwise(reason)
    return table.select(
        *(column(name) for name in carried),
        column(columns.label).cast("string").alias("_label"),
        class_position(table, columns.label, labels).alias("_true"),
        predicted.alias("_predicted"),
        record.cast("string").alias("_record"),
        probability.alias("_probability"),
        F.get(probability, predicted).alias("_confidence"),
        error.alias("_error"),
    )


def with_label(predictions: DataFrame) -> DataFrame:
    """Keep the rows that were scored and have a label that is a class."""
    return predictions.where("_error IS NULL AND _true IS NOT NULL")


def count_rows(predictions: DataFrame, columns: PredictionColumns, classes: int, what: str) -> RowCounts:
    """Count the rows of each kind.

    Parameters
    ----------
    predictions : DataFrame
        As `normalize` makes it.
    columns : PredictionColumns
    classes : int
    what : str
        What the table is, for the messages.

    Raises
    ------
    DataError
        If there are no rows, none that can be evaluated, or predictions or probabilities that are not these classes'.
    """
    p = F.col("_probability")
    whole = F.coalesce((F.size(p) == classes) & F.forall(p, lambda value: value.between(0, 1)), F.lit(False))
    rows, failed, evaluated, odd, odd_probabilities = predictions.select(
        F.count(F.lit(1)),
        F.count("_error"),
        F.count_if(F.expr("_error IS NULL AND _true IS NOT NULL")),
        F.count_if(F.expr("_error IS NULL AND _predicted IS NULL")),
        F.count_if(F.expr("_error IS NULL") & ~whole),
    ).collect()[0]
    if not rows:
        raise DataError(f"{what} has no rows")
    if odd:
        raise DataError(f"{what}: {odd} values of the column '{columns.prediction}' are none of the {classes} classes")
    if columns.probability is not None and odd_probabilities:
        raise DataError(
            f"{what}: {odd_probabilities} values of the column '{columns.probability}' are not {classes} probabilities "
            "between 0 and 1, one for each class; name another with --probability (none: do without), or the classes "
            "with --classes or --model"
        )
    errors = most_frequent(predictions.where("_error IS NOT NULL").select(F.col("_error").alias("value")))
    unknown = predictions.where("_error IS NULL AND _true IS NULL").select(F.col("_label").alias("value"))
    counts = RowCounts(rows, evaluated, failed, errors, most_frequent(unknown))
    if not evaluated:
        found = ", ".join(f"{label} ({count} rows)" for label, count in counts.unknown_labels.items()) or "none"
        raise DataError(
            f"{what}: of {rows} rows none can be evaluated: {failed} were not scored, and the labels of the others are "
            f"none of the {classes} classes; found in '{columns.label}': {found}"
        )
    return counts

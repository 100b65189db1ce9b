"""Opening a predictions table to judge it: which rows have a label and a prediction, in one form."""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstm_fcn.errors import DataError
from lstm_fcn.report.content import Kinds
from lstm_fcn.spark.evaluating import LABEL_TYPES, most_frequent
from lstm_fcn.spark.tables import check_columns, column

PROBABILITY_TYPES = ("array<float>", "array<double>")


@dataclass(frozen=True)
class JudgedColumns:
    """The columns that matter, by their names in the table.

    Attributes
    ----------
    label, prediction : str
        Integers.
    probability : str or None
        An array, in the order of the classes.
    record : str or None
        Whose values are drawn for the intervals.
    """

    label: str
    prediction: str
    probability: str | None
    record: str | None


def check_predictions(table: DataFrame, columns: JudgedColumns, what: str) -> None:
    """Refuse a table that lacks one of the columns.

    Raises
    ------
    DataError
    """
    expected: dict[str, tuple[str, ...]] = {columns.label: LABEL_TYPES, columns.prediction: LABEL_TYPES}
    if columns.probability is not None:
        expected[columns.probability] = PROBABILITY_TYPES
    check_columns(table, expected, what)


def judge(table: DataFrame, columns: JudgedColumns, labels: Sequence[int], carried: Sequence[str] = ()) -> DataFrame:
    """Bring predictions into one form; every row stays.

    Parameters
    ----------
    table : DataFrame
    columns : JudgedColumns
    labels : sequence of C int
        What stands for each class in both columns.
    carried : sequence of str
        Columns to keep as they are, none of them named like one of ours.

    Returns
    -------
    DataFrame
        `carried`, and `_label` (string, as it was), `_true`, `_called` (int, position of the class; NULL where it is
        none), `_record` (string or NULL), `_probability` (array<double>), `_confidence` (double, of the class that was
        called), `_error` (string, NULL for a row that was scored).
    """
    probability = (F.lit(None) if columns.probability is None else column(columns.probability)).cast("array<double>")
    record = F.lit(None) if columns.record is None else column(columns.record)
    called = _position(columns.prediction, labels)
    is_reason = dict(table.dtypes).get("error") == "string"  # else it is somebody's figure
    reason = F.nullif(F.trim("error"), F.lit("")) if is_reason else F.lit(None)
    error = F.when(column(columns.prediction).isNull(), F.coalesce(reason, F.lit("no prediction"))).otherwise(reason)
    return table.select(
        *(column(name) for name in carried),
        column(columns.label).cast("string").alias("_label"),
        _position(columns.label, labels).alias("_true"),
        called.alias("_called"),
        record.cast("string").alias("_record"),
        probability.alias("_probability"),
        F.get(probability, called).alias("_confidence"),
        error.alias("_error"),
    )


def _position(name: str, labels: Sequence[int]) -> Column:
    return F.coalesce(*(F.when(column(name) == label, F.lit(i)) for i, label in enumerate(labels)))


def with_label(judged: DataFrame) -> DataFrame:
    """Keep the rows that were scored and have a label that is a class."""
    return judged.where("_error IS NULL AND _true IS NOT NULL")


def count_kinds(judged: DataFrame, columns: JudgedColumns, classes: int, what: str) -> Kinds:
    """Count the rows of each kind.

    Parameters
    ----------
    judged : DataFrame
        As `judge` gives it.
    columns : JudgedColumns
    classes : int
    what : str
        What the table is, for the messages.

    Raises
    ------
    DataError
        If there are no rows, none that can be judged, or predictions or probabilities that are not these classes'.
    """
    p = F.col("_probability")
    whole = F.coalesce((F.size(p) == classes) & F.forall(p, lambda value: value.between(0, 1)), F.lit(False))
    rows, failed, judged_rows, odd, odd_probabilities = judged.select(
        F.count(F.lit(1)),
        F.count("_error"),
        F.count_if(F.expr("_error IS NULL AND _true IS NOT NULL")),
        F.count_if(F.expr("_error IS NULL AND _called IS NULL")),
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
    errors = most_frequent(judged.where("_error IS NOT NULL").select(F.col("_error").alias("value")))
    unknown = judged.where("_error IS NULL AND _true IS NULL").select(F.col("_label").alias("value"))
    kinds = Kinds(rows, judged_rows, failed, errors, most_frequent(unknown))
    if not judged_rows:
        found = ", ".join(f"{label} ({count} rows)" for label, count in kinds.unknown_labels.items()) or "none"
        raise DataError(
            f"{what}: of {rows} rows none can be judged: {failed} were not scored, and the labels of the others are "
            f"none of the {classes} classes; found in '{columns.label}': {found}"
        )
    return kinds

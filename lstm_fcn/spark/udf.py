"""A beat table and a model to predictions: the pandas UDF and the columns around it."""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark import TaskContext
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf

from lstm_fcn.context.form import WINDOW
from lstm_fcn.data.series import beat_lengths, implausible, stack_series
from lstm_fcn.errors import DataError
from lstm_fcn.model.config import SCORING_BATCH_SIZE, ScoringDevice, ScoringPrecision
from lstm_fcn.spark.models import fetch_model
from lstm_fcn.spark.session import is_classic, new_run_id
from lstm_fcn.spark.sql import column
from lstm_fcn.spark.tables import check_columns

if TYPE_CHECKING:
    from lstm_fcn.inference.engine import Engine
    from lstm_fcn.model.file import Model
    from lstm_fcn.model.header import Header

BEAT_TYPES = ("array<float>", "array<double>")

_CONTEXT = re.compile(r"context_\d+")
"""Names of the columns with contexts, of any version."""

_SCORE_SCHEMA = "prediction int, predicted_class string, probability array<float>, error string, beat_length int"
_SCORE_SCHEMA_OF_SEVERAL = (
    "prediction array<int>, predicted_class array<string>, probability array<float>, error string, beat_length int"
)
_ADDED_COLUMNS = ("prediction", "predicted_class", "probability", "error", "beat_length", "model", "run_id", "_score")


def score(
    table: DataFrame,
    model: "Model | str",
    run_id: str | None = None,
    *,
    beat: str | None = None,
    precision: ScoringPrecision = "float32",
    device: ScoringDevice = "cpu",
    batch_size: int = SCORING_BATCH_SIZE,
) -> DataFrame:
    """Score a beat table, lazily.

    Parameters
    ----------
    table : DataFrame
        With a column of arrays; everything else is carried along.
    model : Model or str
        Or the name of a pretrained model, or the path of a model file on any storage that Spark reads.
    run_id : str, optional
        Goes into every row; a new one where none is given.
    beat : str, optional
        The column with what the model takes: a series, or the context of a beat; without it `beat` or the column of
        the context's form, as the model file says.
    precision : 'float32' or 'int8'
    device : 'cpu' or 'cuda'
    batch_size : int
        All three as `lstm_fcn.inference.engine.Engine` has them.

    Returns
    -------
    DataFrame
        As many rows as `table`: its columns but the series and the context, and `prediction` (int), `predicted_class`,
        `probability` (array<float>), `error`, `beat_length` (int, values before the padding; NULL where the model
        takes contexts), `model`, `run_id`.
        A row that cannot be scored has its reason in `error` and NULL for what is not known. With several
        labels a series, `prediction` is an array of 0 and 1 in the order of the classes, and `predicted_class` one
        of those that hold.

    Raises
    ------
    DataError
        If the column is missing or no array of float or double, or a column that is to be added is there.
    ModelError
        If the precision is int8 and the model is not calibrated for it.
    """
    spark = table.sparkSession
    loaded = fetch_model(spark, model) if isinstance(model, str) else model
    function = scoring_function(spark, loaded, precision, device, batch_size)
    beat = beat or loaded.header.column
    check_series(table, beat, "the beat table", loaded.header)
    return add_predictions(table, function, loaded.reference, run_id or new_run_id(), beat)


def check_series(table: DataFrame, beat: str, source: str, header: "Header") -> None:
    """Refuse a table without the column that the model takes, or with another type of it.

    Raises
    ------
    DataError
    """
    if header.takes_contexts and beat == header.column and beat not in table.columns:
        others = [name for name in table.columns if _CONTEXT.fullmatch(name)]
        found = f"has {others[0]}, of another version" if others else "has no contexts"
        raise DataError(
            f"{source} {found}: the model {header.name} takes the column {beat}. Prepare the records anew with "
            "jobs/prepare.py; beats without their record, as those of a CSV file, need a model of series alone"
        )
    check_columns(table, {beat: BEAT_TYPES}, source)


def add_predictions(
    table: DataFrame, function: Callable[[Column], Column], reference: str, run_id: str, beat: str = "beat"
) -> DataFrame:
    """Apply a scoring function to a beat table, lazily; parameters, result and errors as those of `score`.

    Parameters
    ----------
    table : DataFrame
    function : callable
        As `scoring_function` makes it.
    reference : str
        Of the model.
    run_id, beat : str
    """
    check_columns(table, {beat: BEAT_TYPES}, "the beat table")
    taken = [name for name in table.columns if name.lower() in _ADDED_COLUMNS]
    if taken:
        raise DataError(f"the beat table already has the columns {', '.join(taken)}: rename or drop them")
    scored = table.withColumn("_score", function(column(beat).cast("array<float>")))
    added = [F.lit(reference).alias("model"), F.lit(run_id).alias("run_id")]
    others = [name for name, kind in scored.dtypes if _CONTEXT.fullmatch(name) and kind in BEAT_TYPES]
    if _CONTEXT.fullmatch(beat) and dict(scored.dtypes).get("beat") in BEAT_TYPES:
        others.append("beat")
    return scored.select("*", "_score.*", *added).drop(column(beat)).drop(*others, "_score")


def register(
    spark: SparkSession,
    model: "Model | str",
    name: str = "lstm_fcn",
    *,
    precision: ScoringPrecision = "float32",
    device: ScoringDevice = "cpu",
    batch_size: int = SCORING_BATCH_SIZE,
) -> None:
    """Make a model a function of this session's SQL: SELECT lstm_fcn(beat).prediction FROM beats.

    It takes an array of float or double (of a model that takes contexts, the column context_1) and gives a struct:
    prediction, predicted_class, probability, error and beat_length, as `score` does. Views that use it are temporary
    ones, as it is itself.

    Parameters
    ----------
    spark : SparkSession
    model : Model or str
    name : str
        Of the function.
    precision, device, batch_size
        As in `score`.

    Raises
    ------
    ModelError
        As in `score`.
    """
    loaded = fetch_model(spark, model) if isinstance(model, str) else model
    spark.udf.register(name, scoring_function(spark, loaded, precision, device, batch_size))


def scoring_function(
    spark: SparkSession, model: "Model", precision: ScoringPrecision, device: ScoringDevice, batch_size: int
) -> Callable[[Column], Column]:
    """Make the pandas UDF that scores a column of series, and hand the model to the executors.

    Raises
    ------
    ModelError
        If the precision is int8 and the model is not calibrated for it.
    """
    if precision == "int8":
        model.header.require_int8()
    shipped, key = _ship(spark, model), (model.sha256, precision, device, batch_size)

    def lstm_fcn(batches: Iterator[pd.Series]) -> Iterator[pd.DataFrame]:
        engine = _engine_of_worker(shipped, key)
        for batch in batches:
            yield score_series(engine, batch)

    # Marked so, the UDF runs once where its result is also filtered on.
    several = model.header.network.task == "multilabel"
    schema = _SCORE_SCHEMA_OF_SEVERAL if several else _SCORE_SCHEMA
    return pandas_udf(lstm_fcn, schema).asNondeterministic()  # type: ignore[call-overload, no-any-return]


def _ship(spark: SparkSession, model: "Model") -> Callable[[], "Model"]:
    if is_classic(spark):
        broadcast = spark.sparkContext.broadcast(model)
        return lambda: broadcast.value
    return lambda: model


_Key = tuple[str, ScoringPrecision, ScoringDevice, int]
_engines: dict[_Key, "Engine"] = {}
"""The engines of this Python worker, which outlives its tasks: built once, by content hash."""


def _engine_of_worker(shipped: Callable[[], "Model"], key: _Key) -> "Engine":
    from lstm_fcn.inference.engine import Engine

    if key not in _engines:
        _, precision, device, batch_size = key
        context = TaskContext.get()
        threads = context.cpus() if context else 1
        _engines.clear()
        _engines[key] = Engine(shipped(), precision=precision, device=device, batch_size=batch_size, threads=threads)
    return _engines[key]


def score_series(engine: "Engine", column: pd.Series) -> pd.DataFrame:
    """Score n arrays into n rows of the UDF's columns, of which a row that cannot be scored has the error.

    Raises
    ------
    DataError
        If they are no arrays of numbers, which SQL does not check.
    """
    header = engine.header
    series, errors = _stack(column, header.network.length)
    waves = series[:, :WINDOW] if header.takes_contexts else series
    odd = implausible(waves, header.training_data.lowest, header.training_data.highest)
    errors[errors == ""] = odd
    series = series[odd == ""]
    probabilities = engine.probabilities(series)
    several = header.network.task == "multilabel"
    predicted = _several(engine, probabilities) if several else _single(engine, probabilities)
    # None, not NaN, for what is missing: Spark converts each array by itself.
    rows: list[tuple[Any, ...]] = [(None, None, None, error, None) for error in errors]
    good = np.flatnonzero(errors == "")
    lengths = [None] * len(series) if header.takes_contexts else beat_lengths(series)
    for row, (prediction, name), probability, length in zip(good, predicted, probabilities, lengths, strict=True):
        rows[row] = (prediction, name, probability, None, length)
    columns = ["prediction", "predicted_class", "probability", "error", "beat_length"]
    result = pd.DataFrame(rows, columns=columns, dtype=object).astype({"beat_length": "Int32"})
    return result if several else result.astype({"prediction": "Int32"})


def _stack(column: "pd.Series | pd.DataFrame", length: int) -> tuple[NDArray[np.float32], NDArray[np.object_]]:
    try:
        if isinstance(column, pd.DataFrame):  # what Spark makes of structs
            raise TypeError(f"fields {', '.join(map(str, column))}")
        return stack_series(column, length)
    except (TypeError, ValueError) as error:
        found = "struct" if isinstance(column, pd.DataFrame) else type(column.dropna().iloc[0]).__name__
        raise DataError(f"expected a series to be an array of numbers, found {found}: {error}") from error


def _single(engine: "Engine", probabilities: NDArray[np.float32]) -> Iterator[tuple[int, str]]:
    classes, predictions = engine.header.classes, engine.header.predictions
    return ((predictions[i], classes[i]) for i in probabilities.argmax(axis=1))


def _several(engine: "Engine", probabilities: NDArray[np.float32]) -> Iterator[tuple[list[int], list[str]]]:
    for hot in probabilities > 0.5:
        names = [name for name, holds in zip(engine.header.classes, hot, strict=True) if holds]
        yield hot.astype(int).tolist(), names

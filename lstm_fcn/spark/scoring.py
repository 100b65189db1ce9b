"""A beat table and a model to predictions: the pandas UDF and the columns around it."""

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark import TaskContext
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf

from lstm_fcn.beats import implausible, stack_series
from lstm_fcn.drift import beat_lengths
from lstm_fcn.errors import DataError
from lstm_fcn.hyperparameters import SCORING_BATCH_SIZE, ScoringDevice, ScoringPrecision
from lstm_fcn.spark.models import load_model
from lstm_fcn.spark.session import is_classic
from lstm_fcn.spark.tables import check_columns, column

if TYPE_CHECKING:
    from lstm_fcn.engine import Engine
    from lstm_fcn.modelfile import Model

BEAT_TYPES = ("array<float>", "array<double>")

_SCORE_SCHEMA = "prediction int, predicted_class string, probability array<float>, error string, beat_length int"
_SCORE_SCHEMA_OF_SEVERAL = (
    "prediction array<int>, predicted_class array<string>, probability array<float>, error string, beat_length int"
)
_ADDED_COLUMNS = ("prediction", "predicted_class", "probability", "error", "beat_length", "model", "run_id", "_score")


def new_run_id() -> str:
    """Make an id that sorts by time, e.g. '20260131T235959Z-1f2e3d4c'."""
    return f"{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"


def score(
    table: DataFrame,
    model: "Model | str",
    run_id: str | None = None,
    *,
    beat: str = "beat",
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
    beat : str
        The column with the series.
    precision : 'float32' or 'int8'
    device : 'cpu' or 'cuda'
    batch_size : int
        All three as `lstm_fcn.engine.Engine` has them.

    Returns
    -------
    DataFrame
        As many rows as `table`: its columns but the series, and `prediction` (int), `predicted_class`,
        `probability` (array<float>), `error`, `beat_length` (int, values before the padding), `model`, `run_id`.
        A row that cannot be scored has its reason in `error` and NULL for what could not be told. With several
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
    model = _loaded(spark, model, precision)
    check_columns(table, {beat: BEAT_TYPES}, "the beat table")
    taken = [name for name in table.columns if name.lower() in _ADDED_COLUMNS]
    if taken:
        raise DataError(f"the beat table already has the columns {', '.join(taken)}: rename or drop them")
    series = column(beat).cast("array<float>")
    scored = table.withColumn("_score", _scoring_function(spark, model, precision, device, batch_size)(series))
    added = [F.lit(model.reference).alias("model"), F.lit(run_id or new_run_id()).alias("run_id")]
    return scored.select("*", "_score.*", *added).drop(column(beat)).drop("_score")


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

    It takes an array of float or double and gives a struct: prediction, predicted_class, probability, error and
    beat_length, as `score` does. Views that use it are temporary ones, as it is itself.

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
    loaded = _loaded(spark, model, precision)
    spark.udf.register(name, _scoring_function(spark, loaded, precision, device, batch_size))


def _loaded(spark: SparkSession, model: "Model | str", precision: ScoringPrecision) -> "Model":
    found = load_model(spark, model) if isinstance(model, str) else model
    if precision == "int8":
        found.header.require_int8()
    return found


def _scoring_function(
    spark: SparkSession, model: "Model", precision: ScoringPrecision, device: ScoringDevice, batch_size: int
) -> Callable[[Column], Column]:
    content = _ship(spark, model.content)
    key = model.sha256

    def lstm_fcn(batches: Iterator[pd.Series]) -> Iterator[pd.DataFrame]:
        engine = _engine_of_worker(key, content, precision, device, batch_size)
        for batch in batches:
            yield score_series(engine, batch)

    # Marked so, the UDF runs once where its result is also filtered on.
    several = model.header.network.task == "multilabel"
    schema = _SCORE_SCHEMA_OF_SEVERAL if several else _SCORE_SCHEMA
    return pandas_udf(lstm_fcn, schema).asNondeterministic()  # type: ignore[call-overload, no-any-return]


def _ship(spark: SparkSession, content: bytes) -> Callable[[], bytes]:
    if is_classic(spark):
        broadcast = spark.sparkContext.broadcast(content)
        return lambda: broadcast.value
    return lambda: content


_engines: dict[tuple[str, ScoringPrecision, ScoringDevice, int], "Engine"] = {}
"""The engines of this Python worker, which outlives its tasks: built once, by content hash."""


def _engine_of_worker(
    sha256: str,
    content: Callable[[], bytes],
    precision: ScoringPrecision,
    device: ScoringDevice,
    batch_size: int,
) -> "Engine":
    from lstm_fcn.engine import Engine
    from lstm_fcn.modelfile import parse_model

    key = (sha256, precision, device, batch_size)
    if key not in _engines:
        context = TaskContext.get()
        threads = context.cpus() if context else 1
        model = parse_model(content(), f"model {sha256[:12]}")
        _engines.clear()
        _engines[key] = Engine(model, precision=precision, device=device, batch_size=batch_size, threads=threads)
    return _engines[key]


def score_series(engine: "Engine", column: pd.Series) -> pd.DataFrame:
    """Score n arrays into n rows of the UDF's columns, of which a row that cannot be scored has the error."""
    series, errors = stack_series(column, engine.header.network.length)
    data = engine.header.training_data
    odd = implausible(series, data.lowest, data.highest)
    errors[errors == ""] = odd
    series = series[odd == ""]
    probabilities = engine.probabilities(series)
    several = engine.header.network.task == "multilabel"
    called = _several(engine, probabilities) if several else _single(engine, probabilities)
    # None, not NaN, for what is missing: Spark converts each array by itself.
    rows: list[tuple[Any, ...]] = [(None, None, None, error, None) for error in errors]
    good, lengths = np.flatnonzero(errors == ""), beat_lengths(series)
    for row, (prediction, name), probability, length in zip(good, called, probabilities, lengths, strict=True):
        rows[row] = (prediction, name, probability, None, length)
    columns = ["prediction", "predicted_class", "probability", "error", "beat_length"]
    result = pd.DataFrame(rows, columns=columns, dtype=object).astype({"beat_length": "Int32"})
    return result if several else result.astype({"prediction": "Int32"})


def _single(engine: "Engine", probabilities: NDArray[np.float32]) -> Iterator[tuple[int, str]]:
    classes, predictions = engine.header.classes, engine.header.predictions
    return ((predictions[i], classes[i]) for i in probabilities.argmax(axis=1))


def _several(engine: "Engine", probabilities: NDArray[np.float32]) -> Iterator[tuple[list[int], list[str]]]:
    for hot in probabilities > 0.5:
        names = [name for name, holds in zip(engine.header.classes, hot, strict=True) if holds]
        yield hot.astype(int).tolist(), names

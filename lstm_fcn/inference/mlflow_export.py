"""A model as MLflow has it: a folder or a logged model that `mlflow.pyfunc` loads, on Spark and behind HTTP too.

Nothing in it is a pickle: the model file lies in it as it is, beside this package's code, whose `_load_pyfunc` MLflow
calls to load it.
"""

import importlib.metadata
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import torch
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Array
from numpy.typing import NDArray

import lstm_fcn
from lstm_fcn.data.series import implausible, stack_series
from lstm_fcn.errors import SettingsError, StorageError
from lstm_fcn.inference.engine import Engine
from lstm_fcn.model.file import INPUT, OUTPUT, Model, read_model
from lstm_fcn.model.header import Header
from lstm_fcn.storage import write_atomically

_REQUIREMENTS = ("mlflow-skinny", "numpy", "pandas", "pyarrow", "pydantic", "safetensors", "torch")
"""What loading and scoring import."""


def save_model(model: Model, folder: Path) -> None:
    """Write a folder for `mlflow.pyfunc.load_model`, `spark_udf` and `mlflow models serve`, whole or not at all.

    Raises
    ------
    SettingsError
        If there is something at that path.
    StorageError
        If it cannot be written.
    """
    if folder.exists():
        raise SettingsError(f"expected nothing at {folder} yet; name another folder, or remove it")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as draft:
            whole = Path(draft) / "model"
            mlflow.pyfunc.save_model(whole, **_parts(model, Path(draft)))
            whole.rename(folder)
    except (MlflowException, OSError) as error:
        raise StorageError(f"cannot write the MLflow model {folder}: {_in_one_line(error)}") from error


def log_model(model: Model, uri: str, registered_name: str | None = None) -> str:
    """Log a model with its hyperparameters and metrics in a run of its own, and give the model's URI.

    Parameters
    ----------
    model : Model
    uri : str
        Of the tracking server or store; from now on this process's. The experiment is the one that MLflow is set to
        (MLFLOW_EXPERIMENT_NAME).
    registered_name : str, optional
        Register the model as a new version of this one.

    Raises
    ------
    StorageError
        If MLflow refuses or cannot be reached.
    ModelError
        If the model takes the contexts of beats.
    """
    header = model.header
    network, optimization = header.of_series()
    mlflow.set_tracking_uri(uri)
    try:
        with tempfile.TemporaryDirectory() as folder, mlflow.start_run(run_name=header.name):
            mlflow.log_params({**network.model_dump(), **optimization.model_dump()})
            mlflow.log_metrics(header.metrics)
            parts = _parts(model, Path(folder))
            logged = mlflow.pyfunc.log_model(name="lstm_fcn", registered_model_name=registered_name, **parts)
    except (MlflowException, OSError) as error:
        raise StorageError(f"cannot log the model to {uri}: {_in_one_line(error)}") from error
    version = logged.registered_model_version
    return str(logged.model_uri) if version is None else f"models:/{registered_name}/{version}"


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _parts(model: Model, folder: Path) -> dict[str, Any]:
    """Give MLflow the parts of a model; the model file is put into the folder for it."""
    file = folder / "model.safetensors"
    write_atomically(file, model.content)
    return {
        "loader_module": __name__,
        "data_path": str(file),
        "code_paths": [str(Path(lstm_fcn.__file__).parent)],
        "signature": _signature(),
        "input_example": _example(model.header),
        "pip_requirements": [f"{name}=={_version(name)}" for name in _REQUIREMENTS],
        "metadata": {**model.card(), "input": _describe_input(model.header.network.length)},
    }


def _version(package: str) -> str:
    # Without the build (2.13.0+cpu), which not every package index has.
    return importlib.metadata.version(package).split("+")[0]


def _signature() -> ModelSignature:
    # No input: any that MLflow has refuses float64 or float32, lists, or one column a value; the model itself checks
    # what it gets, and its metadata say what it takes.
    # A column comes out: for a tensor spark_udf would expect an array of arrays in each row.
    return ModelSignature(outputs=Schema([ColSpec(Array(DataType.float), OUTPUT)]))


def _example(header: Header) -> dict[str, NDArray[np.float32]]:
    """Return a ramp through the range of the training values: no beat, but of the form of one."""
    lowest, highest = header.training_data.lowest, header.training_data.highest
    ramp = np.linspace(lowest or 0, 1 if highest is None else highest, header.network.length, dtype=np.float32)
    return {INPUT: ramp[None]}


def _describe_input(length: int) -> str:
    return (
        f"series of {length} numbers each: an array (n, {length}) or (n, 1, {length}), lists, a mapping or a table "
        f"with a column '{INPUT}' of arrays, or a table with {length} columns"
    )


class MlflowScorer:
    """What MLflow holds in memory of a model.

    Parameters
    ----------
    model : Model
    """

    def __init__(self, model: Model) -> None:
        # As many threads as torch has already: in Spark's workers a task's cores, in a server all of them.
        self._engine = Engine(model, threads=torch.get_num_threads())
        self._lock = Lock()  # a server scores each request in a thread of its own, which the engine cannot stand

    def predict(self, model_input: Any) -> NDArray[np.float32]:
        """Score series to probabilities (n, classes).

        Parameters
        ----------
        model_input : array, list or table
            Series (n, length) or (n, 1, length) of any numbers, or a mapping of `beat` to them; a table with a column
            `beat`, or with one column a value.

        Raises
        ------
        MlflowException
            If one of them cannot be scored.
        """
        header = self._engine.header
        series, errors = stack_series(_as_column(model_input, header.network.length), header.network.length)
        odd = implausible(series, header.training_data.lowest, header.training_data.highest)
        reasons = Counter(reason for reason in (*errors, *odd) if reason)
        if reasons:
            listed = ", ".join(f"{count} x {reason}" for reason, count in reasons.items())
            raise MlflowException.invalid_parameter_value(
                f"beats that cannot be scored: {listed}. Leave them out; jobs/score.py reports them row by row"
            )
        with self._lock:
            return self._engine.probabilities(series)


def _as_column(model_input: Any, length: int) -> "pd.Series[Any]":
    """Return the series of each row, whatever they came in."""
    try:
        rows = _rows(model_input, length)
        return pd.Series([None if row is None else _values(row) for row in rows])
    except (TypeError, ValueError) as error:
        raise MlflowException.invalid_parameter_value(
            f"expected {_describe_input(length)}; found {type(model_input).__name__}: {error}"
        ) from error


def _values(row: Any) -> NDArray[np.float64]:
    """Return the numbers of a series; what is masked is missing."""
    missing = np.ma.is_masked(row)  # type: ignore[no-untyped-call]
    return np.ravel(np.asarray(row.astype(np.float64).filled(np.nan) if missing else row, dtype=np.float64))


def _rows(model_input: Any, length: int) -> Sequence[Any]:
    if isinstance(model_input, pd.DataFrame) and INPUT not in model_input and model_input.shape[1] != 1:
        if model_input.shape[1] != length:
            raise ValueError(f"{model_input.shape[1]} columns")
        return list(model_input.to_numpy(dtype=np.float64))
    if isinstance(model_input, pd.DataFrame):
        return list(model_input[INPUT] if INPUT in model_input else model_input.iloc[:, 0])
    if isinstance(model_input, Mapping):
        return list(model_input[INPUT]) if INPUT in model_input else _refuse_keys(model_input)
    rows = list(model_input)
    if rows and isinstance(rows[0], Mapping):
        return [row[INPUT] if INPUT in row else _refuse_keys(row) for row in rows]
    if rows and np.ndim(rows[0]) == 0 and rows[0] is not None:
        return [rows]  # a single series
    shape = np.shape(model_input) if isinstance(model_input, np.ndarray) else ()
    if (shape[1:] or (length,)) not in ((length,), (1, length)):
        raise ValueError(f"{shape} does not match expected shape (-1, {length})")
    return rows


def _refuse_keys(found: Mapping[Any, Any]) -> Any:
    raise ValueError(f"the names {', '.join(map(str, found))}")


def _load_pyfunc(path: str) -> MlflowScorer:
    """Load a model file; MLflow calls this by its name."""
    return MlflowScorer(read_model(Path(path)))

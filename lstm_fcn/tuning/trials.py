"""The trials of a search: each is fitted once, and remembered in a folder."""

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import BaseModel, ValidationError

import lstm_fcn
from lstm_fcn.data.beats import Beats
from lstm_fcn.errors import ModelError
from lstm_fcn.model.file import Model, parse_model, read_model
from lstm_fcn.storage import write_atomically
from lstm_fcn.training.estimator import LSTMFCNClassifier

log = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """What came of fitting: the bytes of a model file, or an error."""

    model: bytes | None
    error: str | None
    seconds: float


def fit_trial(fitted: Beats, held_out: Beats, parameters: Mapping[str, Any], threads: int) -> Outcome:
    """Fit a classifier, on whatever machine this is called.

    Parameters
    ----------
    fitted, held_out : Beats
        Those held out choose the best epoch, and score it.
    parameters : mapping
        Of `LSTMFCNClassifier`.
    threads : int
        Processor threads to use.

    Returns
    -------
    Outcome
        Errors are returned, not raised: Spark would try a task that raises again, to the same end.
    """
    torch.set_num_threads(threads)
    started = time.monotonic()
    try:
        classifier = LSTMFCNClassifier(**parameters)
        classifier.fit_beats(fitted, (held_out.series, held_out.labels))
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        return Outcome(None, " ".join(reason.split()), time.monotonic() - started)
    return Outcome(classifier.model_.content, None, time.monotonic() - started)


class TrialResult(BaseModel, frozen=True, extra="forbid"):
    """What is known of a trial that has ended."""

    parameters: dict[str, Any]
    macro_f1: float | None = None
    accuracy: float | None = None
    seconds: float
    error: str | None = None


class Trials:
    """Gives the record of a trial, and fits it only where there is none yet.

    Parameters
    ----------
    folder : Path
        Where the trials that are done are kept, each as a record and a model file. Both are written when the trial
        ends, so whatever kills the search leaves those that have ended. One that failed is not kept: the next run
        tries it again, perhaps with more memory.
    data : tuple of str
        The fingerprints of the beats. They, the parameters and the version of this package say which trial it is.
    fit : callable
        Parameters -> Outcome. Called from several threads.
    """

    def __init__(self, folder: Path, data: tuple[str, ...], fit: Callable[[Mapping[str, Any]], Outcome]) -> None:
        folder.mkdir(
            parents=True, exist_ok=True
        )  # an output that cannot be written is reported before a trial is fitted
        self._folder, self._data, self._fit = folder, data, fit
        self._failed: dict[str, TrialResult] = {}
        self._fitted: list[str] = []
        self._locks: dict[str, threading.Lock] = {}

    @property
    def fitted(self) -> int:
        """Trials so far that were not known."""
        return len(self._fitted)

    def __call__(self, parameters: Mapping[str, Any]) -> TrialResult:
        """Return the record of a trial.

        Raises
        ------
        StorageError
            If it cannot be written.
        ModelError
            If it is damaged.
        """
        key = self._key(parameters)
        with self._locks.setdefault(key, threading.Lock()):  # the same may be drawn twice
            return self._failed.get(key) or self._read(key) or self._run(key, parameters)

    def _run(self, key: str, parameters: Mapping[str, Any]) -> TrialResult:
        outcome = self._fit(parameters)
        self._fitted.append(key)
        if outcome.model is None:
            record = TrialResult(parameters=dict(parameters), seconds=outcome.seconds, error=outcome.error)
            self._failed[key] = record
            log.warning("stage=trial fitted=%d seconds=%.1f failed: %s", self.fitted, record.seconds, record.error)
        else:
            record = _done(parameters, outcome.model, outcome.seconds)
            write_atomically(self._model_file(key), outcome.model)  # first, since the record stands for both
            write_atomically(self._file(key), record.model_dump_json(indent=1).encode())
            log.info("stage=trial fitted=%d seconds=%.1f macro_f1=%.4f", self.fitted, record.seconds, record.macro_f1)
        return record

    def model(self, record: TrialResult) -> Model:
        """Read the model of a trial that is done."""
        return read_model(self._model_file(self._key(record.parameters)))

    def _key(self, parameters: Mapping[str, Any]) -> str:
        kept = json.loads(json.dumps(dict(parameters)))  # as a record that was read has them: all keys are text
        what = json.dumps([kept, self._data, lstm_fcn.__version__], sort_keys=True)
        return hashlib.sha256(what.encode()).hexdigest()[:16]

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.json"

    def _model_file(self, key: str) -> Path:
        return self._folder / f"{key}.safetensors"

    def _read(self, key: str) -> TrialResult | None:
        if not self._file(key).exists():
            return None
        try:
            record = TrialResult.model_validate_json(self._file(key).read_bytes())
        except ValidationError as error:
            raise ModelError(f"the record {self._file(key)} is damaged; delete it to try this again") from error
        return record if self._model_file(key).exists() else None


def _done(parameters: Mapping[str, Any], model: bytes, seconds: float) -> TrialResult:
    metrics = parse_model(model, "the model of a trial").header.metrics
    return TrialResult(
        parameters=dict(parameters),
        macro_f1=metrics["valid_macro_f1"],
        accuracy=metrics["valid_accuracy"],
        seconds=seconds,
    )

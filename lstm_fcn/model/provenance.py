"""What a model file says of where the model comes from."""

import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

import lstm_fcn
from lstm_fcn.data.beats import BEAT_LENGTH, SERIES_FREQUENCY, Beats
from lstm_fcn.data.labels import CLASSES, is_aami, long_names
from lstm_fcn.data.series import count_lengths
from lstm_fcn.model.config import NetworkConfig, Optimization
from lstm_fcn.model.file import Model
from lstm_fcn.model.header import LONGEST_RECORD_NAME, MOST_RECORDS, Header, Purpose, Scaling, Teaching, TrainingData
from lstm_fcn.model.network import LSTMFCN


def describe(
    name: str,
    network: LSTMFCN,
    optimization: Optimization,
    data: TrainingData,
    metrics: dict[str, float],
    *,
    classes: Sequence[str] = CLASSES,
    labels: Sequence[bool | int | float | str] | None = None,
    feature_names: Sequence[str] | None = None,
) -> Header:
    """Describe for the model file what the network is, what it has seen and how well it does.

    Parameters
    ----------
    name : str
        Of the model.
    network : LSTMFCN
        As `train` returns it.
    optimization : Optimization
    data : TrainingData
    metrics : dict
    classes : sequence of str
        The AAMI classes of the beats, unless others are given.
    labels : sequence, optional
        What stands for each class in the labels; without it 0, 1, ...
    feature_names : sequence of str, optional
        Of the values of a series.
    """
    return Header(
        name=_readable(name),
        network=network.config,
        optimization=optimization,
        scaling=Scaling(mean=network.mean, std=network.std),
        classes=list(classes),
        class_names=long_names(classes),
        labels=list(range(len(classes)) if labels is None else labels),
        sampling_frequency=SERIES_FREQUENCY if is_aami(classes) and network.config.length == BEAT_LENGTH else None,
        feature_names=None if feature_names is None else list(feature_names),
        training_data=data,
        metrics=metrics,
        versions=versions(),
    )


def describe_data(
    beats: Beats,
    classes: int,
    source: str,
    rows: str = "all",
    parent: Model | None = None,
    made_for: Purpose | None = None,
    teaching: Teaching | None = None,
    unlabelled: Beats | None = None,
    version: str | None = None,
) -> TrainingData:
    """Describe what beats were fitted.

    Parameters
    ----------
    beats : Beats
    classes : int
    source, rows : str
    parent : Model, optional
        That the training began with; its records are known to the new one too.
    made_for : str, optional
    teaching : Teaching, optional
        What teachers said.
    unlabelled : Beats, optional
        Beats besides, whose records are known too.
    version : str, optional
        Of the source, where it has some, as `--beats-options` takes it.
    """
    records = name_records(beats.records)
    if unlabelled is not None and records is not None:
        records = None if unlabelled.records is None else name_records([*records, *unlabelled.records])
    if parent is not None and records is not None:
        known = parent.header.training_data.records
        records = None if known is None else name_records([*records, *known])
    return TrainingData(
        source=_readable(source),
        rows=rows,
        version=version,
        class_counts=beats.class_counts(classes).tolist(),
        fingerprint=beats.fingerprint(),
        parent=None if parent is None else parent.reference,
        length_counts=count_lengths(beats.series),
        lowest=float(beats.series.min()),
        highest=float(beats.series.max()),
        records=records,
        made_for=made_for,
        teaching=teaching,
    )


def name_records(records: Iterable[object] | None) -> list[str] | None:
    """Name the records of some beats, each once; None where they are not known or more than a model file names."""
    names = sorted({_readable(str(record)) for record in records}) if records is not None else []
    is_short = len(names) <= MOST_RECORDS and all(len(name) <= LONGEST_RECORD_NAME for name in names)
    return names if names and is_short else None


def _readable(name: str) -> str:
    """Return a path's text as JSON can hold it: bytes that are no text in this locale are shown as such."""
    return os.fsencode(name).decode("utf-8", errors="replace") if not name.isascii() else name


def identity(
    config: NetworkConfig,
    optimization: Optimization,
    precision: torch.dtype,
    fitted: Beats,
    held_out: Beats | None,
    parent: Model | None,
    teaching: Teaching | None = None,
    unlabelled: Beats | None = None,
) -> dict[str, Any]:
    """Return all that decides a training's outcome but the machine, to check whether a checkpoint belongs to it."""
    return {
        "precision": str(precision).removeprefix("torch."),
        **config.model_dump(),
        **optimization.model_dump(),
        "fitted beats": fitted.fingerprint(),
        "held-out beats": held_out.fingerprint() if held_out is not None else None,
        "begun with": parent.sha256 if parent is not None else None,
        "teachers": teaching.model_dump() if teaching is not None else None,
        "unlabelled beats": unlabelled.fingerprint() if unlabelled is not None else None,
    }


def versions() -> dict[str, str]:
    """Name what trains: this package and its git commit, torch, Python."""
    return {
        "lstm_fcn": lstm_fcn.__version__,
        "git": _git_commit(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _git_commit() -> str:
    package = Path(lstm_fcn.__file__).parent
    if not (package.parent / ".git").exists():
        return "none: an installed package"
    command = ["git", "-C", str(package), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        return f"unknown: {error}"

"""The beats that a model got most confidently wrong, with what there is to draw of them."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstm_fcn.errors import DataError, ModelError
from lstm_fcn.evaluation.report.content import Strip, WrongBeat
from lstm_fcn.spark.evaluation.counts import most_confident_errors
from lstm_fcn.spark.evaluation.pairs import with_comparable_keys
from lstm_fcn.spark.sql import column
from lstm_fcn.spark.tables import check_columns, refuse_missing
from lstm_fcn.spark.udf import BEAT_TYPES

if TYPE_CHECKING:
    from lstm_fcn.model.file import Model

log = logging.getLogger(__name__)

BEATS_A_CLASS = 6

_BEFORE, _AFTER = 0.4, 1.6
"""Seconds of the recording around a beat's annotation."""


def empty_keys(predictions: DataFrame, keys: Sequence[str]) -> list[str]:
    """List the keys without a value in any row, as those of a CSV file, whose beats have no names."""
    counts = predictions.select(*(F.count(column(name)) for name in keys)).collect()[0]
    return [name for name, count in zip(keys, counts, strict=True) if not count]


def collect_wrong_beats(
    predictions: DataFrame, beats: DataFrame, beat: str, keys: Sequence[str], classes: Sequence[str]
) -> list[WrongBeat]:
    """Fetch of each class the beats that were predicted as another with the highest probability.

    Parameters
    ----------
    predictions : DataFrame
        As `lstm_fcn.spark.evaluation.rows.with_label` keeps them, with probabilities.
    beats : DataFrame
        With the keys and the series.
    beat : str
        The column with the series.
    keys, classes : sequence of str

    Raises
    ------
    DataError
        If the beats lack a column, if the keys do not identify each, or if the wrong ones are not there.
    """
    check_columns(beats, {beat: BEAT_TYPES}, "--beats")
    refuse_missing(keys, beats, "--beats")
    predictions, beats = with_comparable_keys(predictions, beats, keys)
    wrong = most_confident_errors(predictions, keys, BEATS_A_CLASS)
    series = beats.select(*map(column, keys), column(beat).cast("array<float>").alias("_series"))
    rows = series.where("_series IS NOT NULL").join(F.broadcast(wrong), on=list(keys))
    most = len(classes) * BEATS_A_CLASS
    taken = rows.orderBy("_true", F.desc("_confidence"), *map(column, keys)).take(most + 1)
    _require_unique([{name: row[name] for name in keys} for row in taken])
    missing = wrong.count() - len(taken) if len(taken) < most else 0
    if missing and not taken:
        raise DataError("the beats that were predicted wrongly are not in --beats: are the --keys the same in both?")
    if missing:
        log.warning("stage=gallery %d of the %d beats to show are not in --beats", missing, missing + len(taken))
    return [
        WrongBeat(
            key={name: row[name] for name in keys},
            true=classes[row["_true"]],
            predicted=classes[row["_predicted"]],
            confidence=row["_confidence"],
            series=np.asarray(row["_series"], dtype=np.float32),
        )
        for row in taken
    ]


def _require_unique(keys: Sequence[dict[str, object]]) -> None:
    for key in keys:
        if keys.count(key) > 1:
            text = ", ".join(f"{name}={value}" for name, value in key.items())
            raise DataError(
                f"the predictions or --beats hold more than one row with one key ({text}): name columns with --keys "
                "that identify every beat"
            )


def with_activations(beats: Sequence[WrongBeat], model: "Model") -> list[WrongBeat]:
    """Add where the model's convolutions found the predicted class, and the time scale of its series.

    Raises
    ------
    ModelError
        If the series are not of the model's length.
    """
    from lstm_fcn.evaluation.activation import class_activation

    length, header = model.header.network.length, model.header
    if header.takes_contexts:
        log.warning("stage=gallery the model %s takes contexts: the beats are drawn without its view", header.name)
        return [replace(beat, frequency=header.sampling_frequency) for beat in beats]
    odd = [len(beat.series) for beat in beats if len(beat.series) != length]
    if odd:
        raise ModelError(f"the model {header.name} takes series of {length} values, found {odd[0]} in --beats")
    if not beats:
        return []
    predicted = np.array([header.classes.index(beat.predicted) for beat in beats], dtype=np.int64)
    maps = class_activation(model.network(), np.stack([beat.series for beat in beats]), predicted)
    return [
        replace(beat, activation=activation, frequency=header.sampling_frequency)
        for beat, activation in zip(beats, maps, strict=True)
    ]


def with_strips(beats: Sequence[WrongBeat], folder: Path) -> list[WrongBeat]:
    """Add the recording around each beat.

    Parameters
    ----------
    beats : sequence of WrongBeat
        Whose keys begin with the record and the sample.
    folder : Path
        Of WFDB records.

    Raises
    ------
    DataError
        If a record cannot be read.
    """
    return [replace(beat, strip=_read_strip(beat, folder)) for beat in beats]


def _read_strip(beat: WrongBeat, folder: Path) -> Strip:
    from lstm_fcn.data.wfdb_files import read_strip

    record, sample = list(beat.key.values())[:2]
    return Strip(*read_strip(folder, str(record), int(str(sample)), _BEFORE, _AFTER))

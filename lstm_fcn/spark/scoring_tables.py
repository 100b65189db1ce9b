"""The tables of the scoring job, as its settings name them."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame, SparkSession

from lstm_fcn.errors import SettingsError
from lstm_fcn.scoring_settings import ScoreSettings
from lstm_fcn.spark.column_form import gather_beat
from lstm_fcn.spark.evaluating import LABEL_TYPES
from lstm_fcn.spark.files import split_scheme
from lstm_fcn.spark.path_target import PathTarget
from lstm_fcn.spark.scoring import BEAT_TYPES
from lstm_fcn.spark.sources import is_table_name, read_source
from lstm_fcn.spark.table_target import TableTarget, is_companion
from lstm_fcn.spark.tables import check_columns, column, filter_rows
from lstm_fcn.spark.target import Target, refuse_missing

if TYPE_CHECKING:
    from lstm_fcn.header import Header

log = logging.getLogger(__name__)


def open_target(spark: SparkSession, settings: ScoreSettings) -> Target:
    """Open where the results go.

    Raises
    ------
    SettingsError, DataError
        If it is the input, or holds what is not this job's.
    """
    if is_below(settings.beats, settings.output) or is_below(settings.output, settings.beats):
        raise SettingsError(f"--output {settings.output} and --beats {settings.beats} are one, or one is in the other")
    if is_table_name(settings.output) and is_companion(settings.beats, settings.output):
        raise SettingsError(f"--beats {settings.beats} has the name of a table that runs into {settings.output} make")
    kind = TableTarget if is_table_name(settings.output) else PathTarget
    return kind(spark, settings.output, settings.partition_by)


def open_beats(spark: SparkSession, settings: ScoreSettings, partition_by: Sequence[str]) -> DataFrame:
    """Open the beats to score, with the columns to carry along.

    Raises
    ------
    SettingsError, DataError
        As `read_source`, `filter_rows`, `gather_beat` and `check_columns` do.
    """
    options = dict(option.split("=", 1) for option in settings.beats_options)
    beats = filter_rows(read_source(spark, settings.beats, settings.beats_format, options), settings.where)
    if settings.beat_prefix is not None:
        beats = gather_beat(beats, settings.beat_prefix)
    check_columns(beats, {settings.beat: BEAT_TYPES}, settings.beats)
    refuse_missing([*partition_by, *settings.columns], beats, "the beat table")
    if not settings.columns:
        return beats
    label = [settings.label] if settings.label in beats.columns else []
    names = dict.fromkeys([*settings.columns, *label, *partition_by, settings.beat])
    return beats.select(*(column(name) for name in names))


def label_column(beats: DataFrame, header: "Header", settings: ScoreSettings) -> str | None:
    """Tell which column has the true label, if there is one that the model's can be compared with.

    Raises
    ------
    DataError
        If the column that was asked for is not there or holds no integers.
    """
    comparable = header.network.task != "multilabel" and header.integer_labels is not None
    found = settings.label in beats.columns and comparable
    if found or "label" in settings.model_fields_set:
        check_columns(beats, {settings.label: LABEL_TYPES}, settings.beats)
    if not found:
        why = (
            f"no column '{settings.label}' in {settings.beats}" if comparable else "the model's labels are no integers"
        )
        log.warning("stage=start %s: no accuracy", why)
    return settings.label if found else None


def is_below(path: str, folder: str) -> bool:
    """Tell whether a path, or a table, is another one or lies in it."""
    return _parts(path)[: len(_parts(folder))] == _parts(folder)


def _parts(name: str) -> tuple[str, ...]:
    if is_table_name(name):
        return (name.lower(),)
    scheme, host, path = split_scheme(name)
    if scheme in ("", "file"):
        return Path(path).resolve().parts
    return (scheme, host, *Path(path).parts)

"""The beats of a scoring run, as its settings name them, and their label."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.data.label_scheme import CLASSES_KEY
from lstm_fcn.errors import DataError
from lstm_fcn.settings.score import ScoreSettings
from lstm_fcn.settings.sources import as_options
from lstm_fcn.spark.columns import gather_beat, gather_labels, rename_class_columns
from lstm_fcn.spark.csv_input import UNFIT, is_csv_name, read_csv
from lstm_fcn.spark.errors import as_data_errors
from lstm_fcn.spark.metrics import check_labels
from lstm_fcn.spark.sql import column
from lstm_fcn.spark.table_names import is_table_name, table_name
from lstm_fcn.spark.tables import filter_rows, read_table, refuse_missing
from lstm_fcn.spark.udf import check_series
from lstm_fcn.spark.versions import Version, newest_version, options_of

if TYPE_CHECKING:
    from lstm_fcn.model.header import Header

log = logging.getLogger(__name__)

_LOOKED_AT = 100
"""Beats whose length is looked at before any is scored."""


def version_of_beats(spark: SparkSession, settings: ScoreSettings) -> Version | None:
    """Find the version that a run keeps to, whoever writes to its input meanwhile; None for what has no versions."""
    name = table_name(settings.beats)
    with as_data_errors(settings.beats):
        if name is not None and not spark.catalog.tableExists(str(name)):
            return None
    return newest_version(spark, name or settings.beats, settings.beats_format, as_options(settings.beats_options))


def open_beats(
    spark: SparkSession,
    settings: ScoreSettings,
    partition_by: Sequence[str],
    header: "Header",
    version: Version | None,
) -> DataFrame:
    """Open the beats to score, with the columns to carry along.

    Parameters
    ----------
    spark : SparkSession
    settings : ScoreSettings
    partition_by : sequence of str
    header : Header
        Of the model; beats that cannot have as many values as it takes are refused.
    version : Version or None
        Of the table, as `version_of_beats` finds it.

    Raises
    ------
    SettingsError, DataError
        As `read_table`, `filter_rows`, `gather_beat` and `check_columns` do, and for a length that does not fit.
    """
    options = options_of(version, as_options(settings.beats_options))
    is_csv = is_csv_name(settings.beats) if "beats_format" not in settings.model_fields_set else False
    is_csv = is_csv or settings.beats_format == "csv"
    if is_csv and not is_table_name(settings.beats):
        beats = read_csv(spark, settings.beats, options, settings.label or "")
    else:
        beats = read_table(spark, settings.beats, settings.beats_format, options, flag="--beats")
    beats = filter_rows(beats, settings.where)
    if settings.label is not None:
        beats = gather_labels(beats, header, settings.label)
    length, beat = header.network.length, settings.beat or header.column
    if settings.beat_prefix is not None:
        if header.takes_contexts:
            raise DataError(f"the model {header.name} takes the column {header.column}, and no --beat-prefix")
        kept = [*partition_by, *([settings.label] if settings.label else [])]
        beats = gather_beat(beats, settings.beat_prefix, kept, length, is_text=is_csv)
        if is_csv:
            beats = beats.withColumn("beat", F.when(column(UNFIT).isNull(), column("beat"))).drop(UNFIT)
    if settings.form == "columns":
        beats = rename_class_columns(beats, header)
    check_series(beats, beat, settings.beats, header)
    refuse_missing([*partition_by, *settings.columns], beats, "the beat table")
    if settings.max_error_fraction < 1:
        _refuse_other_length(beats, settings.beats, beat, length)
    if not settings.columns:
        return beats
    label = [settings.label] if settings.label in beats.columns else []
    names = dict.fromkeys([*settings.columns, *label, *partition_by, beat])
    return beats.select(*(column(str(name)) for name in names))


def _refuse_other_length(beats: DataFrame, source: str, beat: str, length: int) -> None:
    """Refuse beats of which the first ones are all of other lengths than the model's."""
    there = beats.where(column(beat).isNotNull()).select(F.size(column(beat)).alias("size"))
    with as_data_errors(source):
        found = sorted({row["size"] for row in there.limit(_LOOKED_AT).collect()})
    if found and length not in found:
        sizes = f"{found[0]}" if len(found) == 1 else f"{found[0]} to {found[-1]}"
        raise DataError(
            f"{source}: expected column '{beat}' to hold {length} values a beat, as the model takes "
            f"them; the first beats have {sizes}. Cut or resample the beats, or give a --model that was trained on such"
        )


def _refuse_other_classes(beats: DataFrame, label: str, header: "Header", what: str) -> None:
    """Refuse labels of a table that names its classes, where they are not the model's."""
    from lstm_fcn.training.warm_start import scheme_of

    names = beats.schema[label].metadata.get(CLASSES_KEY, [])
    if names and not scheme_of(header).stands_for(names):
        raise DataError(
            f"{what}: expected column '{label}' to hold labels of the model's classes ({', '.join(header.classes)}), "
            f"found those of {', '.join(names)}"
        )


def label_column(beats: DataFrame, header: "Header", settings: ScoreSettings) -> str | None:
    """Return the name of the column with the true label, if there is one that the model's can be compared with.

    Raises
    ------
    DataError
        If the column that was asked for is not there or does not hold the numbers of the model's classes.
    """
    label = settings.label
    if label is None:
        return None
    if header.network.task == "multilabel" or header.integer_labels is None:
        why = "the model's labels are no integers"
    elif label not in beats.columns:
        why = f"no column '{label}' in {settings.beats}"
    else:
        why = ""
    try:
        if not why or "label" in settings.model_fields_set:
            check_labels(beats, label, settings.beats)
            _refuse_other_classes(beats, label, header, settings.beats)
    except DataError as error:
        if "label" in settings.model_fields_set:
            raise DataError(f"{error}; --label none scores without metrics") from error
        why = str(error)
    if why:
        log.warning("stage=start %s: no metrics", why)
    return None if why else label

"""One evaluation: open the predictions, count them, compute the figures, and gather what the report shows."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.data.labels import is_aami, long_names
from lstm_fcn.errors import DataError, ModelError, SettingsError
from lstm_fcn.evaluation.comparison import differences, mcnemar
from lstm_fcn.evaluation.estimates import Counts, estimate
from lstm_fcn.evaluation.metrics import MetricRow, confusion_rows
from lstm_fcn.evaluation.report.content import Comparison, Content, Ectopy, Group, RowCounts, WrongBeat
from lstm_fcn.settings.evaluate import EvaluateSettings
from lstm_fcn.spark.columns import gather_probabilities, probability_columns
from lstm_fcn.spark.evaluation.counts import count_blocks, count_groups, count_worst_records, with_blocks
from lstm_fcn.spark.evaluation.ectopy import (
    as_sequences,
    collect_ectopy,
    partition_columns,
    selects_whole_records,
    sequence_columns,
)
from lstm_fcn.spark.evaluation.gallery import collect_wrong_beats, empty_keys, with_activations, with_strips
from lstm_fcn.spark.evaluation.output import refuse_output
from lstm_fcn.spark.evaluation.pairs import changed_sides, count_pairs, pair
from lstm_fcn.spark.evaluation.rows import (
    PredictionColumns,
    check_predictions,
    count_rows,
    normalize,
    with_array,
    with_label,
)
from lstm_fcn.spark.metrics import class_position
from lstm_fcn.spark.models import fetch_model
from lstm_fcn.spark.scoring.folder_output import written_types
from lstm_fcn.spark.session import describe_jobs, new_run_id
from lstm_fcn.spark.table_names import is_table_name
from lstm_fcn.spark.tables import filter_rows, holds_files, read_table, refuse_missing

if TYPE_CHECKING:
    from lstm_fcn.model.file import Model

log = logging.getLogger(__name__)

_WORST_RECORDS = 50
_MODELS_NAMED = 10


class EvaluationRun:
    """An evaluation.

    Parameters
    ----------
    spark : SparkSession
    settings : EvaluateSettings

    Attributes
    ----------
    run_id : str
    model : Model or None
        That made the predictions.
    changed : DataFrame or None
        The beats that changed sides, where there is something to compare with; lazily.

    Raises
    ------
    SettingsError, ModelError
        If the report cannot go to its output, or there is no such model.
    """

    def __init__(self, spark: SparkSession, settings: EvaluateSettings) -> None:
        refuse_output(spark, settings)
        self.spark, self.settings, self.run_id = spark, settings, new_run_id()
        self.model = fetch_model(spark, settings.model) if settings.model else None
        self.changed: DataFrame | None = None

    def evaluate(self) -> Content:
        """Count the predictions, and compute all that the report shows.

        Raises
        ------
        DataError
            If the predictions cannot be evaluated: no rows, no labels, other classes, columns that are not there.
        ModelError
            If the model did not make them.
        """
        settings, classes = self.settings, self.classes
        table = self._open(settings.predictions, "--predictions")
        refuse_missing(settings.by, table, settings.predictions)
        self._require_these_classes(table)
        models = self._models(table)
        columns = self._columns(table)
        describe_jobs(self.spark, f"{self.run_id}: count the predictions")
        sequences = sequence_columns(table, classes)
        by = partition_columns(self.spark, self._place(settings.predictions)) if sequences else []
        rows, row_counts = self._normalize(table, settings.predictions, columns, [*settings.by, *by, *sequences])
        log.info(
            *("stage=read run_id=%s rows=%d evaluated=%d failed=%d", self.run_id),
            *(row_counts.rows, row_counts.evaluated, row_counts.failed),
        )
        labelled = with_label(rows)
        columns, without_record = self._require_records(labelled, columns, row_counts)
        blocks, records = with_blocks(labelled)
        counts = count_blocks(blocks, classes, columns.probability is not None)
        groups = {name: self._groups(count_groups(blocks, name, classes)) for name in settings.by}
        is_shown = columns.record is not None and columns.record not in settings.by
        worst = count_worst_records(blocks, classes, _WORST_RECORDS) if is_shown else {}
        log.info("stage=count run_id=%s records=%d", self.run_id, records if columns.record else 0)
        gallery, no_gallery = self._gallery(blocks, columns)
        return Content(
            run_id=self.run_id,
            finished=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            source=settings.predictions,
            where=settings.where,
            models=models,
            model_facts=_facts(self.model) if self.model else {},
            class_names=self._class_names(),
            row_counts=row_counts,
            counts=counts,
            estimates=self._estimates(counts),
            draws=settings.draws,
            seed=settings.seed,
            groups=groups,
            record=columns.record,
            records=records,
            without_record=without_record,
            worst=self._groups({name: Counts(classes, confusion[None]) for name, confusion in worst.items()}),
            gallery=gallery,
            no_gallery=no_gallery,
            comparison=self._compare(blocks),
            ectopy=self._ectopy(rows, by) if sequences else None,
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the probabilities."""
        return tuple(self.model.header.classes if self.model else self.settings.classes)

    def _labels(self) -> list[int]:
        return self.model.header.predictions if self.model else list(range(len(self.classes)))

    def _class_names(self) -> dict[str, str]:
        if self.model:
            return dict(zip(self.classes, self.model.header.class_names, strict=True))
        if is_aami(self.classes):
            return dict(zip(self.classes, long_names(self.classes), strict=True))
        return {name: f"label {i}" for i, name in enumerate(self.classes)}

    def _open(self, source: str, flag: str) -> DataFrame:
        table = filter_rows(self._read(source, flag), self.settings.where)
        name = self.settings.probability
        if name is None:
            return table
        if name in table.columns or probability_columns(self.classes)[0] not in table.columns:
            return with_array(table, name)
        return gather_probabilities(table, name, self.classes)

    def _place(self, source: str) -> str:
        inner = f"{source.rstrip('/')}/predictions"  # of what score.py wrote
        return inner if not is_table_name(source) and holds_files(self.spark, inner) else source

    def _read(self, source: str, flag: str) -> DataFrame:
        source = self._place(source)
        types = {} if is_table_name(source) else written_types(self.spark, source)
        return read_table(self.spark, source, flag=flag, types=types)

    def _require_these_classes(self, table: DataFrame) -> None:
        """Refuse predictions that name their classes otherwise than we would, where nobody has named them."""
        settings = self.settings
        named = self.model is not None or "classes" in settings.model_fields_set
        if named or "predicted_class" not in table.columns or settings.prediction != "prediction":
            return
        here = F.get(F.array(*map(F.lit, self.classes)), class_position(table, "prediction", range(len(self.classes))))
        rows = table.select("prediction", "predicted_class", here.alias("here"))
        for row in rows.where("predicted_class != here").take(1):
            raise DataError(
                f"{settings.predictions}: the column 'predicted_class' has '{row['predicted_class']}' for "
                f"{row['prediction']}, which is '{row['here']}' among {', '.join(self.classes)}: name the "
                "classes with --classes, or the model with --model"
            )

    def _require_records(
        self, labelled: DataFrame, columns: PredictionColumns, row_counts: RowCounts
    ) -> tuple[PredictionColumns, int]:
        """Do without the column of the records where it is empty; count the beats that have none."""
        missing = labelled.where("_record IS NULL").count() if columns.record else 0
        if missing == row_counts.evaluated:
            log.warning("stage=read the column '%s' is empty: no intervals", columns.record)
            return replace(columns, record=None), 0
        if missing:
            log.warning("stage=read %d beats have no '%s': taken for those of one", missing, columns.record)
        return columns, missing

    def _models(self, table: DataFrame) -> dict[str, int]:
        if "model" not in table.columns:
            return {}
        rows = table.groupBy("model").count().orderBy(F.desc("count"), "model").take(_MODELS_NAMED)
        found = {str(row["model"]): row["count"] for row in rows}
        if self.model is not None and found and self.model.reference not in found:
            raise ModelError(f"the predictions were made by {', '.join(found)}, and --model is {self.model.reference}")
        return found

    def _columns(self, table: DataFrame) -> PredictionColumns:
        settings, given = self.settings, self.settings.model_fields_set
        probability, record = settings.probability, None
        if probability is not None and probability not in table.columns and "probability" not in given:
            probability = None
            log.warning("stage=read no column '%s': nothing that needs probabilities", settings.probability)
        if settings.record in table.columns or "record" in given:
            record = settings.record
        else:
            log.warning("stage=read no column '%s': no intervals", settings.record)
        return PredictionColumns(settings.label, settings.prediction, probability, record)

    def _normalize(
        self, table: DataFrame, source: str, columns: PredictionColumns, carried: Sequence[str] = ()
    ) -> tuple[DataFrame, RowCounts]:
        keys = self.settings.keys if self.settings.beats or self.settings.against else []
        refuse_missing([*keys, *([columns.record] if columns.record else [])], table, source)
        check_predictions(table, columns, source)
        rows = normalize(table, columns, self._labels(), list(dict.fromkeys([*keys, *carried])))
        return rows, count_rows(rows, columns, len(self.classes), source)

    def _estimates(self, counts: Counts) -> list[MetricRow]:
        found = estimate(counts, self.settings.draws, self.settings.seed)
        return found + confusion_rows(counts.confusion.sum(axis=0), counts.classes)

    def _groups(self, groups: dict[str, Counts]) -> list[Group]:
        return [Group(name, counts.confusion.sum(axis=0), self._estimates(counts)) for name, counts in groups.items()]

    def _gallery(self, predictions: DataFrame, columns: PredictionColumns) -> tuple[list[WrongBeat], str | None]:
        """Find the most confident errors, or say why they cannot be found though they were asked for."""
        settings = self.settings
        if settings.beats is None:
            return [], None
        if columns.probability is None:
            raise SettingsError("--beats shows the most confident errors, but the predictions have no probabilities")
        describe_jobs(self.spark, f"{self.run_id}: find the most confident errors")
        beats = read_table(self.spark, settings.beats, flag="--beats")
        empty = empty_keys(predictions, settings.keys)
        if empty:
            why = f"the keys that find a beat in --beats are empty in the predictions ({', '.join(empty)})"
            log.warning("stage=gallery %s: no pictures of beats; a CSV file does not name its beats", why)
            return [], why
        found = collect_wrong_beats(predictions, beats, settings.beat, settings.keys, self.classes)
        if self.model is not None:
            found = with_activations(found, self.model)
        return (found if settings.records is None else with_strips(found, settings.records)), None

    def _ectopy(self, rows: DataFrame, by: Sequence[str]) -> Ectopy | None:
        """Find the records with the most S and V beats; None where the rows do not show them."""
        settings = self.settings
        describe_jobs(self.spark, f"{self.run_id}: find the records with the most S and V beats")
        if settings.where is not None:
            all_rows = self._read(settings.predictions, "--predictions")
            if not selects_whole_records(all_rows, settings.where, by):
                log.info("stage=records not summarized: --where selects some beats of a record and not all")
                return None
        return collect_ectopy(as_sequences(rows, self.classes, by), by, settings.records)

    def _compare(self, predictions: DataFrame) -> Comparison | None:
        settings = self.settings
        if settings.against is None:
            return None
        describe_jobs(self.spark, f"{self.run_id}: compare with {settings.against}")
        other = self._open(settings.against, "--against")
        probability = settings.probability if settings.probability in other.columns else None
        columns = PredictionColumns(settings.label, settings.prediction, probability, record=None)
        other_rows, _ = self._normalize(other, settings.against, columns)
        pairs = pair(predictions, with_label(other_rows), settings.keys)
        self.changed = changed_sides(pairs, settings.keys, self.classes, self.run_id)
        counted = count_pairs(pairs, len(self.classes))
        joint: NDArray[np.int64] = counted.joint.sum(axis=0)
        return Comparison(
            settings.against,
            joint,
            counted.only_first,
            counted.only_other,
            mcnemar(joint, self.classes),
            differences(counted.joint, self.classes, settings.draws, settings.seed),
        )


def _facts(model: "Model") -> dict[str, str]:
    header, data = model.header, model.header.training_data
    frequency = header.sampling_frequency
    return {
        "Model file": f"{model.reference}, sha256 {model.sha256}",
        "Trained on": f"{sum(data.class_counts):,} beats of {data.source} ({data.rows})"
        + (f", {data.version}" if data.version else ""),
        "Takes": f"{header.network.length} values of {header.column}" + (f" at {frequency:g} Hz" if frequency else ""),
    }

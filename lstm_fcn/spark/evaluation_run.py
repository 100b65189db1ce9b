"""One evaluation: open the predictions, count them, compute the figures, and gather what the report shows."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.errors import DataError, ModelError, SettingsError
from lstm_fcn.evaluation import Counts, Estimate, count_rows, estimate
from lstm_fcn.labels import CLASS_NAMES, CLASSES
from lstm_fcn.paired import differences, mcnemar
from lstm_fcn.report.content import Comparison, Content, Group, Kinds, WrongBeat
from lstm_fcn.scoring_settings import EvaluateSettings
from lstm_fcn.spark.column_form import gather_probabilities
from lstm_fcn.spark.counting import count_blocks, count_groups, count_worst_records, with_blocks
from lstm_fcn.spark.judged import JudgedColumns, check_predictions, count_kinds, judge, with_label
from lstm_fcn.spark.pairing import changed_sides, count_pairs, pair
from lstm_fcn.spark.scoring import new_run_id
from lstm_fcn.spark.session import describe_jobs
from lstm_fcn.spark.sources import is_table_name, read_source
from lstm_fcn.spark.tables import filter_rows, holds_files
from lstm_fcn.spark.target import refuse_missing
from lstm_fcn.spark.wrong_beats import collect_wrong_beats, with_activations, with_strips

if TYPE_CHECKING:
    from lstm_fcn.modelfile import Model

log = logging.getLogger(__name__)

_WORST_RECORDS = 50
_MODELS_NAMED = 10


@dataclass
class EvaluationRun:
    """An evaluation.

    Parameters
    ----------
    spark : SparkSession
    settings : EvaluateSettings
    model : Model or None
        That made the predictions.

    Attributes
    ----------
    run_id : str
    changed : DataFrame or None
        The beats that changed sides, where there is something to compare with; lazily.
    """

    spark: SparkSession
    settings: EvaluateSettings
    model: "Model | None"
    run_id: str = field(default_factory=new_run_id)
    changed: DataFrame | None = None

    def evaluate(self) -> Content:
        """Do it.

        Raises
        ------
        DataError
            If the predictions cannot be judged: no rows, no labels, other classes, columns that are not there.
        ModelError
            If the model did not make them.
        """
        settings, classes = self.settings, self.classes
        table = self._open(settings.predictions)
        refuse_missing(settings.by, table, settings.predictions)
        self._require_these_classes(table)
        models = self._models(table)
        columns = self._columns(table)
        describe_jobs(self.spark, f"{self.run_id}: count the predictions")
        judged, kinds = self._judge(table, settings.predictions, columns, settings.by)
        log.info(
            "stage=read run_id=%s rows=%d judged=%d failed=%d", self.run_id, kinds.rows, kinds.judged, kinds.failed
        )
        labelled = with_label(judged)
        columns, without_record = self._require_records(labelled, columns, kinds)
        blocks, records = with_blocks(labelled)
        counts = count_blocks(blocks, classes, columns.probability is not None)
        groups = {name: self._groups(count_groups(blocks, name, classes)) for name in settings.by}
        is_shown = columns.record is not None and columns.record not in settings.by
        worst = count_worst_records(blocks, classes, _WORST_RECORDS) if is_shown else {}
        log.info("stage=count run_id=%s records=%d", self.run_id, records if columns.record else 0)
        return Content(
            run_id=self.run_id,
            finished=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            source=settings.predictions,
            where=settings.where,
            models=models,
            model_facts=_facts(self.model) if self.model else {},
            class_names=self._class_names(),
            kinds=kinds,
            counts=counts,
            estimates=self._estimates(counts),
            draws=settings.draws,
            seed=settings.seed,
            groups=groups,
            record=columns.record,
            records=records,
            without_record=without_record,
            worst=self._groups({name: Counts(classes, confusion[None]) for name, confusion in worst.items()}),
            gallery=self._gallery(blocks, columns),
            comparison=self._compare(blocks),
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
        is_aami = self.classes == CLASSES
        return {name: CLASS_NAMES[name] if is_aami else f"label {i}" for i, name in enumerate(self.classes)}

    def _open(self, source: str) -> DataFrame:
        inner = f"{source.rstrip('/')}/predictions"  # of what score.py wrote
        if not is_table_name(source) and holds_files(self.spark, inner):
            source = inner
        table = filter_rows(read_source(self.spark, source), self.settings.where)
        name = self.settings.probability
        if name is None or name in table.columns or "p_1" not in table.columns:
            return table
        return gather_probabilities(table, name, len(self.classes))

    def _require_these_classes(self, table: DataFrame) -> None:
        """Refuse predictions that name their classes otherwise than we would, having been told nothing."""
        settings = self.settings
        told = self.model is not None or "classes" in settings.model_fields_set
        if told or "predicted_class" not in table.columns or settings.prediction != "prediction":
            return
        here = F.get(F.array(*map(F.lit, self.classes)), F.col("prediction").cast("int"))
        rows = table.select("prediction", "predicted_class", here.alias("here"))
        for row in rows.where("predicted_class != here").take(1):
            raise DataError(
                f"{settings.predictions}: the column 'predicted_class' calls {row['prediction']} "
                f"'{row['predicted_class']}', which is '{row['here']}' among {', '.join(self.classes)}: name the "
                "classes with --classes, or the model with --model"
            )

    def _require_records(self, labelled: DataFrame, columns: JudgedColumns, kinds: Kinds) -> tuple[JudgedColumns, int]:
        """Do without the column of the records where it is empty; count the beats that have none."""
        missing = labelled.where("_record IS NULL").count() if columns.record else 0
        if missing == kinds.judged:
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

    def _columns(self, table: DataFrame) -> JudgedColumns:
        settings, given = self.settings, self.settings.model_fields_set
        probability, record = settings.probability, None
        if probability is not None and probability not in table.columns and "probability" not in given:
            probability = None
            log.warning("stage=read no column '%s': nothing that needs probabilities", settings.probability)
        if settings.record in table.columns or "record" in given:
            record = settings.record
        else:
            log.warning("stage=read no column '%s': no intervals", settings.record)
        return JudgedColumns(settings.label, settings.prediction, probability, record)

    def _judge(
        self, table: DataFrame, source: str, columns: JudgedColumns, carried: Sequence[str] = ()
    ) -> tuple[DataFrame, Kinds]:
        keys = self.settings.keys if self.settings.beats or self.settings.against else []
        refuse_missing([*keys, *([columns.record] if columns.record else [])], table, source)
        check_predictions(table, columns, source)
        judged = judge(table, columns, self._labels(), list(dict.fromkeys([*keys, *carried])))
        return judged, count_kinds(judged, columns, len(self.classes), source)

    def _estimates(self, counts: Counts) -> list[Estimate]:
        found = estimate(counts, self.settings.draws, self.settings.seed)
        return found + count_rows(counts.confusion.sum(axis=0), counts.classes)

    def _groups(self, groups: dict[str, Counts]) -> list[Group]:
        return [Group(name, counts.confusion.sum(axis=0), self._estimates(counts)) for name, counts in groups.items()]

    def _gallery(self, judged: DataFrame, columns: JudgedColumns) -> list[WrongBeat]:
        settings = self.settings
        if settings.beats is None:
            return []
        if columns.probability is None:
            raise SettingsError("--beats shows the most confident errors, but the predictions have no probabilities")
        describe_jobs(self.spark, f"{self.run_id}: find the most confident errors")
        beats = read_source(self.spark, settings.beats)
        found = collect_wrong_beats(judged, beats, settings.beat, settings.keys, self.classes)
        if self.model is not None:
            found = with_activations(found, self.model)
        return found if settings.records is None else with_strips(found, settings.records)

    def _compare(self, judged: DataFrame) -> Comparison | None:
        settings = self.settings
        if settings.against is None:
            return None
        describe_jobs(self.spark, f"{self.run_id}: compare with {settings.against}")
        other = self._open(settings.against)
        probability = settings.probability if settings.probability in other.columns else None
        columns = JudgedColumns(settings.label, settings.prediction, probability, record=None)
        other_judged, _ = self._judge(other, settings.against, columns)
        pairs = pair(judged, with_label(other_judged), settings.keys)
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
    header = model.header
    frequency = header.sampling_frequency
    return {
        "Model file": f"{model.reference}, sha256 {model.sha256}",
        "Trained on": f"{sum(header.training_data.class_counts):,} beats of {header.training_data.source} "
        f"({header.training_data.rows})",
        "Takes": f"{header.network.length} values" + (f" at {frequency:g} Hz" if frequency else ""),
    }

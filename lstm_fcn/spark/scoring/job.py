"""One run of the scoring job: plan, stage, check, publish."""

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib.metadata import version
from types import MappingProxyType
from typing import Literal

import pyspark
from pyspark.sql import DataFrame, SparkSession

import lstm_fcn
from lstm_fcn.errors import BusyError, DataError, SettingsError
from lstm_fcn.evaluation.metrics import MetricRow, metric_rows
from lstm_fcn.settings.score import ScoreSettings
from lstm_fcn.spark.columns import spread_predictions
from lstm_fcn.spark.errors import as_data_errors
from lstm_fcn.spark.models import fetch_model
from lstm_fcn.spark.partition_types import type_names
from lstm_fcn.spark.scoring.counts import count_predictions
from lstm_fcn.spark.scoring.destination import open_output
from lstm_fcn.spark.scoring.drift import context_drift, drift
from lstm_fcn.spark.scoring.findings import log_counts, refuse_too_many_errors
from lstm_fcn.spark.scoring.incremental import has_scored, with_content
from lstm_fcn.spark.scoring.input import label_column, open_beats, version_of_beats
from lstm_fcn.spark.scoring.lock import hold
from lstm_fcn.spark.scoring.manifest import Manifest, ScoredRows, run_metrics
from lstm_fcn.spark.scoring.partitions import in_partitions, require_same, survey
from lstm_fcn.spark.scoring.plan import (
    Plan,
    describe_plan,
    make_plan,
    state_after,
)
from lstm_fcn.spark.scoring.progress import log_progress
from lstm_fcn.spark.scoring.record_summary import can_summarize
from lstm_fcn.spark.scoring.refusals import (
    condition_to_replace,
    refuse_earlier_id,
    refuse_impossible,
    refuse_part_for_whole,
)
from lstm_fcn.spark.scoring.summary_by import refuse_summary_by
from lstm_fcn.spark.scoring.task_size import FEW_ROWS, beats_a_minute, cut
from lstm_fcn.spark.session import describe_jobs, new_run_id
from lstm_fcn.spark.sql import column
from lstm_fcn.spark.udf import add_predictions, scoring_function

log = logging.getLogger(__name__)

_DECIDING = {"beats_format", "beats_options", "beat", "beat_prefix", "form", "precision"}
"""The settings that decide a prediction, besides the model."""


class ScoringRun:
    """A run of the scoring job.

    Parameters
    ----------
    spark : SparkSession
    settings : ScoreSettings

    Attributes
    ----------
    run_id : str
    model : Model
    output : Output
    beats : DataFrame
        What is to be scored.
    version : Version or None
        Of the table with the beats, which stays this one whoever writes to it meanwhile.
    label : str or None
        Column with the true label.

    Raises
    ------
    SettingsError, DataError, ModelError
        If model, beats and output do not fit each other. Nothing is written then.
    """

    def __init__(self, spark: SparkSession, settings: ScoreSettings) -> None:
        self.run_id = new_run_id()
        self._started, self._clock = _now(), time.monotonic()
        self.model = fetch_model(spark, settings.model)
        self._beat = settings.beat or self.model.header.column
        self.settings = settings = settings.model_copy(update={"beat": self._beat})
        self.output = open_output(spark, settings)
        self.version = version_of_beats(spark, settings)
        beats = open_beats(spark, settings, self.output.partition_by, self.model.header, self.version)
        self.label = label_column(beats, self.model.header, settings)
        self._replaced = condition_to_replace(settings.where, beats, self._beat, self.output)
        refuse_impossible(settings, beats, self.output, self._replaced)
        self.beats = beats if settings.limit is None else beats.limit(settings.limit)
        how = (settings.precision, settings.device, settings.batch_size)
        self._function = scoring_function(spark, self.model, *how)
        # What does not fit the table is refused here, before anything is written.
        self._carried = [name for name in self._predict(self.beats).columns if name in self.beats.columns]
        carried = self.beats.select(*map(column, self._carried))
        refuse_summary_by(settings.summary_by, self.output.partition_by, carried)
        self._has_records = can_summarize(self.beats, self.model.header)
        log.info("stage=start run_id=%s model=%s beats=%s", self.run_id, self.model.reference, settings.beats)

    def _predict(self, beats: DataFrame) -> DataFrame:
        scored = add_predictions(beats, self._function, self.model.reference, self.run_id, self._beat)
        return spread_predictions(scored, self.model.header) if self.settings.form == "columns" else scored

    @property
    def _recipe(self) -> str:
        settings = self.settings.model_dump(mode="json", include=_DECIDING)
        what = json.dumps([self.model.sha256, settings, self._carried])
        return hashlib.sha256(what.encode()).hexdigest()[:16]

    def describe_plan(self) -> str:
        """Describe what a run would do, and do nothing."""
        return describe_plan(self._plan(), self.output.partition_by)

    def execute(self) -> Manifest | None:
        """Run.

        Returns
        -------
        Manifest or None
            None where there was nothing to do; then every file is as it was.

        Raises
        ------
        BusyError
            If another run writes to the output.
        DataError
            If more rows failed than may, or what was written is not what was read.
        """
        with hold(self.output.lock, self.run_id) as require_own_lock:
            self.output.refresh()  # another run may have ended since it was opened
            finished = self.output.finish_publishing()
            if finished is not None:
                log.warning("stage=recover run_id=%s finished what run %s had begun", self.run_id, finished)
            refuse_earlier_id(self.run_id, self.output.last)
            plan = self._plan()
            log.info(
                *("stage=plan run_id=%s rows=%d score=%d remove=%d keep=%d", self.run_id, plan.rows),
                *map(len, (plan.score, plan.remove, plan.keep)),
            )
            if not plan.score and not plan.remove:
                return None
            try:
                manifest = self._stage(plan)
                require_own_lock()
            except BusyError:
                raise  # what is staged there may be the other run's
            except Exception as error:
                reason = str(error).strip().partition("\n")[0] or type(error).__name__
                self.output.note_failure(self._manifest(plan, ScoredRows(), status="failed", reason=reason))
                raise
            describe_jobs(self.beats.sparkSession, f"{self.run_id}: publish")
            self.output.publish(manifest)
            log.info("stage=publish run_id=%s output=%s", self.run_id, self.settings.output)
            return manifest

    def _plan(self) -> Plan:
        settings, output = self.settings, self.output
        describe_jobs(self.beats.sparkSession, f"{self.run_id}: count the beats")
        state = output.last.state if output.last else {}
        is_known = settings.incremental and has_scored(output.last, self.version, settings, self._recipe)
        if is_known and set(output.existing(self.beats, None)) == set(state):
            return Plan(found={}, score=(), remove=(), keep=tuple(state))
        with as_data_errors(settings.beats):
            found = survey(self.beats, output.partition_by, self._carried)
            if settings.incremental:
                # All columns, since any may decide a prediction or is carried along.
                found = with_content(found, state, self.beats, output.partition_by, self.beats.columns)
        everything = output.existing(self.beats, None)
        existing = everything if settings.where is None else output.existing(self.beats, settings.where)
        if settings.limit is not None and (output.last is not None or existing):
            raise SettingsError("--limit is for a trial and does not replace results: give another --output")
        if output.last is None and everything:
            raise DataError(
                f"{settings.output} holds rows, but no run of this job is known that wrote them: remove them or "
                "write somewhere else"
            )
        refuse_part_for_whole(settings, output)
        others = set(everything) - set(existing)
        return make_plan(found, state, existing, others, self._recipe if settings.incremental else None)

    def _stage(self, plan: Plan) -> Manifest:
        """Write the predictions beside the results, and check and count what was written."""
        by, spark = self.output.partition_by, self.beats.sparkSession
        whole = len(plan.score) == len(plan.found)
        beats = self.beats if whole else in_partitions(self.beats, by, plan.score)
        predictions = self._predict(self._in_tasks(beats, plan))
        self.output.require_fit(predictions, keeps=bool(plan.keep))
        describe_jobs(spark, f"{self.run_id}: score {plan.rows} beats with {self.model.reference}")
        began = time.monotonic()
        with log_progress(spark, plan.rows, self.run_id):
            staged = self.output.stage(predictions, self.run_id)
        seconds = time.monotonic() - began
        rate = plan.rows / seconds
        log.info("stage=score run_id=%s rows=%d seconds=%.1f beats_per_s=%.0f", self.run_id, plan.rows, seconds, rate)

        describe_jobs(spark, f"{self.run_id}: check and count what was written")
        wanted = {key: plan.found[key] for key in plan.score}
        require_same(wanted, survey(staged, by, self._carried), by, compare_values=self.settings.limit is None)
        counts, confusion = count_predictions(staged, self.model.header, self.label)
        log_counts(counts, self.model.header, self.run_id)
        refuse_too_many_errors(counts, self.settings.max_error_fraction)
        metrics = [] if self.label is None else metric_rows(confusion, self.model.header.classes)
        features = self.model.header.training_data.features
        far = {} if features is None else context_drift(beats, self._beat, plan.rows, features, self.run_id)
        return self._manifest(plan, counts, metrics, beats_per_second=rate, far=far)

    def _in_tasks(self, beats: DataFrame, plan: Plan) -> DataFrame:
        """Cut the beats into tasks of a minute at most, if they are worth more than one."""
        if plan.rows <= FEW_ROWS:
            return beats
        a_minute = beats_a_minute(self.model, self.settings.precision, self.settings.batch_size)
        return cut(beats, plan.rows, plan.bytes, a_minute)

    def _manifest(
        self,
        plan: Plan,
        counts: ScoredRows,
        metrics: list[MetricRow] | None = None,
        *,
        status: Literal["done", "failed"] = "done",
        beats_per_second: float | None = None,
        far: Mapping[str, float | None] = MappingProxyType({}),
        reason: str | None = None,
    ) -> Manifest:
        data, header, is_done = self.model.header.training_data, self.model.header, status == "done"
        before = self.output.last.state if self.output.last else {}
        manifest = Manifest(
            run_id=self.run_id,
            status=status,
            reason=reason,
            started=self._started,
            finished=_now(),
            seconds=round(time.monotonic() - self._clock, 3),
            beats_per_second=beats_per_second,
            beats=self.settings.beats,
            beats_version=None if self.version is None else str(self.version),
            partition_by=list(self.output.partition_by),
            partition_types=self._partition_types(plan) if is_done else {},
            model=self.model.reference,
            model_sha256=self.model.sha256,
            versions={"lstm_fcn": lstm_fcn.__version__, "torch": version("torch"), "pyspark": pyspark.__version__},
            settings=self.settings.model_dump(mode="json"),
            counts=counts,
            drift={**drift(counts, header.classes, data.class_counts, data.length_counts), **far},
            scored=list(plan.score) if is_done else [],
            removed=list(plan.remove) if is_done else [],
            replaced=self._replaced if is_done else None,
            has_records=self._has_records and is_done,
            summary_by=self.settings.summary_by,
            partitions=state_after(plan, before, self.run_id, self._recipe, whole=self._replaced is None)
            if is_done
            else [],
        )
        return manifest.model_copy(update={"metrics": [*(metrics or []), *run_metrics(manifest)]})

    def _partition_types(self, plan: Plan) -> dict[str, str]:
        """Return the types of the partition columns; text where partitions that stay have another one."""
        now, last = type_names(self.beats.schema, self.output.partition_by), self.output.last
        was = last.partition_types if last is not None and plan.keep else now
        return {name: kind if was.get(name) == kind else "string" for name, kind in now.items() if name in was}


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")

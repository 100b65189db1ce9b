"""One run of the scoring job: plan, stage, check, publish."""

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib.metadata import version
from typing import TYPE_CHECKING

import pyspark
from pyspark.sql import DataFrame

import lstm_fcn
from lstm_fcn.errors import BusyError, DataError, SettingsError
from lstm_fcn.lease import hold
from lstm_fcn.manifest import Figures, Key, Manifest, PartitionState, drift, run_measures
from lstm_fcn.metrics import Measure, measures
from lstm_fcn.plan import Count, Plan, make_plan, state_after
from lstm_fcn.scoring_settings import ScoreSettings
from lstm_fcn.spark.column_form import spread_predictions
from lstm_fcn.spark.evaluating import count_confusion, count_predictions
from lstm_fcn.spark.scoring import new_run_id, score
from lstm_fcn.spark.session import describe_jobs
from lstm_fcn.spark.survey import in_partitions, require_same, survey
from lstm_fcn.spark.tables import as_data_errors
from lstm_fcn.spark.target import Target, refuse_other_columns, refuse_partition_columns
from lstm_fcn.spark.task_size import beats_a_minute, cut

if TYPE_CHECKING:
    from lstm_fcn.modelfile import Model

log = logging.getLogger(__name__)

_DECIDING = {"beats_format", "beats_options", "beat", "beat_prefix", "form", "precision"}
"""The settings that decide a prediction, besides the model."""


@dataclass
class ScoringRun:
    """A run.

    Parameters
    ----------
    beats : DataFrame
        What is to be scored.
    model : Model
    target : Target
    settings : ScoreSettings
    label : str or None
        Integer column with the true label.

    Attributes
    ----------
    run_id : str
    """

    beats: DataFrame
    model: "Model"
    target: Target
    settings: ScoreSettings
    label: str | None
    run_id: str = field(default_factory=new_run_id)

    def __post_init__(self) -> None:
        refuse_other_columns(self.settings.where, self.beats, self.target.partition_by)
        if self.settings.incremental and not self.target.partition_by:
            raise SettingsError("--incremental works by partitions: give --partition-by, or a table that has some")
        refuse_partition_columns(self.beats, self.target.partition_by, self.settings.beat)
        if self.settings.limit is not None and self.target.partition_by:
            raise SettingsError("--limit is for a trial and goes without partitions: give a folder as --output")
        if self.settings.limit is not None:
            self.beats = self.beats.limit(self.settings.limit)
        self._started, self._clock = _now(), time.monotonic()
        # Built once and before anything is written: what does not fit the table is refused here.
        self._scored = self._predictions(self.beats)

    def plan(self) -> tuple[Plan, dict[Key, Count]]:
        """Look at what is there, and decide what to do."""
        by = self.target.partition_by
        describe_jobs(self.beats.sparkSession, f"{self.run_id}: count the beats")
        with as_data_errors(self.settings.beats):
            found = survey(self.beats, by, self._carried)
        last, incremental = self.target.last(), self.settings.incremental
        if incremental and any(count.fingerprint is None for count in found.values()):
            raise DataError(
                f"--incremental needs to know the files behind the rows, which {self.settings.beats} does not tell; "
                "score a table of files, or give a --where that selects what is new"
            )
        where, everything = self.settings.where, self.target.existing(self.beats, None)
        existing = self.target.existing(self.beats, where) if where is not None else everything
        if self.settings.limit is not None and (last is not None or existing):
            raise SettingsError("--limit is for a trial and does not replace results: give another --output")
        if last is None and everything:
            raise DataError(
                f"{self.settings.output} holds rows, but no run of this job is known that wrote them: remove them or "
                "write somewhere else"
            )
        others = set(everything) - set(existing)
        plan = make_plan(found, last.state if last else {}, existing, others, self._recipe if incremental else None)
        return plan, found

    def execute(self) -> Manifest | None:
        """Do it.

        Returns
        -------
        Manifest or None
            None where there was nothing to do; then every file is as it was.

        Raises
        ------
        BusyError
            If another run writes to the target.
        DataError
            If more rows failed than may, or what was written is not what was read.
        """
        with hold(self.target.lock, self.run_id) as require_own_lock:
            finished = self.target.finish_publishing()
            if finished is not None:
                log.warning("stage=recover run_id=%s finished what run %s had begun", self.run_id, finished)
            self.target.refresh()  # another run may have ended since it was opened
            self._refuse_earlier_id()
            plan, found = self.plan()
            log.info(
                *("stage=plan run_id=%s rows=%d score=%d remove=%d keep=%d", self.run_id),
                *(sum(found[key].rows for key in plan.score), *map(len, (plan.score, plan.remove, plan.keep))),
            )
            if not plan.score and not plan.remove:
                return None
            try:
                manifest = self._stage(plan, found)
                require_own_lock()
            except BusyError:
                raise  # what is staged there may be the other run's
            except Exception as error:
                reason = str(error).strip().partition("\n")[0] or type(error).__name__
                self.target.note_failure(self._manifest(plan, found, reason=reason))
                raise
            describe_jobs(self.beats.sparkSession, f"{self.run_id}: publish")
            self.target.publish(manifest)
            log.info("stage=publish run_id=%s output=%s", self.run_id, self.settings.output)
            return manifest

    def _last_state(self) -> Mapping[Key, PartitionState]:
        last = self.target.last()
        return last.state if last else {}

    def _refuse_earlier_id(self) -> None:
        # Ids order the runs: the last one's state is what the next one goes on from.
        last = self.target.last()
        if last is not None and self.run_id <= last.run_id:
            raise DataError(
                f"run {last.run_id} has published in the meantime, and this one's id {self.run_id} is not later: start "
                "it again, and if that does not help compare the clocks of the machines"
            )

    @property
    def _carried(self) -> list[str]:
        return [name for name in self._scored.columns if name in self.beats.columns]

    @property
    def _recipe(self) -> str:
        settings = self.settings.model_dump(mode="json", include=_DECIDING)
        what = json.dumps([self.model.sha256, settings, self._carried])
        return hashlib.sha256(what.encode()).hexdigest()[:16]

    def _predictions(self, beats: DataFrame) -> DataFrame:
        settings = self.settings
        scored = score(
            beats,
            self.model,
            self.run_id,
            beat=settings.beat,
            precision=settings.precision,
            device=settings.device,
            batch_size=settings.batch_size,
        )
        return spread_predictions(scored, self.model.header) if settings.form == "columns" else scored

    def _stage(self, plan: Plan, found: Mapping[Key, Count]) -> Manifest:
        by, spark = self.target.partition_by, self.beats.sparkSession
        self.target.require_fit(self._scored, keeps=bool(plan.keep))
        beats = self.beats if len(plan.score) == len(found) else in_partitions(self.beats, by, plan.score)
        wanted = {key: found[key] for key in plan.score}
        rows, size = (sum(values) for values in ([c.rows for c in wanted.values()], [c.bytes for c in wanted.values()]))
        beats = cut(beats, rows, size, beats_a_minute(self.model, self.settings.precision, self.settings.batch_size))
        describe_jobs(spark, f"{self.run_id}: score {rows} beats with {self.model.reference}")
        began = time.monotonic()
        staged = self.target.stage(self._predictions(beats), self.run_id)
        seconds = time.monotonic() - began
        rate = rows / seconds
        log.info("stage=score run_id=%s rows=%d seconds=%.1f beats_per_s=%.0f", self.run_id, rows, seconds, rate)

        describe_jobs(spark, f"{self.run_id}: check and count what was written")
        require_same(wanted, survey(staged, by, self._carried), by, compare_values=self.settings.limit is None)
        figures = count_predictions(staged, self.model.header, self.label)
        _tell(figures, self.run_id)
        self._refuse_too_many_errors(figures)
        rows_of_metrics = []
        if self.label is not None:
            confusion = count_confusion(staged, self.label, self.model.header.predictions)
            rows_of_metrics = measures(confusion, self.model.header.classes)
        return self._manifest(plan, found, figures, rows_of_metrics, beats_per_second=rate)

    def _refuse_too_many_errors(self, figures: Figures) -> None:
        most = self.settings.max_error_fraction
        fraction = figures.failed / figures.rows if figures.rows else 0
        if fraction > most:
            reason, count = next(iter(figures.errors.items()))
            raise DataError(
                f"{figures.failed} of {figures.rows} rows ({fraction:.1%}) could not be scored, more than "
                f"--max-error-fraction {most:g} allows; nothing was published. The most frequent reason: "
                f"{reason} ({count} rows)"
            )

    def _manifest(
        self,
        plan: Plan,
        found: Mapping[Key, Count],
        figures: Figures | None = None,
        metrics: list[Measure] | None = None,
        beats_per_second: float | None = None,
        reason: str | None = None,
    ) -> Manifest:
        figures = figures or Figures()
        data, header = self.model.header.training_data, self.model.header
        after = [] if reason else state_after(plan, found, self._last_state(), self.run_id, self._recipe)
        manifest = Manifest(
            run_id=self.run_id,
            status="done" if reason is None else "failed",
            reason=reason,
            started=self._started,
            finished=_now(),
            seconds=round(time.monotonic() - self._clock, 3),
            beats_per_second=beats_per_second,
            beats=self.settings.beats,
            partition_by=list(self.target.partition_by),
            model=self.model.reference,
            model_sha256=self.model.sha256,
            versions={"lstm_fcn": lstm_fcn.__version__, "torch": version("torch"), "pyspark": pyspark.__version__},
            settings=self.settings.model_dump(mode="json"),
            figures=figures,
            drift=drift(figures, header.classes, data.class_counts, data.length_counts),
            scored=list(plan.score) if reason is None else [],
            removed=list(plan.remove) if reason is None else [],
            partitions=after,
        )
        return manifest.model_copy(update={"metrics": [*(metrics or []), *run_measures(manifest)]})


def _tell(figures: Figures, run_id: str) -> None:
    log.info("stage=check run_id=%s rows=%d scored=%d failed=%d", run_id, figures.rows, figures.scored, figures.failed)
    for reason, count in figures.errors.items():
        log.warning("stage=check run_id=%s not_scored=%d reason=%r", run_id, count, reason)
    for value, count in figures.unknown_labels.items():
        log.warning(
            *("stage=check run_id=%s left_out=%d label=%s reason='the model does not know this label'", run_id),
            *(count, value),
        )


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")

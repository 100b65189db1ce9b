"""A beat table and a model to predictions, metrics and a manifest."""

import logging
from collections.abc import Sequence

from lstm_fcn.console import run_job
from lstm_fcn.job_settings import load_settings
from lstm_fcn.metrics import confusion_of, format_measures
from lstm_fcn.plan import describe_plan
from lstm_fcn.scoring_settings import ScoreSettings
from lstm_fcn.spark.models import load_model
from lstm_fcn.spark.scoring_run import ScoringRun
from lstm_fcn.spark.scoring_tables import label_column, open_beats, open_target
from lstm_fcn.spark.session import get_session

log = logging.getLogger("score")


def main(arguments: Sequence[str]) -> None:
    """Run the job."""
    settings = load_settings(ScoreSettings, arguments, "score.py")
    if settings.pictures is not None:
        from lstm_fcn.plots import plot_confusion
    spark = get_session("lstm-fcn score")
    model = load_model(spark, settings.model)
    target = open_target(spark, settings)
    beats = open_beats(spark, settings, target.partition_by)
    run = ScoringRun(beats, model, target, settings, label_column(beats, model.header, settings))
    log.info("stage=start run_id=%s model=%s beats=%s", run.run_id, model.reference, settings.beats)
    if settings.dry_run:
        print(describe_plan(*run.plan(), target.partition_by))
        return
    manifest = run.execute()
    if manifest is None:
        log.info("stage=done run_id=%s nothing is new", run.run_id)
        return
    drift = " ".join(f"psi_{name}={value}" for name, value in manifest.drift.items())
    log.info("stage=done run_id=%s seconds=%.1f %s", run.run_id, manifest.seconds, drift)
    confusion = confusion_of(manifest.metrics, model.header.classes)
    if confusion is None:
        return
    print(format_measures(manifest.metrics, model.header.classes))
    if settings.pictures is not None:
        log.info("stage=pictures file=%s", plot_confusion(confusion, model.header.classes, settings.pictures))


if __name__ == "__main__":
    run_job(main)

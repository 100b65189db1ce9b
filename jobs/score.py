"""A beat table and a model to predictions and metrics."""

import logging
from collections.abc import Sequence

from lstm_fcn.console import run_job
from lstm_fcn.job_settings import load_settings
from lstm_fcn.metrics import format_measures, measures
from lstm_fcn.settings import ScoreSettings
from lstm_fcn.spark import new_run_id, score
from lstm_fcn.spark.column_form import gather_beat, spread_predictions
from lstm_fcn.spark.evaluating import LABEL_TYPES, count_predictions, metrics_table
from lstm_fcn.spark.models import load_model
from lstm_fcn.spark.session import get_session
from lstm_fcn.spark.tables import check_columns, filter_rows, read_table, refuse_existing, write_table

log = logging.getLogger("score")


def main(arguments: Sequence[str]) -> None:
    """Run the job."""
    settings = load_settings(ScoreSettings, arguments, "score.py")
    if settings.pictures is not None:
        from lstm_fcn.plots import plot_confusion
    spark = get_session("lstm-fcn score")
    model = load_model(spark, settings.model)
    predictions, metrics = f"{settings.output}/predictions", f"{settings.output}/metrics"
    for path in (predictions, metrics):
        refuse_existing(spark, path)
    beats = filter_rows(read_table(spark, settings.beats), settings.where)
    if settings.beat_prefix is not None:
        beats = gather_beat(beats, settings.beat_prefix)
    integers = model.header.integer_labels if model.header.network.task != "multilabel" else None
    labelled = settings.label in beats.columns and integers is not None
    if labelled or "label" in settings.model_fields_set:
        check_columns(beats, {settings.label: LABEL_TYPES}, settings.beats)
    run_id, rows = new_run_id(), beats.count()
    log.info("stage=score run_id=%s model=%s beats=%s rows=%d", run_id, model.reference, settings.beats, rows)

    scored = score(
        beats,
        model,
        run_id,
        beat=settings.beat,
        precision=settings.precision,
        device=settings.device,
        batch_size=settings.batch_size,
    )
    write_table(spread_predictions(scored, model.header) if settings.form == "columns" else scored, predictions)

    classes = model.header.classes
    label = settings.label if labelled else None
    counts = count_predictions(read_table(spark, predictions), label, model.header.predictions)
    if counts.rows != rows:
        raise RuntimeError(f"{rows} rows were read but {counts.rows} predictions written to {predictions}")
    log.info("stage=written rows=%d failed=%d output=%s", rows, counts.failed, predictions)
    for reason, count in counts.errors.items():
        log.warning("stage=written not_scored=%d reason=%r", count, reason)
    if counts.confusion is None:
        why = f"no column '{settings.label}' in {settings.beats}" if integers else "the model's labels are no integers"
        log.warning("stage=metrics %s: no metrics", why)
        return
    for value, count in counts.unknown_labels.items():
        log.warning("stage=metrics left_out=%d label=%s reason='the model does not know this label'", count, value)
    rows_of_metrics = measures(counts.confusion, classes)
    write_table(metrics_table(spark, rows_of_metrics, run_id, model.reference), metrics)
    log.info("stage=metrics output=%s", metrics)
    print(format_measures(rows_of_metrics, classes))
    if settings.pictures is not None:
        log.info("stage=pictures file=%s", plot_confusion(counts.confusion, classes, settings.pictures))


if __name__ == "__main__":
    run_job(main)

"""Predictions with labels to figures with intervals, and a report to read."""

import logging
from collections.abc import Sequence

from lstm_fcn.console import run_job
from lstm_fcn.job_settings import load_settings
from lstm_fcn.scoring_settings import EvaluateSettings

log = logging.getLogger("evaluate")


def main(arguments: Sequence[str]) -> None:
    """Run the job."""
    settings = load_settings(EvaluateSettings, arguments, "evaluate.py")
    from lstm_fcn.evaluation import format_estimates
    from lstm_fcn.report.page import render
    from lstm_fcn.spark.evaluation_output import refuse_output, write_evaluation
    from lstm_fcn.spark.evaluation_run import EvaluationRun
    from lstm_fcn.spark.models import load_model
    from lstm_fcn.spark.session import get_session

    spark = get_session("lstm-fcn evaluate")
    refuse_output(spark, settings)
    model = load_model(spark, settings.model) if settings.model else None
    run = EvaluationRun(spark, settings, model)
    content = run.evaluate()
    report = write_evaluation(spark, content, run.changed, render(content), settings)
    log.info("stage=done run_id=%s report=%s", run.run_id, report)
    print(format_estimates(content.estimates, run.classes))


if __name__ == "__main__":
    run_job(main)

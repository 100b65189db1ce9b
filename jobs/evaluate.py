"""Predictions with labels to metrics with intervals, and a report to read."""

import logging
from collections.abc import Sequence

from lstm_fcn.console import run_command
from lstm_fcn.evaluation.metrics import format_metrics
from lstm_fcn.settings.evaluate import EvaluateSettings
from lstm_fcn.settings.sources import load_settings
from lstm_fcn.spark.session import get_session

log = logging.getLogger("evaluate")


def main(arguments: Sequence[str]) -> None:
    """Run the job."""
    settings = load_settings(EvaluateSettings, arguments, "evaluate.py")
    from lstm_fcn.evaluation.report.page import render
    from lstm_fcn.spark.evaluation.job import EvaluationRun
    from lstm_fcn.spark.evaluation.output import write_evaluation

    spark = get_session("lstm-fcn evaluate")
    run = EvaluationRun(spark, settings)
    content = run.evaluate()
    report = write_evaluation(spark, content, run.changed, render(content), settings)
    log.info("stage=done run_id=%s report=%s", run.run_id, report)
    print(format_metrics(content.estimates, run.classes))


if __name__ == "__main__":
    run_command(main)

"""Detected beats and annotated ones to Se and +P by record, and to a confusion matrix with missed and extra beats."""

import logging
from collections.abc import Sequence

from lstm_fcn.console import run_command
from lstm_fcn.settings.evaluate_detection import EvaluateDetectionSettings
from lstm_fcn.settings.sources import load_settings
from lstm_fcn.spark.session import get_session

log = logging.getLogger("evaluate_detection")


def main(arguments: Sequence[str]) -> None:
    """Run the job."""
    settings = load_settings(EvaluateDetectionSettings, arguments, "evaluate_detection.py")
    from lstm_fcn.spark.evaluation.detection import evaluate_detection

    found = evaluate_detection(get_session("lstm-fcn evaluate_detection"), settings)
    log.info("stage=done output=%s", settings.output)
    print(found)


if __name__ == "__main__":
    run_command(main)

"""A beat table and a model to predictions, metrics and a manifest."""

import logging
from collections.abc import Sequence

from lstm_fcn.console import run_command
from lstm_fcn.evaluation.metrics import format_metrics
from lstm_fcn.settings.score import ScoreSettings
from lstm_fcn.settings.sources import load_settings
from lstm_fcn.spark.scoring.job import ScoringRun
from lstm_fcn.spark.session import get_session

log = logging.getLogger("score")


def main(arguments: Sequence[str]) -> None:
    """Run the job."""
    settings = load_settings(ScoreSettings, arguments, "score.py")
    run = ScoringRun(get_session("lstm-fcn score"), settings)
    if settings.dry_run:
        print(run.describe_plan())
        return
    manifest = run.execute()
    if manifest is None:
        log.info("stage=done run_id=%s nothing is new", run.run_id)
        return
    drift = " ".join(f"psi_{name}={value}" for name, value in manifest.drift.items())
    log.info("stage=done run_id=%s seconds=%.1f %s", run.run_id, manifest.seconds, drift)
    if run.label is not None:
        print(format_metrics(manifest.metrics, run.model.header.classes))


if __name__ == "__main__":
    run_command(main)

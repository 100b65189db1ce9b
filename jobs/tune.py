"""A beat table and a space of hyperparameters to a table of trials and the best one's model, on Spark."""

import logging
import time
from collections.abc import Sequence

from lstm_fcn.console import run_command, session_for
from lstm_fcn.settings.sources import as_options, load_settings
from lstm_fcn.settings.tune import TuneSettings
from lstm_fcn.spark.session import get_session

log = logging.getLogger("tune")

AT_ONCE = 64
"""Trials that are handed to Spark at once by default; those for which it has no core wait there."""


def main(arguments: Sequence[str]) -> None:
    """Run the job."""
    settings = load_settings(TuneSettings, arguments, "tune.py")
    import torch

    from lstm_fcn.data.label_scheme import parse_classes
    from lstm_fcn.model.device import choose_precision
    from lstm_fcn.spark.tuning import spark_tasks
    from lstm_fcn.storage import write_atomically
    from lstm_fcn.training.dataset import read_training_set
    from lstm_fcn.training.guards import overlap_warnings, refuse_counting, refuse_label_leak
    from lstm_fcn.training.sampling import given_weights, hold_out_as, require_every_class
    from lstm_fcn.tuning.result import describe_best
    from lstm_fcn.tuning.search import search
    from lstm_fcn.tuning.trials import Trials

    precision = str(choose_precision(settings.precision, torch.device("cpu"))).removeprefix("torch.")
    scheme, spark = parse_classes(settings.classes), session_for("lstm-fcn tune", settings.beats)
    options = as_options(settings.beats_options)
    data = read_training_set(settings.beats, settings.rows, settings.task, scheme, spark=spark, options=options)
    given_weights(settings.class_weights, data.classes)  # an unknown class is refused before Spark starts
    refuse_counting(data.beats, data.columns)
    refuse_label_leak(data.beats, data.classes, data.columns)
    split = hold_out_as(settings, data.beats)
    fitted, held_out = (data.beats.take(positions) for positions in split)
    require_every_class(fitted, data.classes)
    for warning in overlap_warnings(fitted, held_out, "held-out"):
        log.warning("stage=guards %s", warning)
    with spark_tasks(get_session("lstm-fcn tune"), fitted, held_out) as tasks:
        trials = Trials(settings.output / "state", (fitted.fingerprint(), held_out.fingerprint()), tasks)
        jobs, started = settings.max_parallel_jobs or min(settings.max_jobs, AT_ONCE), time.monotonic()
        log.info("stage=search fitted=%d held_out=%d parallel=%d", len(fitted), len(held_out), jobs)
        found = search(settings, precision, split, trials, jobs, data.classes)
    seconds = time.monotonic() - started
    log.info("stage=search trials=%d fitted_now=%d seconds=%.1f", len(found.rows), trials.fitted, seconds)
    write_atomically(settings.output / "trials" / "trials.parquet", found.parquet())
    print(found.summary(settings.space))
    best = found.best_record()
    described = describe_best(trials.model(best), best, settings, data, fitted, held_out)
    write_atomically(settings.output / "best.safetensors", described)
    log.info("stage=best macro_f1=%.4f file=%s", best.macro_f1, settings.output / "best.safetensors")


if __name__ == "__main__":
    run_command(main)

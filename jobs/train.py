"""A beat table to a model file, on one machine."""

import logging
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lstm_fcn.console import run_job, stop_on_signals
from lstm_fcn.errors import SettingsError
from lstm_fcn.job_settings import load_settings
from lstm_fcn.settings import TrainSettings

if TYPE_CHECKING:
    from lstm_fcn.beats import Beats
    from lstm_fcn.checkpoint import Checkpoint
    from lstm_fcn.training import Run

log = logging.getLogger("train")


def main(arguments: Sequence[str]) -> None:
    """Run the job."""
    settings = load_settings(TrainSettings, arguments, "train.py")
    if settings.model.is_dir():
        raise SettingsError(f"expected --model to name a file, found the folder {settings.model}")
    import torch

    from lstm_fcn.checkpoint import Checkpoint
    from lstm_fcn.guards import refuse_label_leak
    from lstm_fcn.incremental import continued, require_same_form
    from lstm_fcn.modelfile import find_model, read_model, write_model
    from lstm_fcn.processor import choose_device, choose_precision
    from lstm_fcn.provenance import describe, describe_data, identity
    from lstm_fcn.run_folder import draw
    from lstm_fcn.sampling import select
    from lstm_fcn.training import train
    from lstm_fcn.training_set import read_training_set, read_validation
    from lstm_fcn.validation import measure

    torch.set_num_threads(settings.threads or os.cpu_count() or 1)
    precision = choose_precision(settings.precision, choose_device(settings.device))
    parent = find_model(settings.init_from) if settings.init_from else None
    data = read_training_set(settings.beats, settings.rows, parent.header.network.task if parent else settings.task)
    refuse_label_leak(data.beats, data.classes, data.columns)
    optimization, config = settings.optimization(), settings.network(data.beats.series.shape[1], len(data.classes))
    if parent is not None:
        require_same_form(parent.header, data)
        optimization, config = continued(parent.header, optimization), parent.header.network
    validation = read_validation(settings.validation, data, config.task) if settings.validation else None
    fitted, held_out = select(data.beats, optimization, data.classes, validation)
    log.info("stage=read beats=%s fitted=%d held_out=%d", settings.beats, len(fitted), len(held_out or ()))
    _warn(settings, fitted, held_out)
    if parent and held_out and parent.header.training_data.fingerprint != fitted.fingerprint():
        log.warning("stage=guards %s may have been trained on beats that are held out now", settings.init_from)

    folder = settings.run_folder
    known = identity(config, optimization, precision, fitted, held_out, parent)
    checkpoint = Checkpoint(folder / "checkpoint.safetensors", known, settings.checkpoint_seconds)
    with stop_on_signals() as stop:
        network, epochs = train(
            fitted,
            config,
            optimization,
            validation=held_out,
            population=data.beats.class_counts(config.classes),
            initial=parent.network() if parent else None,
            run=_run(settings, checkpoint, stop),
        )

    source = describe_data(fitted, len(data.classes), settings.beats, data.rows, parent.reference if parent else None)
    metrics = measure(network, fitted, held_out)
    header = describe(settings.model.stem, network, optimization, source, metrics, classes=data.classes)
    write_model(settings.model, network, header)
    checkpoint.remove()
    log.info("stage=train model=%s file=%s", read_model(settings.model).reference, settings.model)
    for name, value in metrics.items():
        print(f"{name:<16}{value:>8.4f}")
    for picture in draw(folder, network, epochs, data.classes, fitted, held_out or fitted):
        log.info("stage=pictures file=%s", picture)


def _warn(settings: TrainSettings, fitted: "Beats", held_out: "Beats | None") -> None:
    from lstm_fcn.guards import overlap_warnings
    from lstm_fcn.training_set import read_other_rows

    others = read_other_rows(settings.beats, settings.rows)
    for name, judging in (("held-out", held_out), (f"not {settings.rows}", others)):
        for warning in overlap_warnings(fitted, judging, name) if judging is not None else ():
            log.warning("stage=guards %s", warning)


def _run(settings: TrainSettings, checkpoint: "Checkpoint", stop: Callable[[], bool]) -> "Run":
    from lstm_fcn.run_folder import write_history
    from lstm_fcn.training import Run

    folder = settings.run_folder
    return Run(settings.device, settings.precision, checkpoint, lambda epochs: write_history(epochs, folder), stop)


if __name__ == "__main__":
    run_job(main)

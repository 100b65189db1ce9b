"""A beat table to a model file, on one machine."""

import logging
import os
from collections.abc import Sequence

from lstm_fcn.console import run_job, stop_on_signals
from lstm_fcn.errors import SettingsError
from lstm_fcn.settings import TrainSettings, load_settings

log = logging.getLogger("train")


def main(arguments: Sequence[str]) -> None:
    """Run the job."""
    settings = load_settings(TrainSettings, arguments, "train.py")
    if settings.model.is_dir():
        raise SettingsError(f"expected --model to name a file, found the folder {settings.model}")
    import torch

    from lstm_fcn.checkpoint import Checkpoint
    from lstm_fcn.guards import overlap_warnings, refuse_label_leak
    from lstm_fcn.incremental import continued, require_same_form
    from lstm_fcn.modelfile import find_model, read_model, write_model
    from lstm_fcn.provenance import describe, describe_data, identity
    from lstm_fcn.run_folder import draw, write_history
    from lstm_fcn.sampling import select
    from lstm_fcn.training import Run, train
    from lstm_fcn.training_set import read_other_rows, read_training_set, read_validation
    from lstm_fcn.validation import measure

    torch.set_num_threads(settings.threads or os.cpu_count() or 1)
    parent = find_model(settings.init_from) if settings.init_from else None
    data = read_training_set(settings.beats, settings.rows, parent.header.network.task if parent else settings.task)
    refuse_label_leak(data.beats, data.classes, data.columns)
    optimization, config = settings.optimization(), settings.network(data.beats.series.shape[1], len(data.classes))
    if parent is not None:
        require_same_form(parent.header, data)
        optimization, config = continued(parent.header, optimization), parent.header.network
    validation = read_validation(settings.validation, data, config.task) if settings.validation else None
    fitted, held_out = select(data.beats, optimization, data.classes, validation)
    others = read_other_rows(settings.beats, settings.rows)
    for name, judging in (("validation", held_out), (f"not {settings.rows}", others)):
        for warning in overlap_warnings(fitted, judging, name) if judging is not None else ():
            log.warning("stage=guards %s", warning)
    log.info("stage=read beats=%s fitted=%d held_out=%d", settings.beats, len(fitted), len(held_out or ()))

    folder = settings.run_folder
    checkpoint = Checkpoint(
        folder / "checkpoint.safetensors",
        identity(config, optimization, fitted, held_out, parent),
        settings.checkpoint_seconds,
    )
    network, epochs = train(
        fitted,
        config,
        optimization,
        validation=held_out,
        initial=parent.network() if parent else None,
        run=Run(
            settings.device,
            settings.precision,
            checkpoint,
            on_epoch=lambda epochs: write_history(epochs, folder),
            stop=stop_on_signals(),
        ),
    )

    described = describe_data(
        fitted, len(data.classes), settings.beats, data.rows, parent.reference if parent else None
    )
    metrics = measure(network, fitted, held_out)
    write_model(
        settings.model,
        network,
        describe(settings.model.stem, network, optimization, described, metrics, classes=data.classes),
    )
    checkpoint.remove()
    log.info("stage=train model=%s file=%s", read_model(settings.model).reference, settings.model)
    for name, value in metrics.items():
        print(f"{name:<16}{value:>8.4f}")
    for picture in draw(folder, network, epochs, data.classes, fitted, held_out or fitted):
        log.info("stage=pictures file=%s", picture)


if __name__ == "__main__":
    run_job(main)

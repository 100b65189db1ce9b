"""A beat table to a model file, on one machine."""

import logging
import os
from collections.abc import Sequence

from lstm_fcn.console import run_job
from lstm_fcn.errors import SettingsError
from lstm_fcn.settings import TrainSettings, load_settings

log = logging.getLogger("train")


def main(arguments: Sequence[str]) -> None:
    """Run the job."""
    settings = load_settings(TrainSettings, arguments, "train.py")
    if settings.model.is_dir():
        raise SettingsError(f"expected --model to name a file, found the folder {settings.model}")
    if settings.pictures is not None:
        from lstm_fcn.plots import plot_beats, plot_history
    import torch

    from lstm_fcn.beats import BEAT_LENGTH, SERIES_FREQUENCY, read_beats
    from lstm_fcn.labels import CLASSES
    from lstm_fcn.modelfile import read_model, write_model
    from lstm_fcn.training import describe, train, undersample

    torch.set_num_threads(settings.threads or os.cpu_count() or 1)
    beats = read_beats(settings.beats, "train")
    kept = undersample(beats, settings.seed)
    log.info("stage=read beats=%s rows=%d undersampled=%d", settings.beats, len(beats), len(kept))

    config = settings.network(BEAT_LENGTH, len(CLASSES))
    network, history = train(kept, config, settings.optimization())
    header = describe(settings.model.stem, network, settings.optimization(), kept, settings.beats)
    write_model(settings.model, network, header)
    log.info("stage=train model=%s file=%s", read_model(settings.model).reference, settings.model)
    for name, value in header.metrics.items():
        print(f"{name:<16}{value:>8.4f}  (on the beats it was trained on)")
    if settings.pictures is not None:
        for picture in (
            plot_beats(beats, CLASSES, SERIES_FREQUENCY, settings.pictures),
            plot_history(history.loss, history.accuracy, settings.pictures),
        ):
            log.info("stage=pictures file=%s", picture)


if __name__ == "__main__":
    run_job(main)

"""The published 99.79 %, explained: one recipe trained with the label among the values, and without it.

python tests/benchmarks/published_figure.py --config conf/study-published-figure.yaml --beats BEATS

BEATS is what jobs/prepare.py made of the MIT-BIH records. The published example moves the label to the first column
of its table and then takes the columns from 1 on, which are the values without the first one and, last, the label.
"""

import dataclasses
import os
import sys

import numpy as np
import torch

from lstm_fcn.data.beats import BEAT_LENGTH, Beats, read_beats
from lstm_fcn.data.labels import CLASSES
from lstm_fcn.errors import DataError
from lstm_fcn.settings.sources import load_settings
from lstm_fcn.settings.train import TrainSettings
from lstm_fcn.training.guards import refuse_label_leak
from lstm_fcn.training.loop import train
from lstm_fcn.training.sampling import undersample
from lstm_fcn.training.validation import measure


def with_label(beats: Beats) -> Beats:
    """Slice as the published example does: without the first value, and with the label as the last one."""
    labels = beats.labels[:, None].astype(np.float32)
    return dataclasses.replace(beats, series=np.ascontiguousarray(np.hstack([beats.series[:, 1:], labels])))


def evaluate(settings: TrainSettings, fitted: Beats, test: Beats) -> dict[str, float]:
    network, _ = train(fitted, settings.network(BEAT_LENGTH, len(CLASSES)), settings.optimization())
    found = measure(network, test, None)
    return {name.removeprefix("train_"): value for name, value in found.items()}


def is_refused(beats: Beats) -> bool:
    try:
        refuse_label_leak(beats, CLASSES, [f"value {i + 1}" for i in range(BEAT_LENGTH)])
    except DataError:
        return True
    return False


def main() -> None:
    # The settings of a training but for the model, which is not kept.
    settings = load_settings(TrainSettings, [*sys.argv[1:], "--model", "none.safetensors"], "published_figure.py")
    torch.set_num_threads(settings.threads or os.cpu_count() or 1)
    fitted = undersample(read_beats(settings.beats, "split", "train"), settings.seed)
    test = read_beats(settings.beats, "split", "test")
    print(f"{len(fitted):,} beats, as many of each class; evaluated on the {len(test):,} published test rows\n")
    print(f"{'values':<32}{'accuracy':>10}{'macro-F1':>10}  train.py")
    for name, slice_ in (("with the label as the last one", with_label), ("without it", lambda beats: beats)):
        found = evaluate(settings, slice_(fitted), slice_(test))
        verdict = "refuses them" if is_refused(slice_(fitted)) else "takes them"
        print(f"{name:<32}{found['accuracy']:>10.2%}{found['macro_f1']:>10.3f}  {verdict}", flush=True)


if __name__ == "__main__":
    main()

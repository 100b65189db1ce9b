"""Training speed: this package's loop against a plain float32 loop of the same network, in one run on one thread.

python tests/benchmarks/bench_training.py [--output FILE.json]; with MITDB=DIR on the real beats.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from plain_network import PlainNetwork
from sklearn.model_selection import train_test_split
from timed_beats import processor, read_all_beats
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lstm_fcn.data.beats import BEAT_LENGTH, Beats
from lstm_fcn.data.labels import CLASSES
from lstm_fcn.model.config import NetworkConfig, Optimization
from lstm_fcn.model.device import choose_precision
from lstm_fcn.training.loop import train
from lstm_fcn.training.sampling import undersample
from lstm_fcn.training.validation import measure, recompute_batchnorm

CONFIG = NetworkConfig(length=BEAT_LENGTH, classes=len(CLASSES))
BATCH = 128
TIMED_BEATS = 1024
REPEATS = 5
EPOCHS = 12


def train_plainly(beats: Beats, epochs: int) -> nn.Module:
    torch.manual_seed(0)
    network = PlainNetwork(CONFIG)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    scaled = torch.from_numpy((beats.series - beats.series.mean()) / beats.series.std())
    loader = DataLoader(TensorDataset(scaled, torch.from_numpy(beats.labels)), BATCH, shuffle=True)
    for _ in range(epochs):
        for series, labels in loader:
            loss = nn.functional.cross_entropy(network(series), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network


def rate_of_plain_loop(beats: Beats) -> float:
    started = time.perf_counter()
    train_plainly(beats, 1)
    return len(beats) / (time.perf_counter() - started)


def rate_here(beats: Beats) -> float:
    """Of the steps alone, as in the plain loop: the BatchNorm statistics are recomputed once, at the end."""
    _, epochs = train(beats, CONFIG, Optimization(epochs=1, batch_size=BATCH))
    return len(beats) / epochs[0].seconds


def accuracies(beats: Beats) -> dict[str, float]:
    """Train both to the same number of epochs on equally many beats of each class, and evaluate beats left out."""
    balanced = undersample(beats, seed=0)
    fitted, left_out = train_test_split(
        np.arange(len(balanced)), test_size=0.25, stratify=balanced.labels, random_state=0
    )
    fit, evaluated = balanced.take(fitted), balanced.take(left_out)
    plain = train_plainly(fit, EPOCHS)
    scale = [torch.from_numpy((side.series - fit.series.mean()) / fit.series.std()) for side in (fit, evaluated)]
    recompute_batchnorm(plain, scale[0], np.random.default_rng(0))
    with torch.inference_mode():
        hits = plain.eval()(scale[1]).argmax(dim=1).numpy() == evaluated.labels
    network, _ = train(fit, CONFIG, Optimization(epochs=EPOCHS, batch_size=BATCH))
    return {
        "plain": float(hits.mean()),
        "here": measure(network, evaluated, None)["train_accuracy"],
        "beats": float(len(evaluated)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    output = parser.parse_args().output
    torch.set_num_threads(1)
    beats = read_all_beats()
    some = beats.take(np.random.default_rng(0).permutation(len(beats))[:TIMED_BEATS])
    rate_of_plain_loop(some), rate_here(some)  # warm
    rounds = [(rate_of_plain_loop(some), rate_here(some)) for _ in range(REPEATS)]
    plain, here = (statistics.median(rates) for rates in zip(*rounds, strict=True))
    ratio = statistics.median(ours / theirs for theirs, ours in rounds)
    accuracy = accuracies(beats)
    precision = str(choose_precision("auto", torch.device("cpu"))).removeprefix("torch.")
    print(f"{'loop':<28}{'beats/s':>10}{'ratio':>8}{'accuracy':>10}")
    print(f"{'plain, float32':<28}{plain:>10.0f}{1:>8.2f}{accuracy['plain']:>10.4f}")
    print(f"{'lstm_fcn.training.loop, ' + precision:<28}{here:>10.0f}{ratio:>8.2f}{accuracy['here']:>10.4f}")
    print(f"one thread, batch {BATCH}; accuracy on {accuracy['beats']:.0f} beats left out, after {EPOCHS} epochs")
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        result = {
            "beats_per_s": {"plain": plain, "here": here},
            "ratio": ratio,
            "accuracy": accuracy,
            "precision": precision,
        }
        output.write_text(json.dumps({**result, "torch": torch.__version__, "processor": processor()}, indent=1))


if __name__ == "__main__":
    main()

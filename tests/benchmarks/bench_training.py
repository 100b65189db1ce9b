"""Training speed: this package's loop against a plain float32 loop of the same network, in one run on one thread.

python tests/benchmarks/bench_training.py [--output FILE.json]; with MITDB=DIR on the real beats.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lstm_fcn.beats import BEAT_LENGTH, Beats
from lstm_fcn.hyperparameters import NetworkConfig, Optimization
from lstm_fcn.labels import CLASSES
from lstm_fcn.network import BATCHNORM_EPS, BATCHNORM_MOMENTUM
from lstm_fcn.processor import choose_precision
from lstm_fcn.records import cut_beats, read_record
from lstm_fcn.sampling import undersample
from lstm_fcn.simulate import write_records
from lstm_fcn.training import train
from lstm_fcn.validation import measure, recompute_batchnorm

CONFIG = NetworkConfig(length=BEAT_LENGTH, classes=len(CLASSES))
BATCH = 128
TIMED_BEATS = 1024
REPEATS = 5
EPOCHS = 12


class PlainNetwork(nn.Module):
    """The same network as it is usually written down."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(BEAT_LENGTH, CONFIG.hidden_size, batch_first=True)
        self.dropout = nn.Dropout(CONFIG.dropout)
        layers: list[nn.Module] = []
        sizes = [
            (1, CONFIG.filters_1, 8),
            (CONFIG.filters_1, CONFIG.filters_2, 5),
            (CONFIG.filters_2, CONFIG.filters_3, 3),
        ]
        for channels, filters, kernel in sizes:
            norm = nn.BatchNorm1d(filters, eps=BATCHNORM_EPS, momentum=BATCHNORM_MOMENTUM)
            layers += [nn.Conv1d(channels, filters, kernel, padding="same"), norm, nn.ReLU()]
        self.convolutions = nn.Sequential(*layers)
        self.head = nn.Linear(CONFIG.hidden_size + CONFIG.filters_3, len(CLASSES))

    def forward(self, series: Tensor) -> Tensor:
        x = series.unsqueeze(1)
        recurrent = self.dropout(self.lstm(x)[0][:, -1])
        return self.head(torch.cat([recurrent, self.convolutions(x).mean(dim=2)], dim=1))


def train_plainly(beats: Beats, epochs: int) -> nn.Module:
    torch.manual_seed(0)
    network = PlainNetwork()
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


def read_all_beats(folder: Path) -> Beats:
    tables = [cut_beats(read_record(folder, path.stem)) for path in sorted(folder.glob("*.hea"))]
    return Beats(
        np.concatenate([np.stack(table["beat"]) for table in tables]),
        np.concatenate([table["label"].to_numpy(np.int64) for table in tables]),
    )


def accuracies(beats: Beats) -> dict[str, float]:
    """Train both to the same number of epochs on equally many beats of each class, and judge beats left out."""
    balanced = undersample(beats, seed=0)
    fitted, left_out = train_test_split(
        np.arange(len(balanced)), test_size=0.25, stratify=balanced.labels, random_state=0
    )
    fit, judge = balanced.take(fitted), balanced.take(left_out)
    plain = train_plainly(fit, EPOCHS)
    scale = [torch.from_numpy((side.series - fit.series.mean()) / fit.series.std()) for side in (fit, judge)]
    recompute_batchnorm(plain, scale[0], np.random.default_rng(0))
    with torch.inference_mode():
        hits = plain.eval()(scale[1]).argmax(dim=1).numpy() == judge.labels
    network, _ = train(fit, CONFIG, Optimization(epochs=EPOCHS, batch_size=BATCH))
    return {
        "plain": float(hits.mean()),
        "here": measure(network, judge, None)["train_accuracy"],
        "beats": float(len(judge)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    output = parser.parse_args().output
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        if not os.environ.get("MITDB"):
            write_records(Path(folder), records=10, seconds=600, seed=0)
        beats = read_all_beats(Path(os.environ.get("MITDB") or folder))
    some = beats.take(np.random.default_rng(0).permutation(len(beats))[:TIMED_BEATS])
    rate_of_plain_loop(some), rate_here(some)  # warm
    rounds = [(rate_of_plain_loop(some), rate_here(some)) for _ in range(REPEATS)]
    plain, here = (statistics.median(rates) for rates in zip(*rounds, strict=True))
    ratio = statistics.median(ours / theirs for theirs, ours in rounds)
    accuracy = accuracies(beats)
    precision = str(choose_precision("auto", torch.device("cpu"))).removeprefix("torch.")
    print(f"{'loop':<28}{'beats/s':>10}{'ratio':>8}{'accuracy':>10}")
    print(f"{'plain, float32':<28}{plain:>10.0f}{1:>8.2f}{accuracy['plain']:>10.4f}")
    print(f"{'lstm_fcn.training, ' + precision:<28}{here:>10.0f}{ratio:>8.2f}{accuracy['here']:>10.4f}")
    print(f"one thread, batch {BATCH}; accuracy on {accuracy['beats']:.0f} beats left out, after {EPOCHS} epochs")
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        result = {
            "beats_per_s": {"plain": plain, "here": here},
            "ratio": ratio,
            "accuracy": accuracy,
            "precision": precision,
        }
        output.write_text(json.dumps({**result, "torch": torch.__version__, "machine": platform.machine()}, indent=1))


if __name__ == "__main__":
    main()

"""Scoring speed on one thread: the engines of this package against the plain module, in turn, in one run.

python tests/benchmarks/bench_engine.py [--output FILE.json]; with MITDB=DIR on the real beats.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from plain_network import PlainScorer
from timed_beats import processor, read_all_beats

from lstm_fcn.data.beats import BEAT_LENGTH, Beats, beat_lengths
from lstm_fcn.data.labels import CLASSES
from lstm_fcn.inference.calibration import calibrate
from lstm_fcn.inference.engine import Engine
from lstm_fcn.inference.folding import folded_blocks
from lstm_fcn.model.config import NetworkConfig, Optimization
from lstm_fcn.model.file import Model, load_model, parse_model, serialize
from lstm_fcn.model.provenance import describe, describe_data
from lstm_fcn.training.loop import train
from lstm_fcn.training.sampling import undersample

TIMED_BEATS = 4096
REPEATS = 5
EPOCHS = 5


def train_papers_network(beats: Beats) -> Model:
    """The published sizes; trained a little, so that its probabilities are those of a network that knows something."""
    config, optimization = NetworkConfig(length=BEAT_LENGTH, classes=len(CLASSES)), Optimization(epochs=EPOCHS)
    balanced = undersample(beats, seed=0)
    network, _ = train(balanced, config, optimization)
    header = describe("paper", network, optimization, describe_data(balanced, len(CLASSES), "balanced"), {})
    return calibrate(parse_model(serialize(network, header), "paper"), beats.series)


def seconds(score: Callable[[], object]) -> float:
    started = time.perf_counter()
    score()
    return time.perf_counter() - started


def float32_limit(model: Model) -> float:
    """Operations a second of this core in the second convolution, the largest, on its own."""
    weight, bias, _ = folded_blocks(model.network())[1]
    maps = torch.rand(16, weight.shape[1], 1, 128).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        best = min(seconds(lambda: torch.conv2d(maps, weight, bias)) for _ in range(50))
    return 2 * weight.numel() * 16 * (129 - weight.shape[3]) / best


def operations(model: Model, series: NDArray[np.float32]) -> float:
    """Multiplications and additions of the convolutions for a beat, without the columns that are skipped."""
    layers = folded_blocks(model.network())
    columns = np.minimum(beat_lengths(series) + sum(layer.padding[0] for layer in layers), BEAT_LENGTH).mean()
    return 2 * columns * sum(layer.weight.numel() for layer in layers)


def compare(model: Model, series: NDArray[np.float32]) -> dict[str, dict[str, float]]:
    quick = Engine(model, precision="int8")
    ways = {
        "plain module, batches of 1,024": PlainScorer(model.network(), 1024),
        "plain module, batches of 16": PlainScorer(model.network(), 16),
        "float32": Engine(model),
        "int8": quick,
    }
    found = {name: way.probabilities(series) for name, way in ways.items()}
    twice = quick.looked_twice / len(series)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(REPEATS):
        for name, way in ways.items():
            taken[name].append(seconds(lambda way=way: way.probabilities(series)))
    large, small, _, _ = taken.values()
    exact = found["plain module, batches of 16"]
    return {
        name: {
            "beats_per_s": len(series) / statistics.median(times),
            "to_batches_of_1024": statistics.median(a / b for a, b in zip(large, times, strict=True)),
            "to_batches_of_16": statistics.median(a / b for a, b in zip(small, times, strict=True)),
            "max_difference": float(np.abs(found[name] - exact).max()),
            "labels_changed": int((found[name].argmax(axis=1) != exact.argmax(axis=1)).sum()),
            "looked_twice": twice if name == "int8" else 0.0,
        }
        for name, times in taken.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    output = parser.parse_args().output
    torch.set_num_threads(1)
    beats = read_all_beats()
    series = beats.series[np.random.default_rng(0).permutation(len(beats))[:TIMED_BEATS]]
    result: dict[str, object] = {"processor": processor(), "torch": torch.__version__, "beats": len(series)}
    for title, model in (("128-256-128 filters", train_papers_network(beats)), ("mitbih", load_model("mitbih"))):
        rows = compare(model, series)
        share = rows["float32"]["beats_per_s"] * operations(model, series) / float32_limit(model)
        result[title] = rows | {"share_of_float32_limit": share}
        print(f"{title:<32}{'beats/s':>9}{'x 1,024':>9}{'x 16':>7}{'max dp':>9}{'changed':>9}{'twice':>8}")
        for name, row in rows.items():
            print(
                f"  {name:<30}{row['beats_per_s']:>9.0f}{row['to_batches_of_1024']:>9.2f}"
                f"{row['to_batches_of_16']:>7.2f}{row['max_difference']:>9.0e}{row['labels_changed']:>9}{row['looked_twice']:>8.2%}"
            )
        print(f"  float32 uses {share:.0%} of what this core computes in the largest convolution alone")
    print(f"one thread of {result['processor']}, {len(series)} beats, medians of {REPEATS} rounds")
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

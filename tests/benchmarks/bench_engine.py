"""Scoring speed on one thread: the engines of this package against the usual ways, in turn, in one run.

python tests/benchmarks/bench_engine.py [--output FILE.json]; with MITDB=DIR on the real beats.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from plain_network import ModuleScorer, PlainScorer
from runtimes import OnnxScorer, OpenVinoScorer
from timed_beats import processor, read_all_beats, read_contexts

from lstm_fcn.data.beats import BEAT_LENGTH, Beats
from lstm_fcn.data.labels import CLASSES
from lstm_fcn.data.series import beat_lengths
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
SERIES_MODELS = ("mitbih", "mitbih-small")


def train_papers_network(beats: Beats) -> Model:
    """The published sizes; trained a little, so that its probabilities are those of a network that knows something."""
    config, optimization = NetworkConfig(length=BEAT_LENGTH, classes=len(CLASSES)), Optimization(epochs=EPOCHS)
    balanced = undersample(beats, seed=0)
    network, _ = train(balanced, config, optimization)
    header = describe("paper", network, optimization, describe_data(balanced, len(CLASSES), "balanced"), {})
    return calibrate(parse_model(serialize(network, header), "paper"), beats.series)


class Scorer(Protocol):
    def probabilities(self, series: NDArray[np.float32]) -> NDArray[np.float32]: ...


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


def multiplications(model: Model, columns: float) -> float:
    """Of the convolutions for a beat of so many columns."""
    return columns * sum(layer.weight.numel() for layer in folded_blocks(model.network()))


def computed_columns(model: Model, series: NDArray[np.float32]) -> float:
    """Columns of a beat that are not skipped, on average."""
    margin = sum(layer.padding[0] for layer in folded_blocks(model.network()))
    return float(np.minimum(beat_lengths(series) + margin, BEAT_LENGTH).mean())


def ways_of(model: Model) -> dict[str, Scorer]:
    """All ways to score with a model of series."""
    return {
        "plain module, batches of 1,024": PlainScorer(model.network(), 1024),
        "plain module, batches of 16": PlainScorer(model.network(), 16),
        "ONNX Runtime, batches of 64": OnnxScorer(model, 64),
        "ONNX Runtime, batches of 16": OnnxScorer(model, 16),
        "OpenVINO, batches of 64": OpenVinoScorer(model, 64),
        "OpenVINO, batches of 16": OpenVinoScorer(model, 16),
        "float32": Engine(model),
        "int8": Engine(model, precision="int8"),
    }


def compare(ways: dict[str, Scorer], exact: str, series: NDArray[np.float32]) -> dict[str, dict[str, float]]:
    """Time all ways in turn, and hold their probabilities against those of one of them."""
    found = {name: way.probabilities(series) for name, way in ways.items()}
    twice = {name: way.looked_twice / len(series) for name, way in ways.items() if isinstance(way, Engine)}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(REPEATS):
        for name, way in ways.items():
            taken[name].append(seconds(lambda way=way: way.probabilities(series)))
    return {
        name: {
            "beats_per_s": len(series) / statistics.median(times),
            "speed_of_float32": statistics.median(b / a for a, b in zip(times, taken["float32"], strict=True)),
            "max_difference": float(np.abs(found[name] - found[exact]).max()),
            "labels_changed": int((found[name].argmax(axis=1) != found[exact].argmax(axis=1)).sum()),
            "looked_twice": twice.get(name, 0.0),
        }
        for name, times in taken.items()
    }


def show(title: str, rows: dict[str, dict[str, float]]) -> None:
    print(f"{title:<32}{'beats/s':>9}{'x float32':>11}{'max dp':>9}{'changed':>9}{'twice':>8}")
    for name, row in rows.items():
        print(
            f"  {name:<30}{row['beats_per_s']:>9.0f}{row['speed_of_float32']:>11.2f}{row['max_difference']:>9.0e}"
            f"{row['labels_changed']:>9}{row['looked_twice']:>8.2%}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    output = parser.parse_args().output
    torch.set_num_threads(1)
    beats = read_all_beats()
    series = beats.series[np.random.default_rng(0).permutation(len(beats))[:TIMED_BEATS]]
    result: dict[str, object] = {"processor": processor(), "torch": torch.__version__, "beats": len(series)}
    models = {"128-256-128 filters": train_papers_network(beats)} | {name: load_model(name) for name in SERIES_MODELS}
    for title, model in models.items():
        rows = compare(ways_of(model), "plain module, batches of 16", series)
        columns = computed_columns(model, series)
        share = rows["float32"]["beats_per_s"] * 2 * multiplications(model, columns) / float32_limit(model)
        show(title, rows)
        print(f"  multiplications a beat: {multiplications(model, BEAT_LENGTH) / 1e6:.1f} million")
        print(f"  float32 uses {share:.0%} of what this core computes in the largest convolution alone")
        result[title] = rows | {"share_of_float32_limit": share}
    contexts, patients = read_contexts(TIMED_BEATS), load_model("new-patients")
    ways = {"module as it is, batches of 16": ModuleScorer(patients, 16), "float32": Engine(patients)}
    result["new-patients"] = compare(ways, "module as it is, batches of 16", contexts)
    show("new-patients", result["new-patients"])
    print(f"one thread of {result['processor']}, {len(series)} beats, medians of {REPEATS} rounds")
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

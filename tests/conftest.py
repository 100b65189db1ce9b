"""Small models and beats that most tests share, and the one Spark session, started when first asked for."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lstm_fcn.beats import BEAT_LENGTH, Beats
from lstm_fcn.header import Header
from lstm_fcn.hyperparameters import NetworkConfig, Optimization
from lstm_fcn.modelfile import Model, parse_model, read_model, serialize, write_model
from lstm_fcn.network import LSTMFCN
from lstm_fcn.provenance import describe, describe_data
from lstm_fcn.simulate import write_records

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

torch.set_num_threads(1)  # the tests' networks are small


SMALL = {"hidden_size": 8, "filters_1": 8, "filters_2": 16, "filters_3": 8}


def make_network(**config: int | str) -> LSTMFCN:
    """A network with random weights, and BatchNorm statistics that are not those it starts with."""
    torch.manual_seed(0)
    network = LSTMFCN(NetworkConfig(**{"length": BEAT_LENGTH, "classes": 5, **config}), mean=0.3, std=0.7)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for values in (module.running_mean, module.running_var, module.weight, module.bias):
                torch.nn.init.uniform_(values, 0.5, 1.5)
    return network.eval()


def make_beats(count: int) -> Beats:
    rng = np.random.default_rng(1)
    series = rng.random((count, BEAT_LENGTH), dtype=np.float32)
    for row, length in zip(series, rng.integers(40, 400, count), strict=True):
        row[length:] = 0
    return Beats(series, np.arange(count) % 5)


def header_of(network: LSTMFCN, name: str) -> Header:
    data = describe_data(make_beats(10), 5, "nowhere")
    return describe(name, network, Optimization(lr=0.01), data, {"train_accuracy": 0.5})


def series_of(ends_at: list[int], length: int, seed: int = 0) -> NDArray[np.float32]:
    """Series that end at these positions, with zeros after it and some inside."""
    rng = np.random.default_rng(seed)
    series = rng.normal(0.4, 1, (len(ends_at), length)).astype(np.float32)
    series[rng.random(series.shape) < 0.1] = 0
    for row, end in zip(series, ends_at, strict=True):
        row[end:] = 0
        row[end - 1 : end] = 1
    return series


def model_of(network: LSTMFCN) -> Model:
    classes = [str(i) for i in range(network.config.classes)]
    shape = (10,) if network.config.task != "multilabel" else (10, len(classes))
    some = Beats(np.zeros((10, network.config.length), np.float32), np.zeros(shape, np.int64))
    data = describe_data(some, len(classes), "nowhere")
    header = describe("m", network, Optimization(), data, {}, classes=classes)
    return parse_model(serialize(network, header), "m")


@pytest.fixture(scope="session")
def beats() -> Beats:
    return make_beats(200)


@pytest.fixture(scope="session")
def save_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    def save(**config: int | str) -> Path:
        path = tmp_path_factory.mktemp("model") / "small.safetensors"
        network = make_network(**config)
        write_model(path, network, header_of(network, "small"))
        return path

    return save


@pytest.fixture(scope="session")
def model_file(save_model: Callable[..., Path]) -> Path:
    return save_model(**SMALL)


@pytest.fixture(scope="session")
def model(model_file: Path) -> Model:
    return read_model(model_file)


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three simulated records of 40 s."""
    folder = tmp_path_factory.mktemp("records")
    write_records(folder, records=3, seconds=40, seed=3)
    return folder


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator["SparkSession"]:
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", False)
        .config("spark.ui.showConsoleProgress", False)
        .config("spark.sql.shuffle.partitions", 2)
        .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
        .getOrCreate()
    )
    yield session
    session.stop()

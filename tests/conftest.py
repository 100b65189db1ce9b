"""What most tests share: small models and beats, and the one Spark session."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from lstm_fcn.data.beats import Beats
from lstm_fcn.data.simulate import write_records
from lstm_fcn.model.file import Model, read_model, write_model
from tests.beat_tables import make_beats
from tests.models import SMALL, header_of, make_network
from tests.processes import SPARK_CONF, JobHere, java_options, run_here
from tests.table_formats import settings_of_jars

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

torch.set_num_threads(1)  # the tests' networks are small


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

    os.environ |= {
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_CONF_DIR": str(SPARK_CONF),
        "SPARK_SUBMIT_OPTS": java_options(),
    }
    builder = SparkSession.builder.master("local[2]")
    settings = {"spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")), **settings_of_jars()}
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="session")
def job_here(spark: "SparkSession") -> JobHere:
    """Run a job in this process and session."""
    return run_here

"""A real standalone cluster, a real Spark Connect server, and the table that is scored there."""

from collections.abc import Iterator
from pathlib import Path

import pyspark
import pytest

from lstm_fcn.data.beats import Beats
from tests.beat_tables import write_days
from tests.cluster.standalone import DAYS, Machine, cluster
from tests.processes import ON_CLUSTER, SPARK_HOME, Started, environment, free_port


@pytest.fixture(scope="session")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster with two workers of one core each."""
    with cluster(tmp_path_factory.mktemp("cluster"), [Machine(), Machine()]) as started:
        yield started.url


@pytest.fixture(scope="session")
def connect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Spark Connect server."""
    if pyspark.__version__.startswith("3."):
        pytest.skip("pyspark 3.5 does not ship the Spark Connect server")
    folder, port = tmp_path_factory.mktemp("connect"), free_port()
    settings = {"spark.connect.grpc.binding.port": port, "spark.sql.warehouse.dir": folder / "warehouse"}
    server = Started(
        *(SPARK_HOME / "bin" / "spark-submit", "--master", "local[2]"),
        *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
        *(part for name, value in settings.items() for part in ("--conf", f"{name}={value}")),
        "spark-internal",
        env=environment(**ON_CLUSTER),
        cwd=folder,
    )
    try:
        server.wait_for("Spark Connect server started")
        yield f"sc://127.0.0.1:{port}"
    finally:
        server.stop()


@pytest.fixture(scope="session")
def days(tmp_path_factory: pytest.TempPathFactory, beats: Beats) -> Path:
    """A beat table in folders by day, some small files each, with ids that are unique."""
    return write_days(tmp_path_factory.mktemp("days") / "beats", beats, DAYS, rows_of_a_file=150)

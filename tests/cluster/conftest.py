"""A real standalone cluster and a real Spark Connect server, each started once, as processes of their own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pyspark
import pytest

from lstm_fcn.beats import Beats

SPARK_HOME = Path(pyspark.__file__).parent
DAYS = {"2026-01-01": 750, "2026-01-02": 600}
_ROWS_OF_A_FILE = 150


def environment(**more: str) -> dict[str, str]:
    """This process's environment without what a session left in it; the workers' Python is this one."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYSPARK", "SPARK"))}
    set_here = {"SPARK_HOME": str(SPARK_HOME), "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    return own | set_here | {"PYTHONPATH": str(Path(__file__).parents[2])} | more


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Server:
    """A process with a log, which ends with all its children."""

    def __init__(self, log: Path, *command: str | Path, env: Mapping[str, str] | None = None) -> None:
        self.log = log
        with log.open("w") as file:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdout=file,
                stderr=file,
                env=environment() if env is None else env,
                cwd=log.parent,
                start_new_session=True,
            )

    def wait_for(self, text: str, times: int = 1, seconds: float = 120) -> None:
        until = time.monotonic() + seconds
        while self.log.read_text().count(text) < times:
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"no {text!r} in:\n{self.log.read_text()}")
            time.sleep(0.1)

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Machine(NamedTuple):
    """What a worker runs on."""

    host: str = "127.0.0.1"
    enter: Sequence[str | Path] = ()
    spark_home: Path = SPARK_HOME
    env: Mapping[str, str] | None = None


@contextlib.contextmanager
def cluster(folder: Path, machines: Sequence[Machine], host: str = "127.0.0.1") -> Iterator[tuple[str, list[Server]]]:
    """A master and a worker of one core on each machine: the address, and the workers."""
    port = free_port()
    url, deploy = f"spark://{host}:{port}", "org.apache.spark.deploy"
    options = ["--host", host, "--port", str(port), "--webui-port", "0"]
    master = Server(folder / "master.log", SPARK_HOME / "bin" / "spark-class", f"{deploy}.master.Master", *options)
    servers = [master]
    try:
        master.wait_for("I have been elected leader")
        for number, machine in enumerate(machines, 1):
            work = folder / f"work-{number}"
            options = ["--cores", "1", "--memory", "1g", "--work-dir", str(work), "--webui-port", "0"]
            start = [*machine.enter, machine.spark_home / "bin" / "spark-class", f"{deploy}.worker.Worker"]
            command = [*start, *options, "--host", machine.host, url]
            servers.append(Server(folder / f"worker-{number}.log", *command, env=machine.env))
        master.wait_for("Registering worker", times=len(machines))
        yield url, servers[1:]
    finally:
        for server in reversed(servers):
            server.stop()


@pytest.fixture(scope="session")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster with two workers of one core each."""
    with cluster(tmp_path_factory.mktemp("cluster"), [Machine(), Machine()]) as (url, _):
        yield url


@pytest.fixture(scope="session")
def connect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Spark Connect server."""
    if pyspark.__version__.startswith("3."):
        pytest.skip("pyspark 3.5 does not ship the Spark Connect server")
    folder, port = tmp_path_factory.mktemp("connect"), free_port()
    settings = {
        "spark.connect.grpc.binding.port": port,
        "spark.sql.warehouse.dir": folder / "warehouse",
        "spark.ui.enabled": "false",
    }
    server = Server(
        folder / "server.log",
        *(SPARK_HOME / "bin" / "spark-submit", "--master", "local[2]"),
        *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
        *(part for name, value in settings.items() for part in ("--conf", f"{name}={value}")),
        "spark-internal",
    )
    try:
        server.wait_for("Spark Connect server started")
        yield f"sc://127.0.0.1:{port}"
    finally:
        server.stop()


@pytest.fixture(scope="session")
def days(tmp_path_factory: pytest.TempPathFactory, beats: Beats) -> Path:
    """A beat table in folders by day, some small files each, with ids that are unique."""
    folder = tmp_path_factory.mktemp("days") / "beats"
    schema = pa.schema({"id": pa.int64(), "label": pa.int32(), "beat": pa.list_(pa.float32())})
    first = 0
    for day, count in DAYS.items():
        (folder / f"day={day}").mkdir(parents=True)
        for start in range(0, count, _ROWS_OF_A_FILE):
            ids = list(range(first + start, first + start + _ROWS_OF_A_FILE))
            series = [beats.series[i % len(beats)].tolist() for i in ids]
            part = pa.table({"id": ids, "label": [i % 5 for i in ids], "beat": series}, schema=schema)
            pq.write_table(part, folder / f"day={day}" / f"{start}.parquet")
        first += count
    return folder

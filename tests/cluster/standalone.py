"""A real standalone cluster, its processes started here, and the table that is scored on it."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from tests.processes import ON_CLUSTER, SPARK_HOME, Started, environment, free_port

DAYS = {"2026-01-01": 750, "2026-01-02": 600}
ROWS = sum(DAYS.values())


class Machine(NamedTuple):
    """What a worker runs on."""

    host: str = "127.0.0.1"
    enter: Sequence[str | Path] = ()
    spark_home: Path = SPARK_HOME
    env: Mapping[str, str] | None = None


class Cluster(NamedTuple):
    url: str
    master: Started
    workers: Sequence[Started]


@contextlib.contextmanager
def cluster(folder: Path, machines: Sequence[Machine], host: str = "127.0.0.1") -> Iterator[Cluster]:
    """A master, and a worker of one core on each machine."""
    port, own = free_port(), environment(**ON_CLUSTER)
    url, deploy = f"spark://{host}:{port}", "org.apache.spark.deploy"
    options = ["--host", host, "--port", str(port), "--webui-port", "0"]
    command = [SPARK_HOME / "bin" / "spark-class", f"{deploy}.master.Master", *options]
    servers = [Started(*command, env=own, cwd=folder)]
    try:
        servers[0].wait_for("I have been elected leader")
        for number, machine in enumerate(machines, 1):
            work = folder / f"work-{number}"
            options = ["--cores", "1", "--memory", "1g", "--work-dir", str(work), "--webui-port", "0"]
            begin = [*machine.enter, machine.spark_home / "bin" / "spark-class", f"{deploy}.worker.Worker"]
            command = [*begin, *options, "--host", machine.host, url]
            servers.append(Started(*command, env=own if machine.env is None else machine.env, cwd=folder))
        servers[0].wait_for("Registering worker", times=len(machines))
        yield Cluster(url, servers[0], servers[1:])
    finally:
        for server in reversed(servers):
            server.stop()


def require_every_row_once(output: Path) -> pd.DataFrame:
    """Check the predictions of the table by days; give them in the order of their ids."""
    rows = pd.read_parquet(output / "predictions").sort_values("id", ignore_index=True)
    assert rows["id"].tolist() == list(range(ROWS))
    assert rows["day"].astype(str).value_counts().to_dict() == DAYS
    (manifest,) = (json.loads(file.read_text()) for file in (output / "runs").iterdir())
    assert manifest["counts"]["rows"] == manifest["counts"]["scored"] == ROWS
    return rows

"""The packed environment on workers that know Java and Spark: one without this project's Python, one without any."""

import contextlib
import ipaddress
import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from lstm_fcn.data.beats import Beats
from lstm_fcn.data.cutting import cut_beats
from lstm_fcn.data.wfdb_files import read_wfdb
from lstm_fcn.inference.engine import Engine
from lstm_fcn.model.file import load_model
from tests.beat_tables import noisy, write_beats_to_train_on
from tests.cluster.standalone import Machine, cluster, require_every_row_once
from tests.processes import JAVA_OPTIONS, ROOT, SPARK_HOME, Started, java_options
from tests.searches import arguments_of

pytestmark = pytest.mark.both_sparks

JOBS = """
import json, runpy, sys
for job, *arguments in json.loads(sys.argv[1]):
    sys.argv = [f"jobs/{job}.py", *arguments]
    runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""One application for all of them, since each one's executors unpack the archive."""


@pytest.fixture(scope="module")
def archive() -> None:
    outside_make = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    made = subprocess.run(["make", "-q", "dist/environment.tar.gz"], cwd=ROOT, env=outside_make, check=False)
    if made.returncode == 1:
        pytest.skip("dist/environment.tar.gz is not there, or older than what it is made of: make dist")
    assert made.returncode == 0


class Network(NamedTuple):
    """Two addresses, the far one in a namespace; or a reason why there is none."""

    name: str
    near: str
    far: str
    missing: str | None = None


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    if shutil.which("ip") is None:
        yield Network("", "127.0.0.1", "127.0.0.1", "iproute2, which makes network namespaces, is not installed")
        return
    name, first = f"lstm{os.getpid()}", ipaddress.ip_address("198.18.0.0") + os.getpid() % 2**15 * 4
    made = Network(name, str(first + 1), str(first + 2))
    try:
        for command in (
            f"netns add {name}",
            f"link add {name}a type veth peer name {name}b netns {name}",
            f"addr add {made.near}/30 dev {name}a",
            f"link set {name}a up",
            f"-n {name} addr add {made.far}/30 dev {name}b",
            f"-n {name} link set {name}b up",
            f"-n {name} link set lo up",
        ):
            done = subprocess.run(["ip", *command.split()], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                reason = f"this machine allows no network namespace: {done.stderr.strip()}"
                made = Network("", "127.0.0.1", "127.0.0.1", reason)
                break
        yield made
    finally:
        for command in (f"link del {name}a", f"netns del {name}"):
            subprocess.run(["ip", *command.split()], capture_output=True, check=False)


def bare(folder: Path, spark_home: Path) -> dict[str, str]:
    """The environment of a worker that knows Java and Spark."""
    java = Path(shutil.which("java") or "/usr/bin/java").parent
    kept = {name: os.environ[name] for name in ("JAVA_HOME",) if name in os.environ}
    spark = {"SPARK_HOME": str(spark_home), "SPARK_LOCAL_DIRS": str(folder / "local")}
    spark["SPARK_DAEMON_JAVA_OPTS"] = JAVA_OPTIONS
    return kept | spark | {"PATH": f"/usr/sbin:/usr/bin:/sbin:/bin:{java}"}


def without_python(spark: Path) -> list[str]:
    """Begin a command that sees Spark at this place, but neither this repository nor any Python."""
    libraries = [path for place in ("/usr/lib", "/usr/local/lib") for path in Path(place).glob("python3*")]
    places = {ROOT, Path(sys.prefix), Path(sysconfig.get_path("stdlib")), *libraries}
    outermost = [place for place in places if not any(place != each and place.is_relative_to(each) for each in places)]
    script = [
        f"mount --bind {shlex.quote(str(SPARK_HOME))} {shlex.quote(str(spark))}",
        *(f"mount -t tmpfs none {shlex.quote(str(place))}" for place in outermost),
        "if python3 -c ''; then echo 'there is a Python'; exit 1; fi",
        'exec "$@"',
    ]
    return ["unshare", "--mount", "sh", "-ec", "\n".join(script), "sh"]


def machines(folder: Path, network: Network) -> list[Machine]:
    here = Machine(network.near, env=bare(folder, SPARK_HOME))
    if network.missing:
        return [here, here]
    spark = folder / "spark"
    spark.mkdir()
    enter = ["ip", "netns", "exec", network.name, *without_python(spark)]
    return [here, Machine(network.far, enter, spark, bare(folder, spark))]


def command_of_readme() -> list[str]:
    """The README's `spark-submit` on a cluster, up to the job that it names."""
    text = (ROOT / "conf" / "README.md").read_text()
    lines = text[text.index("spark-submit --master spark://HOST:7077") :].partition("\n```")[0]
    command = shlex.split(lines.replace("\\\n", " "))
    assert command[-7:] == ["jobs/score.py", "--beats", "BEATS", "--model", "new-patients", "--output", "OUT"]
    return command[:-7]


def submit(master: str, host: str, folder: Path, jobs: list[list[str]]) -> Started:
    """Submit jobs as the README says, one after the other in one application."""
    (folder / "jobs.py").write_text(JOBS)
    more = ["--conf", f"spark.executor.defaultJavaOptions={JAVA_OPTIONS}"]
    more += ["--conf", "spark.sql.files.openCostInBytes=128m"]  # a task for each small file, so for both workers
    command = [master if part == "spark://HOST:7077" else part for part in command_of_readme()]
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYSPARK", "SPARK", "PYTHON"))}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = own | {"PATH": path, "SPARK_HOME": str(SPARK_HOME), "SPARK_LOCAL_IP": host}
    env["SPARK_SUBMIT_OPTS"] = java_options()
    return Started(*command, *more, folder / "jobs.py", json.dumps(jobs), env=env, cwd=ROOT)


def files_of_python(worker: Started) -> set[str]:
    """What the Python processes of this worker's executors have mapped now."""
    files = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            is_ours = os.getsid(int(process.name)) == worker.pid
            if is_ours and "pyspark.daemon" in (process / "cmdline").read_text():
                lines = (process / "maps").read_text().splitlines()
                files |= {line.split(maxsplit=5)[5] for line in lines if " /" in line}
    return files


class Run(NamedTuple):
    log: str
    log_of_master: str
    folder: Path
    files: list[set[str]]


@pytest.fixture(scope="module")
def run(
    archive: None, network: Network, days: Path, records: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Run]:
    """Three jobs, done, with what the Python processes of each worker have loaded for them."""
    folder = tmp_path_factory.mktemp("bare")
    beats = write_beats_to_train_on(noisy(20, seed=0), folder / "labelled")
    jobs = [
        ["prepare", "--records", records, "--output", folder / "beats"],
        ["tune", *arguments_of(beats, folder / "tuning", "--max-jobs", "2", "--epochs", "1")],
        ["score", "--beats", days, "--model", "mitbih", "--output", folder / "scored"],
    ]
    jobs[-1] += ["--partition-by", "day", "--precision", "int8"]
    try:
        with cluster(folder, machines(folder, network), host=network.near) as started:
            process = submit(started.url, network.near, folder, [[str(part) for part in job] for job in jobs])
            files = [set[str]() for _ in started.workers]
            while process.is_alive:
                files = [seen | files_of_python(worker) for seen, worker in zip(files, started.workers, strict=True)]
                time.sleep(0.3)
            yield Run(process.finish(), started.master.stderr, folder, files)
    finally:
        for large in folder.glob("work-*/*/*/environment"):  # a gigabyte each
            shutil.rmtree(large)


def require_packed_python(run: Run, worker: int) -> None:
    """Check that a worker's Python is the packed one and has loaded nothing from elsewhere."""
    seen = run.files[worker]
    packed = {file for file in seen if file.startswith(f"{run.folder}/work-{worker + 1}/") and "/environment/" in file}
    for name in (f"bin/python3.{sys.version_info.minor}", "torch/lib/libtorch_cpu.so", "onnxruntime/capi/"):
        assert any(name in file for file in packed), seen
    assert [file for file in seen - packed if "python" in file or "packages" in file or sys.prefix in file] == []


def test_every_row_is_scored_as_the_engine_here_scores_it(run: Run, beats: Beats):
    rows = require_every_row_once(run.folder / "scored")
    expected = Engine(load_model("mitbih"), precision="int8").probabilities(beats.series)[rows["id"] % len(beats)]
    np.testing.assert_allclose(np.stack(rows["probability"]), expected, atol=1e-5)


def test_records_are_cut_into_the_beats_that_they_give_here(run: Run, records: Path):
    found = pd.read_parquet(run.folder / "beats").sort_values(["record", "sample"], ignore_index=True)
    expected = [cut_beats(read_wfdb(records, name)).assign(record=name) for name in ("s01", "s02", "s03")]
    pd.testing.assert_frame_equal(found[expected[0].columns], pd.concat(expected, ignore_index=True), check_dtype=False)


def test_trials_are_fitted(run: Run):
    assert set(pd.read_parquet(run.folder / "tuning" / "trials")["status"]) == {"done"}


def test_the_executors_python_is_the_packed_one_and_loads_nothing_from_elsewhere(run: Run):
    require_packed_python(run, 0)


def test_a_worker_with_a_network_of_its_own_and_no_python_at_all_takes_part(run: Run, network: Network):
    if network.missing:
        pytest.skip(network.missing)
    assert f"Registering worker {network.far}:" in run.log_of_master
    require_packed_python(run, 1)


def test_onnx_runtime_keeps_no_account_of_what_it_does(run: Run):
    assert [file for seen in run.files for file in seen if "DeveloperTools" in file] == []


def test_spark_logs_a_line_for_each_stage_and_nothing_else_but_warnings(run: Run):
    of_spark = [line for line in run.log.splitlines() if " INFO " in line and " INFO stage=" not in line]
    assert any("finished in" in line for line in of_spark)
    assert [line for line in of_spark if "Stage " not in line] == []
    assert "StatusLogger" not in run.log

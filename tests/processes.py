"""Jobs and servers as processes of their own: start one, wait, stop or kill it, and read what it wrote."""

import contextlib
import io
import logging
import os
import resource
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path

import pyspark
import torch

from lstm_fcn.console import run_job

ROOT = Path(__file__).parents[1]
SPARK_HOME = Path(pyspark.__file__).parent
SPARK_CONF = ROOT / "tests" / "conf"
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:ReservedCodeCacheSize=240m"
"""For Java processes that live for seconds or minutes.

The first compiler alone makes do with 48 MiB for what it has compiled, which a Spark session fills in minutes. From
then on it would throw code away and compile it again.
"""

CLASS_ARCHIVE = Path(sys.prefix) / "spark-classes.jsa"
"""What `make test` makes, by tests/class_archive.py."""


def java_options(make: Path | None = None) -> str:
    """These options, and to use the archive of Spark's classes if it is there, or to make one.

    An archive is for one class path, without folders. Spark's own begins with the folder of settings, where Java has
    nothing to find in these tests.
    """
    if make is None and not CLASS_ARCHIVE.exists():
        return JAVA_OPTIONS
    archive = f'ArchiveClassesAtExit="{make}"' if make else f'SharedArchiveFile="{CLASS_ARCHIVE}"'
    return f'{JAVA_OPTIONS} -cp "{SPARK_HOME}/jars/*" -XX:{archive} -Xlog:cds*=off'


ON_CLUSTER = {
    "SPARK_HOME": str(SPARK_HOME),
    "SPARK_LOCAL_IP": "127.0.0.1",
    "SPARK_DAEMON_JAVA_OPTS": java_options(),
    "PYSPARK_PYTHON": sys.executable,
    "PYTHONPATH": str(ROOT),
}
"""Variables of what belongs to a cluster: its workers' Python is this one, and knows this folder."""

JobHere = Callable[..., "subprocess.CompletedProcess[str]"]


def environment(**more: str) -> dict[str, str]:
    """This process's environment without what a session left in it, and with the tests' defaults of Spark."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYSPARK", "SPARK"))}
    return {**own, "SPARK_CONF_DIR": str(SPARK_CONF), "SPARK_SUBMIT_OPTS": java_options(), **more}


def submitted_to(master: str, **conf: str) -> str:
    """The variable PYSPARK_SUBMIT_ARGS of a job on this master."""
    own = {"spark.executor.extraJavaOptions": java_options(), **conf}
    settings = [f"--conf {shlex.quote(f'{name}={value}')}" for name, value in own.items()]
    return " ".join([f"--master {master}", *settings, "pyspark-shell"])


def run(*command: str | Path, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        [str(part) for part in command],
        env=environment(**more),
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


def job(name: str, *arguments: str | Path, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run a job to its end."""
    return run(sys.executable, ROOT / "jobs" / f"{name}.py", *arguments, **more)


def run_here(name: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run a job to its end in this process, and in its session of Spark: what `job` does, without starting a JVM.

    Only signals, and what a JVM writes to standard error, are missing.
    """
    main, given = import_module(f"jobs.{name}").main, [str(argument) for argument in arguments]
    threads, stdout, stderr = torch.get_num_threads(), io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr), logging_to(stderr):
            code = run_job(main, given)
    finally:
        torch.set_num_threads(threads)
    return subprocess.CompletedProcess([name, *given], code, stdout.getvalue(), stderr.getvalue())


@contextlib.contextmanager
def logging_to(stream: io.StringIO) -> Iterator[None]:
    """Log as a job does, also after one that was run with --verbose."""
    root, package, handler = logging.getLogger(), logging.getLogger("lstm_fcn"), logging.StreamHandler(stream)
    levels = root.level, package.level
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(levels[0])
        package.setLevel(levels[1])


class Started:
    """A process that was started, with children of its own, and what it writes to standard error."""

    def __init__(
        self,
        *command: str | Path,
        env: Mapping[str, str],
        cwd: Path | None = None,
        largest_file: int | None = None,
        stdout: Path | None = None,
    ) -> None:
        def limit() -> None:
            if largest_file is not None:  # a disk that is full
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - a pipe that nobody reads would stop it
        with (stdout or Path(os.devnull)).open("wb") as written:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdout=written,
                stderr=self._stderr,
                env=env,
                cwd=cwd,
                preexec_fn=limit,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def stderr(self) -> str:
        """What it has written so far."""
        number = self._stderr.fileno()
        return os.pread(number, os.fstat(number).st_size, 0).decode()

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def wait_until(self, condition: Callable[[], object], seconds: float = 200) -> None:
        """Wait while it lives."""
        until = time.monotonic() + seconds
        while not condition():
            assert self.is_alive, f"it ended with {self.process.returncode}: {self.stderr}"
            if time.monotonic() > until:
                self.stop()
                raise TimeoutError(f"nothing after {seconds} s: {self.stderr}")
            time.sleep(0.02)

    def wait_for(self, text: str, times: int = 1) -> None:
        """Wait until it has written a text, so many times."""
        self.wait_until(lambda: self.stderr.count(text) >= times)

    def ask(self, number: signal.Signals) -> None:
        """Send it a signal, if it has not ended."""
        self.process.send_signal(number)

    def kill(self) -> str:
        """Kill it before its end, but not its children; what it wrote."""
        self.process.kill()
        return self.finish(-signal.SIGKILL)

    def wait(self, seconds: float = 400) -> int:
        """Wait for its end; its exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            raise

    def finish(self, code: int = 0) -> str:
        """Wait for its end and check its exit code; what it wrote."""
        found = self.wait()
        assert found == code, f"expected the exit code {code}, found {found}: {self.stderr}"
        return self.stderr

    def stop(self) -> None:
        """Kill it with all its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()


def start(name: str, *arguments: str | Path, largest_file: int | None = None, **more: str) -> Started:
    """Start a job."""
    command = [sys.executable, ROOT / "jobs" / f"{name}.py", *arguments]
    return Started(*command, env=environment(**more), largest_file=largest_file)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])

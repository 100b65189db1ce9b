"""Processes whose memory is watched while they run."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.processes import ROOT, environment

MEBIBYTE = 2**20


class Watched(NamedTuple):
    """Seconds of a process, and the largest MiB of its JVM and of one of its Python processes."""

    seconds: float
    jvm: float
    worker: float
    log: str


def memory_of(job: psutil.Process) -> tuple[float, float]:
    """MiB of the JVM below a process, and of the largest Python worker."""
    java = python = 0.0
    try:
        for process in job.children(recursive=True):
            size = process.memory_info().rss / MEBIBYTE
            if process.name() == "java":
                java = max(java, size)
            else:
                python = max(python, size)
    except psutil.NoSuchProcess:
        pass  # it has just ended; the next look is a moment away
    return java, python


def run_job(name: str, *arguments: str | Path, conf: Path = ROOT / "conf") -> Watched:
    """Run a job as its users do, and watch it."""
    command = [sys.executable, str(ROOT / "jobs" / f"{name}.py"), *map(str, arguments)]
    print("$", f"{name}.py", *(str(each) for each in arguments), flush=True)
    with tempfile.TemporaryFile("w+") as log:
        began = time.monotonic()
        env = environment(SPARK_CONF_DIR=str(conf), SPARK_LOCAL_IP="127.0.0.1", SPARK_SUBMIT_OPTS="")
        job = psutil.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
        jvm = worker = 0.0
        while job.poll() is None:
            java, python = memory_of(job)
            jvm, worker = max(jvm, java), max(worker, python)
            time.sleep(0.1)
        seconds = time.monotonic() - began
        log.seek(0)
        text = log.read()
    if job.returncode:
        raise subprocess.CalledProcessError(job.returncode, command, text)
    return Watched(seconds, jvm, worker, text)


def peaks(records: Sequence[tuple[str, Watched]]) -> str:
    """A table of what was watched."""
    lines = [f"{'':<12}{'seconds':>9}{'JVM MiB':>9}{'worker MiB':>12}"]
    lines += [f"{name:<12}{each.seconds:>9.1f}{each.jvm:>9.0f}{each.worker:>12.0f}" for name, each in records]
    return "\n".join(lines)

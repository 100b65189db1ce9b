"""Getting a session, for the jobs, and naming what runs in it. The library takes the session as an argument."""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import uuid
from datetime import datetime, timezone
from pathlib import Path
from threading import Thread, current_thread, main_thread

from pyspark import SparkContext
from pyspark.sql import SparkSession

_SECONDS_TO_ANSWER = 10


def get_session(name: str) -> SparkSession:
    """Take the running session, or start one as spark-submit, the environment or the defaults say.

    Parameters
    ----------
    name : str
        The application's name, where it is started.
    """
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        # Started as plain `python job.py`: the workers need this very interpreter, not the PATH's.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        bar = str(sys.stderr.isatty()).lower()
        os.environ.setdefault("PYSPARK_SUBMIT_ARGS", f"--conf spark.ui.showConsoleProgress={bar} pyspark-shell")
        if os.environ.get("LC_ALL") in ("C", "POSIX"):  # where Java has no paths with other letters than ASCII's
            os.environ["LC_ALL"] = "C.UTF-8"
    _quiet_pyspark()
    on_interrupt = signal.getsignal(signal.SIGINT)
    is_first = SparkSession.getActiveSession() is None
    session = SparkSession.builder.appName(name).getOrCreate()
    if is_first and current_thread() is main_thread():
        is_pythons = on_interrupt is signal.default_int_handler and is_classic(session)
        signal.signal(signal.SIGINT, _interrupt_quietly if is_pythons else on_interrupt)
    return session


def _interrupt_quietly(*_: object) -> None:
    """Stop on Ctrl-C without the pages that the JVM logs of jobs that are cut off; it ends with this process.

    Spark's own handler cancels the jobs, which is logged with stack traces too. In a thread of its own, since this
    one may be in the middle of a call, and each thread has one connection to the JVM.
    """
    quiet = Thread(target=_log_nothing_more, daemon=True)
    quiet.start()
    quiet.join(_SECONDS_TO_ANSWER)
    raise KeyboardInterrupt


def _log_nothing_more() -> None:
    context = SparkContext._active_spark_context
    with contextlib.suppress(Exception):  # a JVM that has died logs nothing
        if context is not None:
            context.setLogLevel("OFF")


def _quiet_pyspark() -> None:
    """Keep pyspark 4 from logging errors that it raises too, and that are answers where they are expected."""
    try:
        from pyspark.logger import PySparkLogger
    except ModuleNotFoundError:
        return
    for name in ("DataFrameQueryContextLogger", "SQLQueryContextLogger"):
        PySparkLogger.getLogger(name).setLevel(logging.CRITICAL)


def how_spark_died() -> str | None:
    """Describe the end of Spark's process, the JVM beside this one; None where it lives, or where there is none."""
    gateway = SparkContext._gateway
    if gateway is None:
        return None
    parameters = gateway.gateway_parameters
    try:
        socket.create_connection((parameters.address, parameters.port), timeout=_SECONDS_TO_ANSWER).close()
    except OSError:
        return _describe_death(getattr(gateway, "proc", None))
    return None


def _describe_death(process: "subprocess.Popen[bytes] | None") -> str:
    """Describe it by what the system knows of the process, where it was started from here."""
    code, log = None, "its log is what it wrote to standard error, above"
    if process is not None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = process.wait(_SECONDS_TO_ANSWER)
        crash = Path(f"hs_err_pid{process.pid}.log").resolve()
        log = f"{log}, and {crash}" if crash.exists() else log
    if code is None:
        how = "; its exit code is that of spark-submit"
    elif code < 0:
        memory = ", which the system sends where memory is out" if code == -signal.SIGKILL else ""
        how = f" with exit code {128 - code} ({signal.Signals(-code).name}{memory})"
    else:
        how = f" with exit code {code}"
    return f"Spark's process (Java) died{how}; {log}. Published results are whole: start the job again"


def is_classic(spark: SparkSession) -> bool:
    """Check whether a session has a driver of its own; one of Spark Connect has no `sparkContext`."""
    return not type(spark).__module__.startswith("pyspark.sql.connect")


def describe_jobs(spark: SparkSession, text: str) -> None:
    """Name what the next Spark jobs do, for Spark's own pages; Spark Connect has no such thing."""
    if is_classic(spark):
        spark.sparkContext.setJobDescription(text)


def new_run_id() -> str:
    """Make an id that sorts by time, e.g. '20260131T235959Z-1f2e3d4c'."""
    return f"{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"

"""How far a run of hours is: a line a minute in the log."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from pyspark.sql import SparkSession

from lstm_fcn.spark.session import is_classic

log = logging.getLogger(__name__)

_SECONDS = 60.0
_SECONDS_TO_ANSWER = 10.0
_GROUP = "spark.jobGroup.id"


@contextmanager
def log_progress(spark: SparkSession, rows: int, run_id: str, seconds: float = _SECONDS) -> Iterator[None]:
    """Log again and again, while rows are scored, how many are done, how fast, and the time left.

    By the share of tasks that have ended, since they have about as many rows each.

    Parameters
    ----------
    spark : SparkSession
    rows : int
        To score.
    run_id : str
    seconds : float
        From one line to the next.
    """
    began = time.monotonic()

    def report(share: float) -> None:
        passed, done = time.monotonic() - began, share * rows
        left = f"{passed / share - passed:.0f}" if share else "unknown"
        found = (run_id, done, rows, done / passed, left)
        log.info("stage=score run_id=%s done=%d rows=%d beats_per_s=%.0f seconds_left=%s", *found)

    ask = _ask_driver if is_classic(spark) else _ask_server
    with ask(spark, run_id, report, seconds):
        yield


@contextmanager
def _ask_driver(spark: SparkSession, run_id: str, report: Callable[[float], None], seconds: float) -> Iterator[None]:
    """Report by what the driver knows of this thread's jobs, which a group of jobs tells from those of others."""
    context, ended = spark.sparkContext, threading.Event()
    tracker, group = context.statusTracker(), context.getLocalProperty(_GROUP)
    own = group or run_id
    before = set(tracker.getJobIdsForGroup(own))

    def repeat() -> None:
        while not ended.wait(seconds):
            with suppress(Exception):  # that Spark has died is for the thread that scores to say
                # Of the last stage, which scores; one before it only moves rows.
                job = tracker.getJobInfo(max(set(tracker.getJobIdsForGroup(own)) - before, default=-1))
                stage = tracker.getStageInfo(max(job.stageIds, default=-1)) if job is not None else None
                report(stage.numCompletedTasks / stage.numTasks if stage is not None else 0.0)

    reporter = threading.Thread(target=repeat, daemon=True)
    if group is None:
        context.setLocalProperty(_GROUP, own)
    reporter.start()
    try:
        yield
    finally:
        ended.set()
        reporter.join(_SECONDS_TO_ANSWER)
        if group is None:
            context.setLocalProperty(_GROUP, None)  # type: ignore[arg-type]


@contextmanager
def _ask_server(spark: SparkSession, _: str, report: Callable[[float], None], seconds: float) -> Iterator[None]:
    """Report by what a server of Spark Connect says; one of 3.5 says nothing."""
    register, remove = (getattr(spark, f"{what}ProgressHandler", None) for what in ("register", "remove"))
    if register is None or remove is None:
        yield
        return
    last = time.monotonic()

    def handle(stages: Sequence[Any] | None, *_: object, **__: object) -> None:
        nonlocal last
        if stages and time.monotonic() - last >= seconds:
            last = time.monotonic()
            newest = max(stages, key=lambda stage: stage.stage_id)
            report(newest.num_completed_tasks / max(1, newest.num_tasks))

    register(handle)
    try:
        yield
    finally:
        remove(handle)

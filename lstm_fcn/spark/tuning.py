"""Fitting a trial as a Spark task.

Not through joblibspark, which is made for this and was tried (0.6.0, with joblib 1.3 to 1.6): an error of a task
comes back as a value that joblib takes for results ("'_ExceptionWithTraceback' object is not iterable"), so that its
reason is lost; a task whose process dies ends the whole search; a trial is reported only when all have ended; and with
a single job it trains on the driver. scikit-learn's search runs in threads of the driver instead, and each trial that
it asks for is a Spark job of one task.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JJavaError
from pyspark import Broadcast, InheritableThread, SparkContext, TaskContext
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from lstm_fcn.data.beats import Beats
from lstm_fcn.errors import SettingsError
from lstm_fcn.spark.errors import python_reason
from lstm_fcn.spark.session import is_classic

if TYPE_CHECKING:
    from lstm_fcn.tuning.trials import Outcome


@contextmanager
def spark_tasks(spark: SparkSession, fitted: Beats, held_out: Beats) -> Iterator["SparkTasks"]:
    """Have the beats where the executors get them, each once, when its first trial asks for them.

    Yields
    ------
    SparkTasks

    Raises
    ------
    SettingsError
        Under Spark Connect.
    """
    if not is_classic(spark):
        raise SettingsError(
            "tuning sends the beats to the executors once, as a broadcast, which Spark Connect does not have; "
            "expected a session with a driver of its own: unset SPARK_REMOTE, or use spark-submit"
        )
    beats = spark.sparkContext.broadcast((fitted, held_out))
    tasks = SparkTasks(spark.sparkContext, beats)
    try:
        yield tasks
    except BaseException:
        tasks.cancel()  # and no more: Spark drops the beats by itself, and where it is ending `destroy` raises, too
        raise
    beats.destroy()


class SparkTasks:
    """Fits a trial as one Spark task, on one core or as many as `spark.task.cpus` says; from any thread."""

    def __init__(self, context: SparkContext, beats: "Broadcast[tuple[Beats, Beats]]") -> None:
        self._context, self._beats = context, beats
        self._group = f"lstm-fcn tune {uuid.uuid4().hex[:8]}"
        self._is_over = False

    def cancel(self) -> None:
        """End the trials that are under way."""
        self._is_over = True
        self._context.cancelJobGroup(self._group)

    def __call__(self, parameters: Mapping[str, Any]) -> "Outcome":
        """Fit a trial and wait for it."""
        from lstm_fcn.tuning.trials import Outcome

        started = time.monotonic()
        beats = self._beats  # a task that held `self` would hold the driver's context

        def task(asked: dict[str, Any]) -> "Outcome":
            from lstm_fcn.tuning.trials import fit_trial

            context = TaskContext.get()
            return fit_trial(*beats.value, asked, threads=context.cpus() if context else 1)

        def collect() -> "Outcome":
            self._context.setJobGroup(self._group, "a trial")
            return self._context.parallelize([dict(parameters)], 1).map(task).collect()[0]

        try:
            return _in_a_thread(collect)
        except (Py4JJavaError, PySparkException) as error:
            if self._is_over or self._context._jsc.sc().isStopped():
                raise  # not this trial's fault, and no other will fare better
            return Outcome(None, f"the task was lost: {python_reason(error)}", time.monotonic() - started)


def _in_a_thread(call: "Callable[[], Outcome]") -> "Outcome":
    """Call, and wait so that a signal can interrupt it: one that comes while py4j waits tears its connection."""
    future: Future[Outcome] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    InheritableThread(target=run, daemon=True).start()
    return future.result()

"""Getting a session, for the jobs. The library takes the session as an argument."""

import os
import sys

from pyspark.sql import SparkSession


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
    return SparkSession.builder.appName(name).getOrCreate()


def is_classic(spark: SparkSession) -> bool:
    """Tell a session with a driver of its own from one of Spark Connect, which has no `sparkContext`."""
    return not type(spark).__module__.startswith("pyspark.sql.connect")


def describe_jobs(spark: SparkSession, text: str) -> None:
    """Name what the next Spark jobs do, for Spark's own pages; Spark Connect has no such thing."""
    if is_classic(spark):
        spark.sparkContext.setJobDescription(text)

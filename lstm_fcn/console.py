"""What the jobs share at the edge of the program: logging, and errors to exit codes."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from threading import current_thread, main_thread
from types import FrameType
from typing import TYPE_CHECKING

from lstm_fcn.data.table_names import is_in_catalog
from lstm_fcn.errors import LstmFcnError, SettingsError, StoppedError, StorageError, describe_missing

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_INTERRUPTED = 128 + signal.SIGINT
"""The exit code after Ctrl-C, as shells have it."""

log = logging.getLogger(__name__)


def run_command(main: Callable[[Sequence[str]], None]) -> None:
    """Run a job on the command line's arguments, with logging, and exit with its code unless that is 0.

    SIGTERM ends a job in order, so that what it holds is given back. Success does not exit, since a notebook's process
    must live on.
    """
    if not logging.getLogger().handlers:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
        for handler in logging.getLogger().handlers:
            handler.addFilter(_is_not_of_py4j)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a character that the locale cannot write ends no job
    if current_thread() is main_thread():
        signal.signal(signal.SIGTERM, _stop)
    code = run_job(main, sys.argv[1:])
    if code:
        sys.exit(code)


def _is_not_of_py4j(record: logging.LogRecord) -> bool:
    """Leave out what py4j logs, partly in the root logger's name: with a stack trace, and raised by it too."""
    return f"{os.sep}py4j{os.sep}" not in record.pathname


def run_job(main: Callable[[Sequence[str]], None], arguments: Sequence[str]) -> int:
    """Run a job's `main`, and return its exit code.

    An error that the user can mend is one message on standard error and its kind's exit code; Spark's are one line and
    1, and so is the death of its process; Ctrl-C is one line and 130, SIGTERM 143. Any other error is raised, with its
    stack trace.
    """
    try:
        main(arguments)
    except KeyboardInterrupt as error:
        return _report(error, "stopped on request (SIGINT)", _INTERRUPTED)
    except ModuleNotFoundError as error:
        missing = describe_missing(error)
        if missing is None:
            raise
        return _report(error, missing, 1)
    except Exception as error:
        stopped = _stopped_by(error)
        if isinstance(stopped, SystemExit):
            raise stopped from None  # SIGTERM, which has been reported
        if stopped is not None:
            return _report(error, "stopped on request (SIGINT)", _INTERRUPTED)
        code, message = _explain(error)
        if message is None:
            raise
        return _report(error, message, code)
    return 0


def _explain(error: Exception) -> tuple[int, str | None]:
    """Return the exit code and the message of an error; no message where it has to be raised."""
    if "pyspark" in sys.modules:
        from lstm_fcn.spark.session import how_spark_died

        died = how_spark_died()
        if died is not None:
            return 1, died
    if isinstance(error, LstmFcnError):
        return error.exit_code, str(error)
    if isinstance(error, OSError):
        return StorageError.exit_code, str(error)
    if type(error).__module__.partition(".")[0] not in ("pyspark", "py4j"):
        return 1, None
    from lstm_fcn.spark.errors import as_ours, first_line

    ours = as_ours(error)
    if ours is not None:
        return ours.exit_code, str(ours)
    return 1, f"Spark says: {first_line(error)} (--verbose shows where)"


def _stopped_by(error: BaseException | None) -> BaseException | None:
    """Find the signal that made something fail which was under way, as an answer of Spark that came too late."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        if isinstance(error, SystemExit) and error.code == StoppedError.exit_code:
            break
        error = error.__cause__ or error.__context__
    return error


def _report(error: BaseException, message: str, code: int) -> int:
    log.debug("%s", type(error).__name__, exc_info=error)
    sys.stderr.write(f"error: {message}\n")
    return code


def _stop(number: int, _: FrameType | None) -> None:
    # No error of ours, since py4j would take it for one of its connection's.
    sys.stderr.write(f"error: stopped on request ({signal.Signals(number).name})\n")
    sys.exit(StoppedError.exit_code)


def session_for(app: str, *names: str | None) -> "SparkSession | None":
    """Get a session where one of these names is that of a table of the catalog; None where files are all there is.

    Parameters
    ----------
    app : str
        The application's name, where the session is started.
    names : str or None
        Tables and paths of a job.

    Raises
    ------
    SettingsError
        If Spark is needed, and is not installed.
    """
    tables = [name for name in names if name is not None and is_in_catalog(name)]
    if not tables:
        return None
    try:
        from lstm_fcn.spark.session import get_session
    except ModuleNotFoundError as error:
        raise SettingsError.not_installed(f"{tables[0]}, a table of the catalog,", error) from error
    return get_session(app)


@contextmanager
def stop_on_signals() -> Iterator[Callable[[], bool]]:
    """Let SIGTERM and Ctrl-C ask for a stop instead of ending the process; a second one ends it.

    Outside the main thread signals cannot be taken, and nothing is changed.

    Yields
    ------
    callable
        Whether a stop was asked for.
    """
    asked: list[int] = []
    numbers = (signal.SIGTERM, signal.SIGINT) if current_thread() is main_thread() else ()
    before = {number: signal.getsignal(number) for number in numbers}

    def ask(number: int, _: FrameType | None) -> None:
        asked.append(number)
        signal.signal(number, before[signal.Signals(number)])

    for number in numbers:
        signal.signal(number, ask)
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""What the jobs share at the edge of the program: logging, and errors to exit codes."""

import logging
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType

from lstm_fcn.errors import LstmFcnError, StoppedError, StorageError

_EXTRA_OF_MODULE = {
    "pyspark": "spark",
    "wfdb": "records",
    "sklearn": "train",
    "imblearn": "train",
    "tqdm": "train",
    "matplotlib": "plots",  # which "train" and "report" hold too
    "jinja2": "report",
    "scipy": "report",
    "onnx": "int8",
    "mlflow": "mlflow",
}


log = logging.getLogger(__name__)


def run_job(main: Callable[[Sequence[str]], None]) -> None:
    """Run a job's `main` on the command line's arguments.

    An error that the user can mend is one message and its kind's exit code; any other keeps its stack trace
    and exits 1. SIGTERM ends a job in order, so that what it holds is given back. Success does not exit, since a
    notebook's process must live on.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("py4j").setLevel(logging.WARNING)
    if current_thread() is main_thread():
        signal.signal(signal.SIGTERM, _stop)
    try:
        main(sys.argv[1:])
    except LstmFcnError as error:
        log.debug("%s", type(error).__name__, exc_info=error)
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
    except OSError as error:
        log.debug("%s", type(error).__name__, exc_info=error)
        sys.stderr.write(f"error: {error}\n")
        sys.exit(StorageError.exit_code)
    except ModuleNotFoundError as error:
        extra = _EXTRA_OF_MODULE.get(str(error.name).split(".")[0])
        if extra is None:
            raise
        sys.stderr.write(f"error: this needs {error.name}, which is not installed: pip install 'lstm-fcn[{extra}]'\n")
        sys.exit(1)
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("pyspark", "py4j"):
            raise
        from lstm_fcn.spark.tables import first_line

        log.debug("%s", type(error).__name__, exc_info=error)
        sys.stderr.write(f"error: Spark says: {first_line(error)} (--verbose shows where)\n")
        sys.exit(1)


def _stop(number: int, _: FrameType | None) -> None:
    # No error of ours, since py4j would take it for one of its connection's.
    sys.stderr.write(f"error: stopped on request ({signal.Signals(number).name})\n")
    sys.exit(StoppedError.exit_code)


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

"""One run at a time on a target: a lock with a sign of life, which lapses when its run is dead."""

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

from lstm_fcn.errors import BusyError

log = logging.getLogger(__name__)

LAPSE_SECONDS = 600
"""A run without a sign of life for so long is dead. Clocks of machines differ by much less."""

_RENEW_SECONDS = 60
_GIVE_BACK_SECONDS = 60
_SETTLE_SECONDS = 1.0


class LockPlace(Protocol):
    """Where a lock is kept."""

    how_to_clear: str

    def create(self, text: str) -> bool:
        """Take the lock; False where it is taken."""

    def read(self) -> str | None:
        """Read who holds it; None where nobody does."""

    def renew(self, text: str) -> None:
        """Write a new sign of life."""

    def clear(self) -> None:
        """Remove the lock."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Attributes
    ----------
    run_id, host : str
    machine : str or None
        Identifies the machine or container, where the system has such an id.
    process : int
        Its number on that machine.
    started, renewed : float
        Seconds since 1970; `renewed` is the last sign of life.
    """

    run_id: str
    host: str
    machine: str | None
    process: int
    started: float
    renewed: float

    def is_dead(self) -> bool:
        """Check whether the run has ended without clearing its lock."""
        same = self.machine is not None and self.machine == _this_machine()
        return time.time() - self.renewed > LAPSE_SECONDS or (same and not _is_running(self.process))

    def __str__(self) -> str:
        started = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.started))
        ago = max(0, round(time.time() - self.renewed))
        return f"run {self.run_id} (host {self.host}, process {self.process}, started {started}, alive {ago} s ago)"


@contextmanager
def hold(place: LockPlace, run_id: str) -> Iterator[Callable[[], None]]:
    """Hold a lock, with signs of life from a thread.

    Yields
    ------
    callable
        Raises BusyError where the lock is another's by now, as after a long sleep of this process.

    Raises
    ------
    BusyError
        If another run holds it.
    """
    now = time.time()
    holder = Holder(run_id, socket.gethostname(), _this_machine(), os.getpid(), now, now)
    taken: Future[None] = Future()
    ended, given_back = threading.Event(), threading.Event()

    def require_own() -> None:
        found = _parse(place.read())
        if found is None or found.run_id != run_id:
            raise BusyError(f"the lock of this run was taken over by {found or 'nobody'}; nothing was published")

    def keep() -> None:
        try:
            _keep(place, holder, taken, ended)
        finally:
            given_back.set()

    try:
        threading.Thread(target=keep, daemon=True).start()
        taken.result()
        yield require_own
    finally:
        ended.set()
        if not given_back.wait(_GIVE_BACK_SECONDS):
            log.warning("stage=lock run_id=%s is still not given back; it lapses by itself", run_id)


def _keep(place: LockPlace, holder: Holder, taken: "Future[None]", ended: threading.Event) -> None:
    """Take the lock, stay alive, give it back.

    All in one thread that is not the main one: a signal can cut off the main thread anywhere, also in the middle of
    its talk with Spark.
    """
    try:
        _take(place, holder)
    except BaseException as error:
        taken.set_exception(error)
        return
    taken.set_result(None)
    is_own = True
    while is_own and not ended.wait(_RENEW_SECONDS):
        is_own = _give_sign(place, holder)
    if is_own:
        _give_back(place, holder)


def _take(place: LockPlace, holder: Holder) -> None:
    if place.create(_text(holder)):
        return
    text = place.read()
    other = _parse(text)
    if text is not None and other is None:
        raise BusyError(
            f"a run that did not write its name is writing there, or died as it began: {place.how_to_clear}"
        )
    if other is not None and not other.is_dead():
        raise BusyError(
            f"{other} is writing there; wait for it. If it is dead: its lock lapses {LAPSE_SECONDS // 60} minutes "
            f"after its last sign of life, or {place.how_to_clear}"
        )
    if other is not None:
        place.clear()
    is_own = place.create(_text(holder))
    # Another may have seen the same dead lock, and cleared this one for it.
    time.sleep(_SETTLE_SECONDS)
    found = _parse(place.read())
    if not is_own or found is None or found.run_id != holder.run_id:
        raise BusyError(f"{found or 'another run'} took the lock at the same moment; wait for it")


def _give_back(place: LockPlace, holder: Holder) -> None:
    try:
        found = _parse(place.read())
        if found is not None and found.run_id == holder.run_id:
            place.clear()
    except Exception as error:
        # Whatever the storage raises: the lock lapses.
        log.warning("stage=lock run_id=%s could not be given back: %s", holder.run_id, _reason(error))


def _give_sign(place: LockPlace, holder: Holder) -> bool:
    try:
        found = _parse(place.read())
        if found is None or found.run_id != holder.run_id:
            return False
        place.renew(_text(replace(holder, renewed=time.time())))
    except Exception as error:
        # Whatever the storage raises: the next sign may get through.
        log.warning("stage=lock run_id=%s could not give a sign of life: %s", holder.run_id, _reason(error))
    return True


def _reason(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _text(holder: Holder) -> str:
    return json.dumps(asdict(holder))


def _parse(text: str | None) -> Holder | None:
    try:
        return Holder(**json.loads(text)) if text else None
    except (ValueError, TypeError):
        return None


def _this_machine() -> str | None:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"  # noqa: PTH116
    except OSError:
        return None


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict

import pytest

from lstm_fcn.errors import BusyError
from lstm_fcn.spark.scoring import lock
from lstm_fcn.spark.scoring.lock import LAPSE_SECONDS, Holder, hold


class Drawer:
    """A place for a lock, in memory."""

    how_to_clear = "empty the drawer"

    def __init__(self, text: str | None = None) -> None:
        self.text = text
        self.signs = 0

    def create(self, text: str) -> bool:
        if self.text is not None:
            return False
        self.text = text
        return True

    def read(self) -> str | None:
        return self.text

    def renew(self, text: str) -> None:
        self.text = text
        self.signs += 1

    def clear(self) -> None:
        self.text = None


def holder(**known: object) -> str:
    now = time.time()
    values = {"run_id": "first", "host": "there", "machine": None, "process": 1, "started": now, "renewed": now}
    return json.dumps({**values, **known})


def test_a_lock_is_held_and_given_back():
    place = Drawer()
    with hold(place, "mine") as require_own:
        assert json.loads(place.text)["run_id"] == "mine"
        require_own()
    assert place.text is None


def test_a_lock_that_names_nobody_is_not_said_to_lapse():
    with pytest.raises(BusyError, match="did not write its name") as raised, hold(Drawer(""), "mine"):
        pass
    assert "empty the drawer" in str(raised.value)
    assert "lapses" not in str(raised.value)


def test_of_two_that_take_over_a_dead_lock_at_once_the_one_whose_lock_was_cleared_notices(
    monkeypatch: pytest.MonkeyPatch,
):
    place = Drawer(holder(renewed=time.time() - 2 * LAPSE_SECONDS))

    def meanwhile(_: float) -> None:
        place.text = holder(run_id="other")  # it had read the dead lock too, and cleared ours for it

    monkeypatch.setattr(lock.time, "sleep", meanwhile)
    with pytest.raises(BusyError, match="run other .* took the lock at the same moment"), hold(place, "mine"):
        pass
    assert json.loads(place.text)["run_id"] == "other"


def test_a_lock_that_was_given_back_and_taken_by_another_meanwhile_is_not_cleared():
    class Changing(Drawer):
        def read(self) -> str | None:
            before, self.text = self.text, holder(run_id="other")
            return None if before == "ending" else before

    place = Changing("ending")
    with pytest.raises(BusyError, match="run other .* took the lock"), hold(place, "mine"):
        pass
    assert json.loads(place.text)["run_id"] == "other"


def test_a_lock_that_cannot_be_given_back_does_not_hide_what_happened(caplog: pytest.LogCaptureFixture):
    class Broken(Drawer):
        def clear(self) -> None:
            raise OSError("no way")

    with pytest.raises(ValueError, match="the reason"), hold(Broken(), "mine"):
        raise ValueError("the reason")
    assert "could not be given back: no way" in caplog.text


def test_it_is_given_back_after_an_error():
    place = Drawer()
    with pytest.raises(ValueError, match="bad"), hold(place, "mine"):
        raise ValueError("bad")
    assert place.text is None


def test_it_is_given_back_when_a_signal_comes_while_it_is_taken():
    class Interrupted(Drawer):
        def create(self, text: str) -> bool:
            self.text = text
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
            return True

    place = Interrupted()
    with pytest.raises(KeyboardInterrupt), hold(place, "mine"):
        pass
    assert place.text is None


def test_a_second_run_is_refused_with_the_name_of_the_first_and_the_way_out():
    place = Drawer(holder(host="node7", process=4711))
    raised = (
        r"run first \(host node7, process 4711, started .* UTC, alive 0 s ago\) .* lapses 10 minutes .*empty the drawer"
    )
    with pytest.raises(BusyError, match=raised), hold(place, "second"):
        pass
    assert json.loads(place.text)["run_id"] == "first"


def test_the_lock_of_a_run_without_a_sign_of_life_lapses():
    recently = Drawer(holder(renewed=time.time() - LAPSE_SECONDS + 60))
    with pytest.raises(BusyError), hold(recently, "second"):
        pass
    with hold(Drawer(holder(renewed=time.time() - LAPSE_SECONDS - 1)), "second") as require_own:
        require_own()


def test_the_lock_of_a_dead_process_on_this_machine_lapses_at_once():
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    machine = lock._this_machine()
    assert machine is not None
    with hold(Drawer(holder(machine=machine, process=dead.pid)), "second"):
        pass
    for alive in (holder(machine=machine, process=os.getpid()), holder(machine="other", process=dead.pid)):
        with pytest.raises(BusyError), hold(Drawer(alive), "second"):
            pass


@pytest.mark.parametrize("text", ["", "nonsense", "{}", "[1]"])
def test_a_lock_that_names_nobody_is_not_taken(text: str):
    with pytest.raises(BusyError, match="a run that did not write its name is writing there"), hold(Drawer(text), "x"):
        pass


def test_a_run_whose_lock_was_taken_over_may_not_publish_and_leaves_the_lock():
    place = Drawer()
    with hold(place, "mine") as require_own:
        place.text = holder(run_id="other")
        with pytest.raises(BusyError, match="taken over by run other .* nothing was published"):
            require_own()
    assert json.loads(place.text)["run_id"] == "other"


def test_signs_of_life_are_given_also_after_the_storage_failed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lock, "_RENEW_SECONDS", 0.01)
    place, failures = Drawer(), [OSError("down")]
    renew = place.renew

    def fail_once(text: str) -> None:
        if failures:
            raise failures.pop()
        renew(text)

    place.renew = fail_once
    with hold(place, "mine"):
        first = json.loads(place.text)["renewed"]
        while place.signs < 3:
            time.sleep(0.01)
        assert json.loads(place.text)["renewed"] > first


def test_a_holder_is_written_and_read_back():
    known = Holder("r", "h", "m", 3, 1.0, 2.0)
    assert lock._parse(json.dumps(asdict(known))) == known

"""The training job killed, stopped and out of disk, as real processes."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lstm_fcn.console import run_job
from lstm_fcn.model.file import read_model
from tests.beat_tables import bumps, write_csv
from tests.processes import Started, job
from tests.processes import start as start_job

SMALL = [
    *("--hidden-size", "8", "--filters-1", "8", "--filters-2", "8", "--filters-3", "8"),
    *("--batch-size", "10", "--threads", "1", "--averaging", "0.9"),
]


@pytest.fixture(scope="module")
def beats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(bumps([80] * 5), tmp_path_factory.mktemp("beats") / "beats.csv")


def start(beats: Path, model: Path, *arguments: str, largest_file: int | None = None) -> Started:
    given = ["--beats", beats, "--model", model, *SMALL, *arguments]
    return start_job("train", *given, largest_file=largest_file)


def test_killed_in_mid_epoch_it_goes_on_to_the_same_model(beats: Path, tmp_path: Path):
    often = ["--epochs", "6", "--validation-share", "0.2", "--checkpoint-seconds", "0"]
    whole, killed = tmp_path / "whole" / "m.safetensors", tmp_path / "killed" / "m.safetensors"
    start(beats, whole, *often).finish()

    history, checkpoint = tmp_path / "killed" / "m.run" / "history.jsonl", tmp_path / "killed" / "m.run"
    for epochs in (1, 3):
        process = start(beats, killed, *often)
        process.wait_until(lambda: history.exists() and len(history.read_text().splitlines()) >= epochs)  # noqa: B023
        time.sleep(0.05)  # some steps into the next epoch
        process.kill()
        assert not killed.exists()
        assert (checkpoint / "checkpoint.safetensors").exists()
    start(beats, killed, *often).finish()
    assert killed.read_bytes() == whole.read_bytes()
    assert len(history.read_text().splitlines()) == 6
    assert not (checkpoint / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.nightly)])
def test_asked_to_stop_it_saves_itself_and_exits_with_143(beats: Path, tmp_path: Path, number: int):
    model, checkpoint = tmp_path / "m.safetensors", tmp_path / "m.run" / "checkpoint.safetensors"
    process = start(beats, model, "--epochs", "1000", "--checkpoint-seconds", "1000")
    process.wait_until((tmp_path / "m.run" / "history.jsonl").exists)
    assert not checkpoint.exists()
    process.ask(number)
    assert process.finish(143).splitlines()[-1].startswith("error: stopped in epoch ")
    assert checkpoint.exists()
    assert not model.exists()

    assert "lr: 0.001 there, 0.1 here" in start(beats, model, "--epochs", "1000", "--lr", "0.1").finish(2)


def test_a_full_disk_is_one_clear_line_and_the_old_model_survives(beats: Path, tmp_path: Path):
    model = tmp_path / "m.safetensors"
    model.write_bytes(b"the old one")
    stderr = start(beats, model, "--epochs", "1", largest_file=20_000).finish(5)
    expected = (
        r"error: cannot write .*m\.safetensors \(\d\d,\d\d\d bytes\): File too large; the one that was there is un"
    )
    assert re.match(expected, stderr.splitlines()[-1])
    assert model.read_bytes() == b"the old one"
    assert {file.name for file in tmp_path.iterdir()} == {"m.run", "m.safetensors"}


def test_it_trains_on_from_a_model(beats: Path, tmp_path: Path):
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    start(beats, first, "--epochs", "4", "--class-weights", "sqrt", "--lr", "0.01").finish()
    given = ["--beats", beats, "--model", second, "--init-from", first]
    more = [*given, "--epochs", "2", "--lr", "0.002", "--batch-size", "20"]
    done = job("train", *more)
    assert done.returncode == 0, done.stderr
    before, after = read_model(first), read_model(second)
    assert after.header.training_data.parent == before.reference
    assert after.header.network == before.header.network
    own = {"epochs": 2, "lr": 0.002, "batch_size": 20}
    assert after.header.optimization == before.header.optimization.model_copy(update=own)
    losses = [json.loads(line)["train_loss"] for line in (tmp_path / "second.run" / "history.jsonl").open()]
    start_of_first = json.loads((tmp_path / "first.run" / "history.jsonl").open().readline())["train_loss"]
    assert losses[0] < 0.8 * start_of_first

    done = job("train", *more, "--hidden-size", "4")
    assert done.returncode == 2
    assert re.fullmatch(
        r"error: --init-from \S+ takes all but lr, batch_size, epochs from the model, which has hidden_size \d+ "
        r"\(found 4\); remove what differs\n",
        done.stderr,
    )


def test_without_a_terminal_there_is_no_progress_bar(beats: Path, tmp_path: Path):
    lines = start(beats, tmp_path / "m.safetensors", "--epochs", "2").finish().splitlines()
    assert lines
    assert all(" INFO stage=" in line for line in lines)


def test_a_locale_that_cannot_write_a_character_ends_no_training(beats: Path, tmp_path: Path):
    ascii_only = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    model = tmp_path / "mod\u00e8le.safetensors"
    done = job("train", "--beats", beats, "--model", model, *SMALL, "--epochs", "1", **ascii_only)
    assert done.returncode == 0, done.stderr
    assert "train_accuracy" in done.stdout
    assert "Traceback" not in done.stderr
    assert model.exists()


def test_an_interrupt_is_one_line(capsys: pytest.CaptureFixture[str]):
    def main(_: object) -> None:
        raise KeyboardInterrupt

    assert run_job(main, []) == 130
    assert capsys.readouterr().err == "error: stopped on request (SIGINT)\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_what_ends_a_job_although_what_was_under_way_fails_of_it(number: int, code: int):
    program = (
        "import os\n"
        "from lstm_fcn.console import run_command\n"
        "def main(_):\n"
        "    try:\n"
        f"        os.kill(os.getpid(), {int(number)})\n"
        "    finally:\n"
        "        raise TypeError('an answer to another question')\n"
        "run_command(main)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    name = signal.Signals(number).name
    assert (done.returncode, done.stderr) == (code, f"error: stopped on request ({name})\n")


def test_an_error_is_no_signal_although_a_part_of_the_program_wanted_to_exit():
    def main(_: object) -> None:
        try:
            sys.exit(3)
        except SystemExit as error:
            raise ValueError("the model has no classes") from error

    with pytest.raises(ValueError, match="the model has no classes"):
        run_job(main, [])

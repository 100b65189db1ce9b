"""The training job killed, stopped and out of disk, as real processes."""

import json
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lstm_fcn.modelfile import read_model
from tests.test_training import bumps

ROOT = Path(__file__).parents[2]
SMALL = [
    *("--hidden-size", "8", "--filters-1", "8", "--filters-2", "8", "--filters-3", "8"),
    *("--batch-size", "10", "--threads", "1", "--averaging", "0.9"),
]


@pytest.fixture(scope="module")
def beats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("beats") / "beats.csv"
    beats = bumps([80] * 5)
    np.savetxt(path, np.column_stack([beats.series, beats.labels]), delimiter=",", fmt="%.4g")
    return path


def start(beats: Path, model: Path, *arguments: str, **options: object) -> "subprocess.Popen[str]":
    command = [sys.executable, ROOT / "jobs" / "train.py", "--beats", beats, "--model", model, *SMALL, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def finish(process: "subprocess.Popen[str]") -> tuple[int, str]:
    _, told = process.communicate(timeout=300)
    return process.returncode, told


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    for _ in range(6000):
        if condition():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    raise TimeoutError


def test_killed_in_mid_epoch_it_goes_on_to_the_same_model(beats: Path, tmp_path: Path):
    often = ["--epochs", "6", "--validation-share", "0.2", "--checkpoint-seconds", "0"]
    whole, killed = tmp_path / "whole" / "m.safetensors", tmp_path / "killed" / "m.safetensors"
    assert finish(start(beats, whole, *often))[0] == 0

    history, checkpoint = tmp_path / "killed" / "m.run" / "history.jsonl", tmp_path / "killed" / "m.run"
    for epochs in (1, 3):
        process = start(beats, killed, *often)
        wait_for(lambda: history.exists() and len(history.read_text().splitlines()) >= epochs, process)  # noqa: B023
        time.sleep(0.05)  # some steps into the next epoch
        process.kill()
        assert finish(process)[0] == -signal.SIGKILL
        assert not killed.exists()
        assert (checkpoint / "checkpoint.safetensors").exists()
    code, told = finish(start(beats, killed, *often))
    assert code == 0, told
    assert killed.read_bytes() == whole.read_bytes()
    assert len(history.read_text().splitlines()) == 6
    assert not (checkpoint / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_saves_itself_and_exits_with_143(beats: Path, tmp_path: Path, number: int):
    model, checkpoint = tmp_path / "m.safetensors", tmp_path / "m.run" / "checkpoint.safetensors"
    process = start(beats, model, "--epochs", "1000", "--checkpoint-seconds", "1000")
    wait_for((tmp_path / "m.run" / "history.jsonl").exists, process)
    assert not checkpoint.exists()
    process.send_signal(number)
    code, told = finish(process)
    assert code == 143
    assert told.splitlines()[-1].startswith("error: stopped in epoch ")
    assert checkpoint.exists()
    assert not model.exists()

    code, told = finish(start(beats, model, "--epochs", "1000", "--lr", "0.1"))
    assert code == 2
    assert "lr: 0.001 there, 0.1 here" in told


def test_a_full_disk_is_one_clear_line_and_the_old_model_survives(beats: Path, tmp_path: Path):
    def no_file_above_20_kb() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    model = tmp_path / "m.safetensors"
    model.write_bytes(b"the old one")
    code, told = finish(start(beats, model, "--epochs", "1", preexec_fn=no_file_above_20_kb))
    assert code == 5
    expected = (
        r"error: cannot write .*m\.safetensors \(\d\d,\d\d\d bytes\): File too large; the one that was there is un"
    )
    assert re.match(expected, told.splitlines()[-1])
    assert model.read_bytes() == b"the old one"
    assert {file.name for file in tmp_path.iterdir()} == {"m.run", "m.safetensors"}


def test_it_trains_on_from_a_model(beats: Path, tmp_path: Path):
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    assert finish(start(beats, first, "--epochs", "4", "--class-weights", "sqrt", "--lr", "0.01"))[0] == 0
    command = [sys.executable, str(ROOT / "jobs" / "train.py"), "--beats", str(beats), "--model", str(second)]
    more = [*command, "--init-from", str(first), "--epochs", "2", "--lr", "0.002", "--batch-size", "20"]
    done = subprocess.run(more, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    before, after = read_model(first), read_model(second)
    assert after.header.training_data.parent == before.reference
    assert after.header.network == before.header.network
    own = {"epochs": 2, "lr": 0.002, "batch_size": 20}
    assert after.header.optimization == before.header.optimization.model_copy(update=own)
    losses = [json.loads(line)["train_loss"] for line in (tmp_path / "second.run" / "history.jsonl").open()]
    start_of_first = json.loads((tmp_path / "first.run" / "history.jsonl").open().readline())["train_loss"]
    assert losses[0] < 0.8 * start_of_first

    done = subprocess.run([*more, "--hidden-size", "4"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(
        "error: --init-from takes all but lr, batch_size and epochs from the model; remove hid"
    )


def test_without_a_terminal_there_is_no_progress_bar(beats: Path, tmp_path: Path):
    code, told = finish(start(beats, tmp_path / "m.safetensors", "--epochs", "2"))
    assert code == 0
    assert all(" INFO stage=" in line for line in told.splitlines())

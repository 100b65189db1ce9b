"""The export job as its users start it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lstm_fcn.inference.onnx_export import onnx_file
from lstm_fcn.model.file import read_model
from tests.processes import ROOT, JobHere, job, start

WATCHED = """
import json, sys
asked = []
names = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
sys.addaudithook(lambda event, given: asked.append(f"{event} {given}") if event in names else None)
from jobs import export
export.main(sys.argv[1:])
print(json.dumps(asked))
"""


def test_an_onnx_file_is_written_and_replaced_whole(job_here: JobHere, model_file: Path, tmp_path: Path):
    path = tmp_path / "new" / "m.onnx"
    for _ in range(2):
        done = job_here("export", "--model", model_file, "--output", path)
        assert done.returncode == 0, done.stderr
        assert "stage=export model=small@" in done.stderr
        assert path.read_bytes() == onnx_file(read_model(model_file))
        assert list(path.parent.iterdir()) == [path]


def test_a_model_that_is_not_there_exits_with_4(tmp_path: Path):
    done = job("export", "--model", "mitbh", "--output", tmp_path / "m.onnx")
    assert done.returncode == 4
    assert done.stderr == (
        "error: no model file at mitbh, and no pretrained model of that name; did you mean 'mitbih'?\n"
    )
    assert not list(tmp_path.iterdir())


def test_an_output_that_is_a_folder_exits_with_2(job_here: JobHere, tmp_path: Path):
    (tmp_path / "m.onnx").mkdir()
    done = job_here("export", "--model", "mitbih", "--output", tmp_path / "m.onnx")
    assert done.returncode == 2
    assert done.stderr == f"error: expected --output to name a file, found the folder {tmp_path / 'm.onnx'}\n"


@pytest.mark.parametrize(
    ("package", "extra", "arguments"),
    [("onnx", "int8", ["--output", "m.onnx"]), ("mlflow", "mlflow", ["--mlflow", "m"])],
)
def test_an_extra_that_is_missing_is_named(package: str, extra: str, arguments: list[str], tmp_path: Path):
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError('none', name='{package}')")
    flag, name = arguments
    done = job("export", "--model", "mitbih", flag, tmp_path / name, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == f"error: this needs {package}, which is not installed here: pip install 'lstm-fcn[{extra}]'\n"
    assert not (tmp_path / name).exists()


def test_mlflow_gets_the_model_and_nobody_else_hears_of_it(model_file: Path, tmp_path: Path):
    arguments = ["--model", model_file, "--mlflow", tmp_path / "m", "--mlflow-uri", tmp_path / "store"]
    # Where it finds the marks of a test or a CI, MLflow is silent by itself.
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *map(str, arguments), "--mlflow-name", "ecg"],
        env={**environment, "MLFLOW_ALLOW_FILE_STORE": "true"},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    uri, asked = done.stdout.splitlines()
    assert (uri, json.loads(asked)) == ("models:/ecg/1", [])
    assert (tmp_path / "m" / "MLmodel").exists()
    assert (tmp_path / "store" / "models" / "ecg" / "version-1").is_dir()


def test_a_full_disk_exits_with_5_and_leaves_nothing(model_file: Path, tmp_path: Path):
    path = tmp_path / "there" / "m"
    path.parent.mkdir()
    # The model is smaller, but not the pretrained ones beside the code.
    lines = start("export", "--model", model_file, "--mlflow", path, largest_file=400_000).finish(5).splitlines()
    assert lines[-1].startswith(f"error: cannot write the MLflow model {path}: ")
    assert not list(path.parent.iterdir())


def test_a_store_that_does_not_take_the_model_exits_with_5(job_here: JobHere, tmp_path: Path):
    done = job_here("export", "--model", "mitbih", "--mlflow-uri", "odd://store")
    assert done.returncode == 5
    assert done.stderr.splitlines()[-1].startswith("error: cannot log the model to odd://store: ")

"""Where `make` takes torch from, what it reports of it, and what it refuses to pack."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
CPU_BUILD = "TORCH_INDEX=https://download.pytorch.org/whl/cpu"
VERSION = re.findall(r"(?m)^torch==(\S+)", (ROOT / "conf" / "constraints.txt").read_text())[0]
SITE_PACKAGES = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
# Stands for the environment's Python: prints what it is asked to do and does it where that is quick. pip only chooses.
PYTHON = f"""#!/bin/sh
echo "ran: $*"
case "$*" in
    *torch_build.py*) exec {sys.executable} "$@" ;;
    *" torch") exec {sys.executable} "$@" --dry-run --ignore-installed --report chosen.json ;;
    *"pip wheel"*) mkdir dist ;;
    *pack_environment.py*) touch dist/environment.tar.gz ;;
esac
"""


def install(environment: Path, name: str, version: str, files: dict[str, int]) -> None:
    """Leave behind what pip leaves behind for a package, with files of so many MiB."""
    folder = environment / SITE_PACKAGES
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    for file, size in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        with (folder / file).open("wb") as sparse:
            sparse.truncate(size * 2**20)


def install_torch(environment: Path, cuda: str | None) -> None:
    install(environment, "torch", "2.13.0" if cuda else "2.13.0+cpu", {"torch/lib/libtorch.so": 1100})
    (environment / SITE_PACKAGES / "torch" / "version.py").write_text(f"cuda = {cuda!r}\n")
    install(environment, "numpy", "2.2.6", {"numpy/core.so": 30})
    if cuda:
        install(environment, "nvidia_cublas", "13.1.1.3", {"nvidia/libcublas.so": 2000})
        install(environment, "triton", "3.7.1", {"triton/libtriton.so": 500})
        install(environment, "cuda-bindings", "13.0.3", {"cuda/bindings.so": 7})


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what `make setup` and `make dist` read, with a Python that does not install."""
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    for name in ("Makefile", "LICENSE", "NOTICE", "README.md", "pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("__init__.py", "README.md", "data/README.md", "model/pretrained/README.md"):
        (tmp_path / "lstm_fcn" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lstm_fcn" / name).touch()
    (tmp_path / "python").write_text(PYTHON)
    (tmp_path / "python").chmod(0o755)
    return tmp_path


def make(copy: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    outer = ("MAKE", "TORCH_INDEX", "CUDA", "SPARK")
    env = {name: value for name, value in os.environ.items() if not name.startswith(outer)} | settings
    command = ["make", "PYTHON=./python", "RUN=./python", *arguments]
    return subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True, check=False)


def installs(done: subprocess.CompletedProcess[str]) -> list[str]:
    """List what pip was asked to install, by the last words of each command."""
    return [line.rpartition(".txt ")[2] for line in done.stdout.splitlines() if line.startswith("ran: -m pip install")]


def lay_out(index: Path, version: str) -> str:
    """Write an index whose only package is torch, in this version, and return its URL."""
    (index / "torch").mkdir(parents=True)
    with ZipFile(index / "torch" / f"torch-{version}-py3-none-any.whl", "w") as wheel:
        info = f"torch-{version}.dist-info"
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return index.as_uri()


@pytest.mark.parametrize(
    ("cuda", "expected"),
    [
        (None, "torch 2.13.0 (CPU build), 1,100 MiB in .venv"),
        (
            "13.0",
            "torch 2.13.0 (CUDA 13.0 build), 3,607 MiB in .venv, 2,507 of them CUDA's own libraries, which only "
            f"--device cuda needs; a CPU build without them: make clean setup {CPU_BUILD}",
        ),
    ],
    ids=["CPU", "CUDA"],
)
def test_setup_ends_with_one_line_on_the_build_that_it_installed(copy: Path, cuda: str | None, expected: str):
    install_torch(copy / ".venv", cuda)
    done = make(copy, "setup")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == expected
    assert "torch" not in make(copy, "setup").stdout


def test_libraries_that_an_earlier_cuda_build_left_behind_are_reported_too(copy: Path):
    install_torch(copy / ".venv", None)
    install(copy / ".venv", "nvidia_cublas", "13.1.1.3", {"nvidia/libcublas.so": 2000})
    line = make(copy, "setup").stdout.splitlines()[-1]
    assert line.startswith("torch 2.13.0 (CPU build), 3,100 MiB in .venv, 2,000 of them CUDA's own libraries")
    assert make(copy, "dist").returncode == 0


def test_setup_without_an_index_for_torch_leaves_the_choice_to_pip(copy: Path):
    install_torch(copy / ".venv", None)
    assert installs(make(copy, "setup")) == ["-e .[dev]"]


def test_torch_comes_from_its_index_alone_and_all_else_from_where_pip_takes_it(copy: Path):
    install_torch(copy / ".venv", None)
    url, other = lay_out(copy / "cpu", f"{VERSION}+cpu"), lay_out(copy / "other", f"{VERSION}+cu130")
    pips_own = {"PIP_INDEX_URL": other, "PIP_EXTRA_INDEX_URL": other, "PIP_FIND_LINKS": f"{other}/torch"}
    done = make(copy, "setup", f"TORCH_INDEX={url}", **pips_own)
    assert done.returncode == 0, done.stderr
    (chosen,) = json.loads((copy / "chosen.json").read_text())["install"]
    assert unquote(chosen["download_info"]["url"]) == f"{url}/torch/torch-{VERSION}+cpu-py3-none-any.whl"
    assert installs(done) == ["--no-index --no-deps --upgrade torch", "-e .[dev]"]


def test_an_index_without_the_pinned_torch_is_refused(copy: Path):
    install_torch(copy / ".venv", None)
    url = lay_out(copy / "old", "2.4.0+cpu")
    done = make(copy, "setup", f"TORCH_INDEX={url}/")
    assert done.returncode == 2
    assert f"\nerror: pip took no torch from {url}/torch/, where the one of conf/constraints.txt" in done.stderr
    assert CPU_BUILD in done.stderr
    assert "-e .[dev]" not in installs(done)
    assert not (copy / ".venv" / ".installed").exists()


def test_dist_refuses_a_cuda_build_before_it_packs_anything(copy: Path):
    install_torch(copy / ".venv", "13.0")
    assert make(copy, "setup").returncode == 0
    done = make(copy, "dist")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "error: expected a CPU build of torch, found a CUDA build of 3,607 MiB for each executor\n"
        f"    pack a CPU build: make clean dist {CPU_BUILD}; pack this one: make dist CUDA=yes\n"
    )
    assert "pip wheel" not in done.stdout + done.stderr
    assert not (copy / "dist").exists()


@pytest.mark.parametrize(("cuda", "asked"), [(None, []), ("13.0", ["CUDA=yes"])])
def test_dist_packs_a_cpu_build_and_a_cuda_build_that_is_asked_for(copy: Path, cuda: str | None, asked: list[str]):
    install_torch(copy / ".venv", cuda)
    done = make(copy, "dist", *asked)
    assert done.returncode == 0, done.stderr
    assert (copy / "dist" / "environment.tar.gz").exists()


def test_a_changed_readme_does_not_pack_again_and_changed_code_does(copy: Path):
    install_torch(copy / ".venv", None)
    assert make(copy, "dist").returncode == 0
    later = time.time() + 60
    readmes = list(copy.rglob("README.md"))
    assert len(readmes) >= 4
    for readme in readmes:
        os.utime(readme, (later, later))
    assert make(copy, "--question", "dist").returncode == 0
    os.utime(copy / "lstm_fcn" / "__init__.py", (later, later))
    assert make(copy, "--question", "dist").returncode == 1

"""The wheel, built and looked into; the package as it is imported from there."""

import os
import re
import shutil
import subprocess
import sys
from email.message import Message
from email.parser import Parser
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest

import lstm_fcn
from lstm_fcn.errors import _EXTRA_OF_MODULE

ROOT = Path(__file__).parents[1]
INFO = f"lstm_fcn-{lstm_fcn.__version__}.dist-info"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy with the tests beside the package, since building leaves files behind."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("lstm_fcn", "jobs", "tests", "conf"):
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, folder / "source")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", folder / "dist", folder / "source"], check=True)
    (built,) = (folder / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    return set(ZipFile(wheel).namelist())


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    return Parser().parsestr(ZipFile(wheel).read(f"{INFO}/METADATA").decode())


def test_every_file_of_the_package_but_its_readmes_is_in_the_wheel_and_nothing_else(names: set[str]):
    of_package = [path for path in (ROOT / "lstm_fcn").rglob("*.*") if path.name != "README.md"]
    assert {name for name in names if not name.startswith(f"{INFO}/")} == {
        str(PurePosixPath(path.relative_to(ROOT))) for path in of_package if "__pycache__" not in path.parts
    }
    assert {
        "lstm_fcn/py.typed",
        "lstm_fcn/data/published_test_beats.npz",
        "lstm_fcn/model/pretrained/mitbih.safetensors",
        "lstm_fcn/model/pretrained/mitbih-inter-patient.safetensors",
        "lstm_fcn/model/pretrained/mitbih-small.safetensors",
    } <= names


def test_licence_and_attribution_of_the_database_are_in_the_wheel(wheel: Path):
    assert ZipFile(wheel).read(f"{INFO}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    notice = ZipFile(wheel).read(f"{INFO}/licenses/NOTICE").decode()
    assert "MIT-BIH Arrhythmia Database" in notice
    assert "ODC Attribution License" in notice
    assert "Moody GB, Mark RG." in notice
    assert "Goldberger AL" in notice


def test_the_version_is_semantic_and_written_in_one_place(wheel: Path, metadata: Message):
    version = lstm_fcn.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert metadata["Version"] == version
    assert wheel.name == f"lstm_fcn-{version}-py3-none-any.whl"
    assert f"## {version}," in (ROOT / "CHANGELOG.md").read_text()
    places = [path for path in (ROOT / "lstm_fcn").rglob("*.py") if f'"{version}"' in path.read_text()]
    assert places == [ROOT / "lstm_fcn" / "__init__.py"]
    assert version not in (ROOT / "setup.py").read_text() + (ROOT / "pyproject.toml").read_text()


def test_the_extras_that_messages_and_readmes_name_are_there(metadata: Message):
    extras = set(metadata.get_all("Provides-Extra", []))
    tops = ("conf", "jobs", "lstm_fcn", "tests")
    readmes = [ROOT / "README.md", *(path for top in tops for path in (ROOT / top).rglob("README.md"))]
    text = "\n".join(path.read_text() for path in readmes)
    named = set(re.findall(r"(?:lstm-fcn|\.)\[([a-z0-9]+)\]", text))
    assert named | set(_EXTRA_OF_MODULE.values()) | {"int8"} <= extras
    required = metadata.get_all("Requires-Dist", [])
    assert any(each.startswith("onnxruntime") and 'extra == "int8"' in each for each in required)
    assert any(each.startswith("torch") and "extra" not in each for each in required)
    # Serverless compute of Databricks ends a session that installs it.
    assert all("extra" in each for each in required if each.startswith("pyspark"))


def test_importing_the_package_takes_a_fifth_of_a_second_at_most_and_loads_neither_torch_nor_pyspark(
    wheel: Path, tmp_path: Path
):
    ZipFile(wheel).extractall(tmp_path)
    script = (
        "import sys, time; began = time.process_time(); import lstm_fcn; seconds = time.process_time() - began\n"
        "loaded = sorted({'torch', 'pyspark', 'numpy', 'pandas'} & set(sys.modules))\n"
        "import torch, pyspark  # which are there\n"
        "print(lstm_fcn.__file__, lstm_fcn.__version__, loaded, f'{seconds:.3f}', sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    place, version, loaded, seconds = done.stdout.splitlines()
    print(f"import lstm_fcn takes {seconds} s")  # noqa: T201, for those who look (-rP)
    assert float(seconds) < 0.2
    assert Path(place) == tmp_path / "lstm_fcn" / "__init__.py"
    assert version == lstm_fcn.__version__
    assert loaded == "[]"


def test_the_front_door_opens_to_the_classifier_and_to_models():
    from lstm_fcn import LSTMFCNClassifier, load_model

    assert LSTMFCNClassifier().get_params()["epochs"] > 0
    assert load_model("mitbih").header.name == "mitbih"
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        from lstm_fcn import nothing  # noqa: F401

"""The first thing that `make` runs on a new machine."""

import os
import subprocess
import sys
from pathlib import Path

CHECK = Path(__file__).parents[1] / ".ci" / "check-machine"


def check(python: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **environment}
    return subprocess.run([str(CHECK), python], capture_output=True, text=True, env=environment, check=False)


def test_this_machine_has_what_is_needed():
    done = check(sys.executable)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_a_missing_python_is_named_with_how_to_get_it(tmp_path: Path):
    done = check(str(tmp_path / "python3.11"))
    assert done.returncode == 1
    assert "missing: Python 3.10, 3.11 or 3.12" in done.stderr
    assert "get it: apt-get install python3.11" in done.stderr


def test_a_missing_java_is_named_with_how_to_get_it(tmp_path: Path):
    done = check(sys.executable, JAVA_HOME=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("missing: Java 17 or later")
    assert "get it: apt-get install openjdk-17-jre-headless" in done.stderr


def test_an_old_java_is_not_enough(tmp_path: Path):
    (tmp_path / "bin").mkdir()
    java = tmp_path / "bin" / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)
    assert "is: 11)" in check(sys.executable, JAVA_HOME=str(tmp_path)).stderr

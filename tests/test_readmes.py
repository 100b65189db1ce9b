"""The README files: every link leads somewhere, every command is one that its program takes, every example runs.

What is done with a command follows from its program:

- a job's options are parsed by that job's settings, and a job that reads nothing but what ships is run;
- `make` must know the target and the variables (`make -n`);
- any other script, and each file or folder of tests, must be there;
- programs from elsewhere (`OTHERS`) are only named.

A block of Python is compiled, and what it imports from here must be there. It is run where all other names that it uses
are among those that `given` makes.
"""

import ast
import builtins
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import yaml

from lstm_fcn.settings.sources import JobSettings, load_settings
from tests.beat_tables import make_beats
from tests.context_beats import make_contexts
from tests.processes import ROOT, run_here

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

READMES = [
    ROOT / "README.md",
    *(file for top in ("conf", "jobs", "lstm_fcn", "tests") for file in ROOT.glob(f"{top}/**/README.md")),
]
JOBS = sorted(file.stem for file in (ROOT / "jobs").glob("*.py"))
OTHERS = {".", ".venv-airflow/bin/pip", "mlflow", "python3"}
AVOIDED = {"called", "judge", "judged", "judges", "judging", "tell", "telling", "tells", "told"}
"""Words for which the field has others: predicted, evaluated, describe, report."""

ROWS = 6


def name_of(readme: Path) -> str:
    return str(readme.relative_to(ROOT))


def blocks(readme: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", readme.read_text(), flags=re.MULTILINE | re.DOTALL)


def prose(readme: Path) -> str:
    return re.sub(r"^```.*?^```$", "", readme.read_text(), flags=re.MULTILINE | re.DOTALL)


def inline_code(readme: Path) -> list[str]:
    """What is set as code in the prose, but for the texts of links."""
    text = re.sub(r"\[[^\[\]]*\]\([^()\s]+\)", "", prose(readme))
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", text)]


def commands(readme: Path) -> Iterator[list[str]]:
    for block in blocks(readme, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            if words := shlex.split(re.sub(r"(^|\s)#.*", "", line)):  # a '#' within a word begins no comment
                yield words


def options_of(words: list[str]) -> tuple[str, list[str]] | None:
    """The job that a command runs, and its options."""
    for place, word in enumerate(words):
        if match := re.fullmatch(r"jobs/(\w+)\.py", word):
            return match[1], words[place + 1 :]
    return None


def settings_of(job: str) -> type[JobSettings]:
    name = f"{job.title().replace('_', '')}Settings"
    found: type[JobSettings] = getattr(import_module(f"lstm_fcn.settings.{job}"), name)
    return found


def flags_of(job: str) -> set[str]:
    return {"--help"} | {"--" + name.replace("_", "-") for name in settings_of(job).model_fields}


def anchors(readme: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", prose(readme), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def free_names(code: str) -> set[str]:
    """What a block uses and does not make."""
    made, used = set(dir(builtins)), set[str]()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else made).add(node.id)
        elif isinstance(node, ast.alias):
            made.add(node.asname or node.name)
    return used - made


COMMANDS = [
    pytest.param(words, id=f"{name_of(file)}: {' '.join(words)}") for file in READMES for words in commands(file)
]
BLOCKS = [
    pytest.param(code, id=f"{name_of(file)}, block {number}")
    for file in READMES
    for number, code in enumerate(blocks(file, "python"), start=1)
]
GIVEN = {"spark", "series", "X", "y", "X_valid", "y_valid"}
EXAMPLES = [block for block in BLOCKS if free_names(str(block.values[0])) <= GIVEN]


@pytest.fixture
def given(request: pytest.FixtureRequest) -> Callable[[set[str]], dict[str, Any]]:
    """Make what an example needs: beats as arrays, and as tables of a session."""
    beats = make_beats(10)

    def make(names: set[str]) -> dict[str, Any]:
        found = {"series": beats.series[:ROWS], "X": beats.series, "y": beats.labels}
        found |= {"X_valid": beats.series, "y_valid": beats.labels}
        if "spark" in names:
            found["spark"] = request.getfixturevalue("catalog")
        return {name: found[name] for name in names}

    return make


@pytest.fixture(scope="module")
def catalog(spark: "SparkSession") -> Iterator["SparkSession"]:
    """A session with a small table `ecg.beats`, and a table `ecg.signals` of one record."""
    contexts = make_contexts(np.resize([0, 1, 2], ROWS))
    rows = [("100", i, series.tolist(), contexts[i].tolist()) for i, series in enumerate(make_beats(ROWS).series)]
    spark.sql("CREATE DATABASE ecg")
    table = spark.createDataFrame(rows, "record string, sample long, beat array<float>, context_1 array<float>")
    table.write.format("parquet").saveAsTable("ecg.beats")
    signal = [float(i % 250 < 5) for i in range(250 * (ROWS + 1))]  # the last beat makes no row
    signals = spark.createDataFrame([("a", 250.0, signal)], "record string, fs double, signal array<float>")
    signals.write.format("parquet").saveAsTable("ecg.signals")
    yield spark
    spark.sql("DROP DATABASE ecg CASCADE")


def test_the_front_page_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 130


@pytest.mark.parametrize("readme", READMES, ids=name_of)
def test_every_link_leads_somewhere(readme: Path):
    links = re.findall(r"\]\(([^()\s]+)\)", re.sub(r"`[^`]+`", "", prose(readme)))
    assert links, "no link was found"
    for link in links:
        if "://" in link:
            parts = urlsplit(link)
            assert parts.scheme == "https", link
            assert "." in parts.netloc, link
            continue
        path, _, anchor = link.partition("#")
        target = (readme.parent / path).resolve() if path else readme
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("readme", READMES, ids=name_of)
def test_every_file_that_is_named_is_there(readme: Path):
    places = (ROOT, readme.parent, ROOT / "jobs")
    for code in inline_code(readme):
        file = code.split()[0]
        if re.fullmatch(r"[\w./-]+\.(py|ya?ml|conf|properties|npz)", file):
            assert any((place / file).exists() for place in places), code


@pytest.mark.parametrize("readme", READMES, ids=name_of)
def test_every_option_that_is_named_is_one_of_a_job(readme: Path):
    known = set.union(*map(flags_of, JOBS))
    for code in inline_code(readme):
        job = re.match(r"(?:jobs/)?(\w+)\.py ", code)
        for flag in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", code):
            assert flag in (flags_of(job[1]) if job and job[1] in JOBS else known), code


@pytest.mark.parametrize("readme", READMES, ids=name_of)
def test_the_fields_words_are_used(readme: Path):
    words = re.findall(r"[a-z]+", re.sub(r"`[^`]+`", "", prose(readme)).lower())
    assert sorted(AVOIDED & set(words)) == []


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_is_one_that_its_program_takes(
    words: list[str], pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(ROOT)
    if job := options_of(words):
        load_settings(settings_of(job[0]), job[1], job[0])
    elif words[0] == "make":
        require_make(words[1:])
    elif words[:3] == [".venv/bin/python", "-m", "pytest"]:
        require_tests(words[3:], {line.partition(":")[0] for line in pytestconfig.getini("markers")})
    elif words[0] in ("python", ".venv/bin/python"):
        assert Path(words[1]).exists()
    else:
        assert words[0] in OTHERS


def require_make(words: list[str]) -> None:
    names = {word.partition("=")[0] for word in words if "=" in word}
    assert names <= set(re.findall(r"^(\w+) \?=", Path("Makefile").read_text(), flags=re.MULTILINE))
    outside_make = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(["make", "-n", *words], env=outside_make, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def require_tests(words: list[str], markers: set[str]) -> None:
    places = [word for word in words if word.startswith("tests")]
    assert [place for place in places if not Path(place).exists()] == []
    named = {marker for option, marker in pairwise(words) if option == "-m"}
    assert named <= markers


RUNNABLE = [
    command
    for command in COMMANDS
    if (job := options_of(command.values[0]))
    and (job[0] == "simulate" or (job[0] == "export" and "--output" in job[1]))
]


@pytest.mark.parametrize("words", RUNNABLE)
def test_a_job_that_needs_only_what_ships_runs(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").symlink_to(ROOT / "conf")
    job, options = options_of(words)
    done = run_here(job, *options)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / options[options.index("--output") + 1]).exists()


@pytest.mark.parametrize("code", BLOCKS)
def test_an_example_imports_what_is_there(code: str):
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("lstm_fcn"):
            module = import_module(str(node.module))
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example_runs(
    code: str, given: Callable[[set[str]], dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    names = given(free_names(code))
    here = re.sub(r'"/(?=\w)', f'"{tmp_path}/', code)  # an example writes nothing outside the test's folder
    exec(compile(here, "an example", "exec"), names)  # noqa: S102 - it is our own
    if "predictions" in names:
        assert names["predictions"].where("error IS NULL").count() == ROWS
    if "probabilities" in names:
        np.testing.assert_allclose(names["probabilities"].sum(axis=1), np.ones(ROWS), rtol=1e-5)


def test_the_notebooks_lines_the_library_and_both_jobs_are_among_those_that_run():
    assert {free for block in EXAMPLES for free in free_names(block.values[0])} == GIVEN
    assert {options_of(command.values[0])[0] for command in RUNNABLE} == {"export", "simulate"}


def test_a_settings_file_that_is_shown_is_one_that_its_job_takes(tmp_path: Path):
    shown = [block for readme in READMES for block in blocks(readme, "yaml")]
    assert shown
    for block in shown:
        job = re.match(r"# .* for (\w+)\.py\n", block)
        assert job, "expected the first line to name the job"
        (tmp_path / "shown.yaml").write_text(block)
        settings = load_settings(settings_of(job[1]), ["--config", str(tmp_path / "shown.yaml")], job[1])
        assert yaml.safe_load(block).keys() <= settings.model_fields_set


def test_the_table_of_the_rooms_has_every_module_of_each():
    rows = re.findall(
        r"^\| \[`([\w/]+)/`\]\(\S+\) \|.*\| (.*) \|$", prose(ROOT / "lstm_fcn" / "README.md"), re.MULTILINE
    )
    assert len(rows) > 7
    for room, modules in rows:
        entries = [entry for entry in (ROOT / "lstm_fcn" / room).iterdir() if not entry.name.startswith(("_", "."))]
        there = {entry.stem for entry in entries if entry.is_dir() or entry.suffix == ".py"}
        assert set(re.findall(r"`(\w+)`", modules)) == there, room

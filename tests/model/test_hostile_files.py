"""Model files that somebody made to do harm: they run no code, name no paths and allocate little."""

import io
import json
import pickle
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from lstm_fcn.errors import ModelError
from lstm_fcn.inference.engine import Engine
from lstm_fcn.model.file import METADATA_KEY, Model, parse_model

ROOT = Path(__file__).parents[2]


def split(content: bytes) -> tuple[dict, bytes]:
    size = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def join(table: object, data: bytes) -> bytes:
    text = table if isinstance(table, bytes) else json.dumps(table).encode()
    return len(text).to_bytes(8, "little") + text + data


def with_header(content: bytes, change: Callable[[dict], None]) -> bytes:
    """The file with another header of ours in it."""
    table, data = split(content)
    header = json.loads(table["__metadata__"][METADATA_KEY])
    change(header)
    table["__metadata__"][METADATA_KEY] = json.dumps(header)
    return join(table, data)


def fuzzed(content: bytes, seed: int) -> bytes:
    """The file truncated, with bits flipped, bytes replaced, or one value of its tables replaced."""
    draw = random.Random(seed)  # noqa: S311
    size, changed = int.from_bytes(content[:8], "little"), bytearray(content)
    kind = seed % 5
    if kind == 0:
        return content[: draw.randrange(len(content))]
    if kind == 1:
        for _ in range(draw.randint(1, 20)):
            changed[draw.randrange(8 + size)] ^= 1 << draw.randrange(8)
        return bytes(changed)
    if kind == 2:
        start = draw.randrange(len(content))
        run = draw.randbytes(draw.randint(1, 200))
        return bytes(changed[:start] + run + changed[start + len(run) :])
    if kind == 3:
        for _ in range(draw.randint(1, 50)):
            changed[draw.randrange(8 + size, len(content))] ^= 1 << draw.randrange(8)
        return bytes(changed)
    table, data = split(content)
    header = json.loads(table["__metadata__"][METADATA_KEY])
    inner: object = draw.choice([header, header["network"], header["training_data"], header["scaling"], table])
    assert isinstance(inner, dict)
    wrong = [None, -1, 0, 10**30, 1.5, "x" * 50, [], {}, [[[]]], True, "../../etc/passwd", float("nan")]
    inner[draw.choice(sorted(inner))] = draw.choice(wrong)
    if inner is not table:
        table["__metadata__"][METADATA_KEY] = json.dumps(header)
    return join(table, data)


def is_refused(content: bytes) -> bool:
    beat = np.linspace(0, 1, 187, dtype=np.float32)[None]
    try:
        found = parse_model(content, "m.safetensors")
    except ModelError as error:
        assert str(error).startswith("m.safetensors")
        assert len(str(error)) < 1_000
        assert "\n" not in str(error)
        return True
    assert Engine(found).probabilities(beat).shape == (1, 5)
    return False


@pytest.mark.parametrize("part", range(10))
def test_a_fuzzed_file_is_refused_in_one_line_or_is_a_whole_model(model: Model, part: int):
    refused = [is_refused(fuzzed(model.content, seed)) for seed in range(part * 50, part * 50 + 50)]
    assert 20 <= sum(refused) < 50  # bits that flip in weights leave weights


class Harm:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple:
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_refused_and_not_run(tmp_path: Path, protocol: int):
    marker = tmp_path / "marker"
    with pytest.raises(ModelError):
        parse_model(pickle.dumps(Harm(marker), protocol), "m")
    saved = io.BytesIO()
    torch.save(Harm(marker), saved, pickle_protocol=max(protocol, 2))
    with pytest.raises(ModelError):
        parse_model(saved.getvalue(), "m")
    assert not marker.exists()
    pickle.loads(pickle.dumps(Harm(marker), protocol))
    assert marker.exists()  # it would have been


def big_claims(content: bytes) -> dict[str, bytes]:
    table, data = split(content)
    most = dict.fromkeys(("filters_1", "filters_2", "filters_3", "hidden_size"), 2048)
    many = {
        f"tensor_{i}": {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, 4 * 10**12]} for i in range(9000)
    }
    return {
        "a header longer than the file": (2**62).to_bytes(8, "little") + content[8:],
        "the largest network": with_header(
            content, lambda h: h["network"].update(most, length=1_000_000, num_layers=8)
        ),
        "huge tensors": join({**table, **many}, data),
        "a huge offset": join({**table, "head.bias": {"dtype": "F32", "shape": [5], "data_offsets": [0, 2**62]}}, data),
        "deep nesting": join(b'{"a":' + b"[" * 400_000 + b"]" * 400_000 + b"}", data),
        "a huge number": join(b'{"a":' + b"9" * 900_000 + b"}", data),
        "many classes": with_header(content, lambda h: h.update(classes=["c"] * 100_000)),
        "a long name": with_header(content, lambda h: h.update(name="n" * 900_000)),
    }


WATCHED = """
import resource, sys
from pathlib import Path
from lstm_fcn.errors import ModelError
from lstm_fcn.model.file import parse_model

good, hostile = (Path(path).read_bytes() for path in sys.argv[1:])
parse_model(good, "good")
opened = []
sys.addaudithook(lambda event, details: opened.append((event, str(details)))
                 if event in ("open", "import", "exec", "subprocess.Popen", "os.system", "socket.connect") else None)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    parse_model(hostile, "hostile")
    print("accepted")
except ModelError as error:
    print("refused")
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
print([each for each in opened if each[0] != "exec" or "<string>" not in each[1]])
"""


def watched(good: bytes, hostile: bytes, folder: Path) -> tuple[str, int, str]:
    """What becomes of a file in a process of its own: the end, the bytes allocated, what was opened."""
    (folder / "good").write_bytes(good)
    (folder / "hostile").write_bytes(hostile)
    command = [sys.executable, "-c", WATCHED, str(folder / "good"), str(folder / "hostile")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    end, allocated, opened = done.stdout.splitlines()
    return end, int(allocated), opened


@pytest.mark.parametrize("claim", range(8))
def test_a_claim_of_size_allocates_no_more_than_some_times_the_file(model: Model, tmp_path: Path, claim: int):
    name, hostile = sorted(big_claims(model.content).items())[claim]
    end, allocated, opened = watched(model.content, hostile, tmp_path)
    assert end == "refused", name
    assert allocated < 30 * len(hostile) + 30 * 2**20, name
    assert opened == "[]", name


def test_texts_in_a_file_are_never_paths(model: Model, tmp_path: Path):
    def name_paths(header: dict) -> None:
        header.update(name="../../../etc/passwd", class_names=["/etc/passwd"] * 5)
        header["training_data"].update(source="/etc/passwd", rows="$(touch x)", parent="file:///etc/passwd")
        header["versions"].update({"__import__('os').system('true')": "/etc/passwd"})

    end, _, opened = watched(model.content, with_header(model.content, name_paths), tmp_path)
    assert (end, opened) == ("accepted", "[]")

"""The model file: one safetensors file that describes itself, checked before it is believed.

The weights are safetensors; everything else is one JSON text among the file's metadata. Nothing in it can
run code, and no size in it is trusted: the shapes follow from the hyperparameters, which are bounded.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import safetensors.torch
import torch
from pydantic import ValidationError
from safetensors import SafetensorError

from lstm_fcn.errors import ModelError, did_you_mean
from lstm_fcn.model.config import ContextConfig, NetworkConfig
from lstm_fcn.model.context_network import ContextLSTMFCN
from lstm_fcn.model.header import TAGS, Header
from lstm_fcn.model.network import LSTMFCN
from lstm_fcn.storage import write_atomically

METADATA_KEY = "lstm_fcn"
MAX_FILE_BYTES = 256 * 2**20
MAX_HEADER_BYTES = 2**20
INPUT, OUTPUT = "beat", "probability"
"""Names of the input and the output where the model runs without this package."""

_Network = TypeVar("_Network", LSTMFCN, ContextLSTMFCN)

_PRETRAINED = Path(__file__).parent / "pretrained"
_LENGTH_BYTES = 8
_PICKLE_STARTS = (b"\x80", b"PK\x03\x04")
_SAFETENSORS_TYPES: dict[torch.dtype, str] = {torch.float32: "F32", torch.int64: "I64"}


@dataclass(frozen=True)
class Model:
    """A model as read from a file.

    Attributes
    ----------
    header : Header
    content : bytes
        The whole file; what travels to Spark's workers.
    """

    header: Header
    content: bytes

    @property
    def sha256(self) -> str:
        """Content hash of the file."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def reference(self) -> str:
        """Name and content hash, as predictions carry it."""
        return f"{self.header.name}@{self.sha256[:12]}"

    def card(self) -> dict[str, Any]:
        """Describe the model for where it runs without this package.

        Returns
        -------
        dict of str to JSON values
            `name` and `sha256` (of the model file); `task`; `classes`, `class_names` and `labels` in the order of the
            probabilities; `sampling_frequency` (Hz), `lowest` and `highest` (values in training) or None where they are
            not known.
        """
        header = self.header
        return {
            "name": header.name,
            "sha256": self.sha256,
            "task": header.network.task,
            "classes": header.classes,
            "class_names": header.class_names,
            "labels": header.labels,
            "sampling_frequency": header.sampling_frequency,
            "lowest": header.training_data.lowest,
            "highest": header.training_data.highest,
        }

    def network(self) -> LSTMFCN:
        """Build the network of a model that takes series, in evaluation mode.

        Raises
        ------
        ModelError
            If the model takes the contexts of beats.
        """
        config, _ = self.header.of_series()
        return self._filled(LSTMFCN(config, self.header.scaling.mean, self.header.scaling.std))

    def any_network(self) -> LSTMFCN | ContextLSTMFCN:
        """Build the network, whatever it takes, in evaluation mode."""
        config = self.header.network
        return self._filled(ContextLSTMFCN(config)) if isinstance(config, ContextConfig) else self.network()

    def _filled(self, network: _Network) -> _Network:
        network.load_state_dict(safetensors.torch.load(self.content))
        return network.eval()


def write_model(path: Path, network: LSTMFCN | ContextLSTMFCN, header: Header) -> None:
    """Write a model file; one that is there is replaced whole or not at all.

    Raises
    ------
    StorageError
        If the disk is full or the file cannot be written there.
    """
    write_atomically(path, serialize(network, header))


def serialize(network: LSTMFCN | ContextLSTMFCN, header: Header) -> bytes:
    """Return the bytes of a model file."""
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    return safetensors.torch.save(tensors, {METADATA_KEY: header.model_dump_json()})


def pretrained() -> dict[str, Path]:
    """Name the models that ship with the package."""
    return {path.stem: path for path in sorted(_PRETRAINED.glob("*.safetensors"), key=lambda path: path.stem)}


def load_model(name: str) -> Model:
    """Read a pretrained model by its name, or a model file by its path.

    Raises
    ------
    ModelError
        If it is neither, or as `parse_model` does.
    """
    known = pretrained()
    if name in known:
        return read_model(known[name])
    path = Path(name).expanduser()
    if path.is_file():
        return read_model(path)
    hint = did_you_mean(name, known, f"pretrained are: {', '.join(known)}")
    raise ModelError(f"no model file at {name}, and no pretrained model of that name; {hint}")


def read_model(path: Path) -> Model:
    """Read and check a model file.

    Raises
    ------
    ModelError
        If there is none, or as `parse_model` does.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ModelError(f"cannot read the model file {path}: {error.strerror}") from error
    return parse_model(content, str(path))


def parse_model(content: bytes, source: str) -> Model:
    """Check the bytes of a model file.

    Parameters
    ----------
    content : bytes
    source : str
        Where they are from, for the messages.

    Raises
    ------
    ModelError
        If it is a pickle, truncated, too large, or its header, shapes or values are not a model's.
    """
    if content.startswith(_PICKLE_STARTS) and content[_LENGTH_BYTES : _LENGTH_BYTES + 1] != b"{":
        raise ModelError(
            f"{source} is a pickle (as torch.save writes), which could run code when loaded; "
            "expected a safetensors file as jobs/train.py writes"
        )
    if len(content) > MAX_FILE_BYTES:
        raise ModelError(f"{source} is larger than {MAX_FILE_BYTES:,} bytes")
    tensors = _read_tensor_table(content, source)
    metadata = tensors.pop("__metadata__", None)
    text = metadata.get(METADATA_KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise ModelError(f"{source} has no '{METADATA_KEY}' header: not a file that jobs/train.py wrote")
    try:
        header = Header.model_validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in TAGS)
        raise ModelError(f"{source}: its header is wrong at '{where}': {first['msg']}") from error
    _check_shapes(tensors, header.network, source)
    _check_values(content, source)
    return Model(header, content)


def _read_tensor_table(content: bytes, source: str) -> dict[str, Any]:
    size = int.from_bytes(content[:_LENGTH_BYTES], "little")
    if len(content) < _LENGTH_BYTES or size > min(len(content) - _LENGTH_BYTES, MAX_HEADER_BYTES):
        raise ModelError(f"{source} is truncated or not a safetensors file ({len(content):,} bytes)")
    try:
        table = json.loads(content[_LENGTH_BYTES : _LENGTH_BYTES + size])
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{source} is not a safetensors file: its header is no JSON") from error
    if not isinstance(table, dict):
        raise ModelError(f"{source} is not a safetensors file: its header is no JSON object")
    return table


def _check_shapes(tensors: dict[str, Any], config: NetworkConfig | ContextConfig, source: str) -> None:
    with torch.device("meta"):  # shapes alone: nothing is allocated for what a header claims
        network = ContextLSTMFCN(config) if isinstance(config, ContextConfig) else LSTMFCN(config)
        expected = network.state_dict()
    if tensors.keys() != expected.keys():
        odd = ", ".join(sorted(tensors.keys() ^ expected.keys())[:5])
        raise ModelError(f"{source}: its tensors are not an LSTM-FCN's; missing or unknown: {odd}")
    for name, tensor in expected.items():
        wanted = (_SAFETENSORS_TYPES[tensor.dtype], list(tensor.shape))
        entry = tensors[name] if isinstance(tensors[name], dict) else {}
        found = (entry.get("dtype"), entry.get("shape"))
        if found != wanted:
            raise ModelError(f"{source}: expected {name} to be {wanted[0]} {wanted[1]}, found {found[0]} {found[1]}")


def _check_values(content: bytes, source: str) -> None:
    try:
        tensors = safetensors.torch.load(content)
    except SafetensorError as error:
        raise ModelError(f"{source} is truncated or damaged: {error}") from error
    for name, tensor in tensors.items():
        if not np.isfinite(tensor.numpy()).all():
            raise ModelError(f"{source}: {name} holds NaN or infinity")

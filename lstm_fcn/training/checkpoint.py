"""Saving an unfinished training: one safetensors file, replaced in one step, that knows what it belongs to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from safetensors import SafetensorError
from torch import Size, Tensor

from lstm_fcn.errors import ModelError, SettingsError
from lstm_fcn.storage import write_atomically


@dataclass(frozen=True)
class Checkpoint:
    """Where a training saves itself.

    Attributes
    ----------
    path : Path
    identity : mapping of str to JSON values
        All that decides the outcome; a checkpoint with another identity is refused.
    seconds : float
        How often to save.
    """

    path: Path
    identity: Mapping[str, Any]
    seconds: float = 60.0

    def write(self, tensors: Mapping[str, Tensor], progress: str) -> None:
        """Save tensors and how far the training is.

        Raises
        ------
        StorageError
            If the disk is full; the last checkpoint is as it was.
        """
        metadata = {"identity": json.dumps(dict(self.identity)), "progress": progress}
        contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        write_atomically(self.path, safetensors.torch.save(contiguous, metadata))

    def read(self, shapes: Mapping[str, Size]) -> tuple[dict[str, Tensor], str] | None:
        """Read what was saved.

        Parameters
        ----------
        shapes : mapping of str to Size
            Of the tensors that may be in it.

        Returns
        -------
        tuple or None
            The tensors and the progress; None where nothing was saved.

        Raises
        ------
        SettingsError
            If it is another training's.
        ModelError
            If it is damaged.
        """
        if not self.path.exists():
            return None
        try:
            with safetensors.safe_open(self.path, "pt") as file:
                metadata = file.metadata() or {}
                self._check_identity(json.loads(metadata.get("identity", "{}")))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, ValueError, OSError) as error:
            raise ModelError(f"the checkpoint {self.path} is damaged ({error}); delete it to begin anew") from error
        odd = [name for name, tensor in tensors.items() if shapes.get(name) != tensor.shape]
        if odd or "progress" not in metadata:
            raise ModelError(f"the checkpoint {self.path} does not fit ({', '.join(odd[:3])}); delete it to begin anew")
        return tensors, metadata["progress"]

    def _check_identity(self, found: dict[str, Any]) -> None:
        here = json.loads(json.dumps(dict(self.identity)))
        other = [name for name in sorted(here.keys() | found.keys()) if here.get(name) != found.get(name)]
        if other:
            listed = "; ".join(f"{name}: {found.get(name)} there, {here.get(name)} here" for name in other)
            raise SettingsError(
                f"the checkpoint {self.path} is of another training ({listed}); "
                "go on with its settings, delete it, or name another --run"
            )

    def remove(self) -> None:
        """Delete it, and what a killed process may have left half written; the training is over."""
        for file in (self.path, *self.path.parent.glob(f".{self.path.name}.*.tmp")):
            file.unlink(missing_ok=True)

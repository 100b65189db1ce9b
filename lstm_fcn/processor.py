"""Which device computes, and how many bits the products of a training have."""

from typing import Any

import torch

from lstm_fcn.errors import SettingsError
from lstm_fcn.hyperparameters import Device, Precision


def choose_device(asked: Device) -> torch.device:
    """Take CUDA where a device is there, unless the processor is asked for.

    Raises
    ------
    SettingsError
        If CUDA is asked for and no device is there.
    """
    if asked == "cuda" and not torch.cuda.is_available():
        raise SettingsError("--device cuda: torch finds no CUDA device here; use --device cpu")
    return torch.device("cuda" if asked != "cpu" and torch.cuda.is_available() else "cpu")


def choose_precision(asked: Precision, device: torch.device) -> torch.dtype:
    """Take bfloat16 for the products where the hardware multiplies it faster than float32."""
    if asked == "auto":
        return torch.bfloat16 if _has_bfloat16(device) else torch.float32
    return torch.bfloat16 if asked == "bfloat16" else torch.float32


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Older releases of torch cannot tell what the processor has; they train in float32.
    has: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))

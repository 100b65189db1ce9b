"""Which device computes, and how many bits the products of a training have."""

from typing import Any, get_args

import torch

from lstm_fcn.errors import SettingsError
from lstm_fcn.model.config import Device, Precision


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
    """Take bfloat16 for the products where the hardware multiplies it faster than float32.

    Raises
    ------
    SettingsError
        If bfloat16 is asked for and the hardware or this torch cannot compute with it, or there is no such precision.
    """
    if asked not in get_args(Precision):
        raise SettingsError(f"expected precision to be {' or '.join(map(repr, get_args(Precision)))}, found {asked!r}")
    if asked == "bfloat16" and not _computes_bfloat16(device):
        raise SettingsError(
            f"precision bfloat16: this {'processor' if device.type == 'cpu' else 'device'} does not compute with it; "
            "expected precision float32, or auto, which takes bfloat16 where the hardware has it"
        )
    if asked == "auto":
        return torch.bfloat16 if _has_bfloat16(device) else torch.float32
    return torch.bfloat16 if asked == "bfloat16" else torch.float32


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Older releases of torch do not know what the processor has; they train in float32.
    has: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16")) and _computes_bfloat16(device)


def _computes_bfloat16(device: torch.device) -> bool:
    """Check whether there are convolutions in bfloat16 at all, be they fast or not."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    is_supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return is_supported is None or bool(is_supported())

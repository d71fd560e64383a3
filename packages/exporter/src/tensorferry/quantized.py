"""Modules of torch.ao.quantization: their weights are packed, and TorchScript alone holds them."""

from __future__ import annotations

import torch
from torch import nn

from .errors import ExportError

SHOWN = 3
PLACES = ("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized", "torch.ao.nn.sparse.quantized")


def quantized_parts(model: nn.Module) -> list[str]:
    """`conv (Conv2d)` of every module that holds packed int8 weights or quantizes."""
    found: dict[str, str] = {}
    for name, module in model.named_modules():
        is_part = any(name.startswith(f"{other}.") for other in found)
        if (
            not isinstance(module, torch.jit.ScriptModule)
            and type(module).__module__.startswith(PLACES)
            and not is_part
        ):
            found[name] = f"{name or 'model'} ({type(module).__name__})"
    return list(found.values())


def require_float(model: nn.Module, what: str) -> None:
    """Raises `CAPTURE_FAILED` where a format has no operators for quantized modules.

    Parameters
    ----------
    what : the format, for the message
    """
    parts = quantized_parts(model)
    if not parts:
        return
    more = f" and {len(parts) - SHOWN} more" if len(parts) > SHOWN else ""
    raise ExportError(
        "CAPTURE_FAILED",
        f"{', '.join(parts[:SHOWN])}{more}: {what} cannot hold the int8 modules of torch.ao, TorchScript can: "
        "formats=['torchscript']. For int8 in ONNX export the float model with precisions=['int8']",
        modules=parts,
    )

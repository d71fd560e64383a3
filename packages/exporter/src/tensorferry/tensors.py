"""Dtype names, flat results, shapes as text, and comparison with a tolerance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import ExportError

DTYPES: dict[torch.dtype, str] = {
    torch.float64: "float64",
    torch.float32: "float32",
    torch.float16: "float16",
    torch.bfloat16: "bfloat16",
    torch.int64: "int64",
    torch.int32: "int32",
    torch.int16: "int16",
    torch.int8: "int8",
    torch.uint8: "uint8",
    torch.bool: "bool",
}

# Differences between runtimes on the same float32 model were 5e-8 to 1.6e-6; halves and doubles by their precision.
TOLERANCES: dict[str, tuple[float, float]] = {
    "float32": (1e-5, 1e-4),
    "float16": (1e-3, 1e-2),
    "bfloat16": (1e-2, 2e-2),
    "float64": (1e-9, 1e-7),
}


def describe(value: object) -> str:
    if isinstance(value, Tensor):
        return f"{DTYPES.get(value.dtype, value.dtype)}{list(value.shape)}"
    return type(value).__name__


def flatten(result: Any, key: str | None = None) -> list[tuple[str | None, Any]]:
    """A result's leaves in order, each with its dict key or field name where it has one (`key.0` inside a list)."""
    if isinstance(result, dict):
        parts = [(str(name), value) for name, value in result.items()]
    elif isinstance(result, (tuple, list)):
        fields = getattr(result, "_fields", None) or [None if key is None else f"{key}.{i}" for i in range(len(result))]
        parts = list(zip(fields, result, strict=True))
    else:
        return [(key, result)]
    return [leaf for name, value in parts for leaf in flatten(value, name)]


def to_numpy(value: Tensor) -> np.ndarray:
    return value.detach().cpu().contiguous().numpy()


@dataclass(frozen=True)
class Difference:
    """How far `got` is from `expected`."""

    agrees: bool
    max_abs: float
    summary: str


def compare(
    expected: np.ndarray,
    got: np.ndarray,
    dtype: str,
    allowance: float = 0.0,
    tolerance: tuple[float, float] | None = None,
) -> Difference:
    """Whether `|got - expected| <= atol + rtol * |expected|` everywhere; integers must be equal.

    Parameters
    ----------
    expected, got : arrays; another shape or dtype is a difference, NaN equals NaN
    dtype : the tolerance's, by PyTorch's name
    allowance : an absolute difference that always passes (ten times what float32 itself is off)
    tolerance : (atol, rtol) for floating-point dtypes, instead of the dtype's own
    """
    if expected.shape != got.shape:
        return Difference(False, np.inf, f"expected shape {list(expected.shape)}, got {list(got.shape)}")
    if expected.dtype != got.dtype:
        return Difference(False, np.inf, f"expected {expected.dtype}, got {got.dtype}")
    if expected.size == 0:
        return Difference(True, 0.0, "empty")
    a, b = expected.astype(np.float64), got.astype(np.float64)
    atol, rtol = tolerance if tolerance and expected.dtype.kind == "f" else TOLERANCES.get(dtype, (0.0, 0.0))
    with np.errstate(invalid="ignore", over="ignore"):
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        error = np.where(same, 0.0, np.abs(a - b))
        # nan > x is false: count it as too far, and infinities too
        far = ~same & (~(error <= np.maximum(atol + rtol * np.abs(a), allowance)) | ~np.isfinite(a))
    worst = int(np.argmax(np.where(np.isfinite(error), error, np.inf)))
    index = [int(i) for i in np.unravel_index(worst, a.shape)]
    finite = error[np.isfinite(error)]
    summary = (
        f"{int(far.sum())} of {a.size} elements are over the tolerance; at {index} expected {a.flat[worst]:.9g}, "
        f"got {b.flat[worst]:.9g}, off by {error.flat[worst]:.3g}"
    )
    return Difference(not bool(far.any()), float(finite.max()) if finite.size else np.inf, summary)


def shape_name(shape: Sequence[int]) -> str:
    """`[1, 1, 48, 64]` -> "48x64": sizes without leading ones."""
    sizes = list(shape)
    while len(sizes) > 1 and sizes[0] == 1:
        sizes.pop(0)
    return "x".join(map(str, sizes)) or "scalar"


def _as_tensor(value: object) -> str:
    if isinstance(value, np.ndarray):
        return "torch.from_numpy(array) makes one"
    if isinstance(value, (bool, int, float)):
        return f"torch.tensor({value}) makes one"
    return "wrap the model in a module that takes and gives tensors only"


def require_supported(value: object, what: str) -> Tensor:
    """The value, if it is a dense tensor whose dtype ONNX Runtime takes from Python."""
    if not isinstance(value, Tensor):
        raise ExportError(
            "EXAMPLES_INVALID",
            f"{what}: expected a tensor, got {type(value).__name__}; {_as_tensor(value)}",
        )
    if value.dtype not in DTYPES or value.layout != torch.strided:
        raise ExportError("EXAMPLES_INVALID", f"{what}: {value.dtype} ({value.layout}) has no place in a bundle")
    if value.dtype == torch.bfloat16:
        raise ExportError("NOT_YET", f"{what}: bfloat16 inputs and outputs are not supported yet; cast to float32")
    return value

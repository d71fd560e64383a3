"""Dtype names, flat results, shapes as text, and comparison with a tolerance."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
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

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)

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
    """A result's leaves in order, each with its name where it has one; None is left out.

    Dict keys and the fields of named tuples and dataclasses are names, joined by dots where they are nested
    (`encoder.hidden`). Inside what has a name, the elements of a tuple or a list are counted (`hidden.0`), and the
    layers of a cache of transformers (`past_key_values.0.key`, `past_key_values.0.value`).
    """
    if result is None:
        return []
    if isinstance(result, Mapping):
        # before dataclasses: a dataclass that is a dict too (transformers' ModelOutput) keeps its items there
        parts = [(str(name), value) for name, value in result.items()]
    elif isinstance(result, (tuple, list)):
        fields = getattr(result, "_fields", None)
        indices = [None if key is None else str(index) for index in range(len(result))]
        parts = list(zip(fields or indices, result, strict=True))
    elif _is_cache(result):
        # a layer that has seen nothing yet holds no tensors
        parts = [
            (str(index), {"key": layer.keys, "value": layer.values})
            for index, layer in enumerate(result.layers)
            if isinstance(layer.keys, Tensor)
        ]
    elif hasattr(result, "self_attention_cache") and hasattr(result, "cross_attention_cache"):
        parts = [("self", result.self_attention_cache), ("cross", result.cross_attention_cache)]
    elif dataclasses.is_dataclass(result) and not isinstance(result, type):
        parts = [(field.name, getattr(result, field.name)) for field in dataclasses.fields(result)]
    else:
        return [(key, result)]
    names = [name if key is None else f"{key}.{name}" for name, _ in parts]
    return [leaf for name, (_, value) in zip(names, parts, strict=True) for leaf in flatten(value, name)]


def _is_cache(value: object) -> bool:
    """Whether it is one of transformers' caches of keys and values, such as DynamicCache, by what it holds."""
    layers = getattr(value, "layers", None)
    return isinstance(layers, list) and all(hasattr(layer, "keys") and hasattr(layer, "values") for layer in layers)


def to_numpy(value: Tensor) -> np.ndarray:
    """The same values; bfloat16, which NumPy lacks, by the dtype of ml_dtypes."""
    plain = value.detach().cpu().contiguous()
    return plain.view(torch.int16).numpy().view(BFLOAT16) if plain.dtype == torch.bfloat16 else plain.numpy()


def to_tensor(value: np.ndarray) -> Tensor:
    """A copy as a tensor."""
    if value.dtype == BFLOAT16:
        return torch.from_numpy(value.view(np.int16).copy()).view(torch.bfloat16)
    return torch.from_numpy(value.copy())


def is_floating(value: np.ndarray) -> bool:
    return value.dtype.kind == "f" or value.dtype == BFLOAT16


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
    limits = tolerance if tolerance and is_floating(expected) else TOLERANCES.get(dtype, (0.0, 0.0))
    error, far = _errors(a, b, limits, allowance)
    worst = int(np.argmax(np.where(np.isfinite(error), error, np.inf)))
    index = [int(i) for i in np.unravel_index(worst, a.shape)]
    finite = error[np.isfinite(error)]
    summary = (
        f"{int(far.sum())} of {a.size} elements are over the tolerance; at {index} expected {a.flat[worst]:.9g}, "
        f"got {b.flat[worst]:.9g}, off by {error.flat[worst]:.3g}"
    )
    return Difference(not bool(far.any()), float(finite.max()) if finite.size else np.inf, summary)


def _errors(
    a: np.ndarray, b: np.ndarray, limits: tuple[float, float], allowance: float
) -> tuple[np.ndarray, np.ndarray]:
    """The absolute difference of every element, and whether it is too large."""
    atol, rtol = limits
    with np.errstate(invalid="ignore", over="ignore"):
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        error = np.where(same, 0.0, np.abs(a - b))
        # nan > x is false: count it as too far, and infinities too
        return error, ~same & (~(error <= np.maximum(atol + rtol * np.abs(a), allowance)) | ~np.isfinite(a))


def far_elements(expected: np.ndarray, got: np.ndarray, allowance: float = 0.0) -> np.ndarray:
    """Which elements of two arrays of one shape are further apart than the tolerance of their dtype."""
    limits = TOLERANCES.get(str(expected.dtype), (0.0, 0.0))
    return _errors(expected.astype(np.float64), got.astype(np.float64), limits, allowance)[1]


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
    return value

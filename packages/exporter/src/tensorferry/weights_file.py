"""Loads a state dict from a file into a module. Nothing is unpickled but tensors and plain data."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from .eager import explain, require_module
from .errors import ExportError

# where training scripts keep the weights in a checkpoint, the more usual first
NESTED = (
    "state_dict",
    "model_state_dict",
    "model",
    "module",
    "net",
    "network",
    "weights",
    "params",
    "ema",
    "model_ema",
)
# what DataParallel, torch.compile and Lightning put before every name
PREFIXES = ("module.", "_orig_mod.", "model.", "net.")
SHOWN = 5


def load_weights(model: object, path: Path) -> list[str]:
    """Loads every weight of the file into the module, all of them and no other.

    Returns
    -------
    notes on what was done to make them fit

    Raises
    ------
    ExportError
        `OPTIONS_INVALID` naming missing and unexpected keys, or what the file is instead.
    """
    require_module(model)
    assert isinstance(model, nn.Module)
    weights, notes = read_weights(path)
    weights, more = _without_prefix(weights, list(model.state_dict()))
    expected = model.state_dict()
    problems = [
        _listed("the file lacks", [name for name in expected if name not in weights]),
        _listed("the module has no", [name for name in weights if name not in expected]),
        _listed(
            "other shapes:",
            [
                f"{name} is {list(value.shape)} in the file, {list(expected[name].shape)} in the module"
                for name, value in weights.items()
                if name in expected and isinstance(expected[name], Tensor) and expected[name].shape != value.shape
            ],
        ),
    ]
    found = "; ".join(problem for problem in problems if problem)
    if found:
        raise ExportError("OPTIONS_INVALID", f"--weights: {path} does not fit {type(model).__name__}: {found}")
    try:
        model.load_state_dict(weights)
    except Exception as error:
        raise ExportError("OPTIONS_INVALID", f"--weights: {path}: {explain(error)}") from error
    return [*notes, *more]


def read_weights(path: Path) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors of a state dict or of a checkpoint that holds one.

    Raises
    ------
    ExportError
        `OPTIONS_INVALID`
    """
    if not path.is_file():
        raise ExportError("OPTIONS_INVALID", f"--weights: there is no file {path}")
    try:
        with path.open("rb") as file:
            is_safetensors = file.read(9)[8:] == b"{"
        if is_safetensors:
            return safetensors.torch.load_file(path), []
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ExportError(
            "OPTIONS_INVALID",
            f"--weights: {path} holds more than weights, and loading that would run its code: {_reason(error)} Where "
            "you trust the file, write its weights in Python: torch.save(torch.load(path, weights_only=False)"
            '["state_dict"], "weights.pt"), or .state_dict() of a whole module',
        ) from error
    except Exception as error:
        raise ExportError("OPTIONS_INVALID", f"--weights: {path} is no file of weights: {explain(error)}") from error
    return _find_weights(loaded, path)


def _reason(error: Exception) -> str:
    """PyTorch's own line on what it met, without its advice."""
    lines = [line.strip() for line in str(error).splitlines() if "Unsupported" in line or "GLOBAL" in line]
    return f"{lines[0].removeprefix('WeightsUnpickler error:').strip()[:200].rstrip('.')}." if lines else ""


def _find_weights(loaded: object, path: Path) -> tuple[dict[str, Tensor], list[str]]:
    notes: list[str] = []
    found = loaded
    while isinstance(found, Mapping) and not _is_state_dict(found):
        key = next((key for key in NESTED if isinstance(found.get(key), Mapping)), None)
        if key is None:
            break
        notes.append(f"weights: taken from {key!r} of {path.name}, which holds {', '.join(map(str, list(found)[:8]))}")
        found = found[key]
    if not isinstance(found, Mapping) or not _is_state_dict(found):
        keys = ", ".join(map(str, list(found)[:8])) if isinstance(found, Mapping) else type(found).__name__
        raise ExportError("OPTIONS_INVALID", f"--weights: {path} holds no state dict, but {keys}")
    return {str(name): value for name, value in found.items() if isinstance(value, Tensor)}, notes


def _is_state_dict(value: Mapping[Any, Any]) -> bool:
    """Tensors by name; `_extra_state` may be anything."""
    tensors = [isinstance(item, Tensor) for key, item in value.items() if not str(key).endswith("_extra_state")]
    return bool(tensors) and all(tensors)


def _without_prefix(weights: dict[str, Tensor], expected: Sequence[str]) -> tuple[dict[str, Tensor], list[str]]:
    """Names without a wrapper's prefix, where all have it and the module's do not."""
    notes = []
    for prefix in PREFIXES:
        if weights and all(name.startswith(prefix) for name in weights) and not set(weights) & set(expected):
            weights = {name.removeprefix(prefix): value for name, value in weights.items()}
            notes.append(f"weights: {prefix!r} taken off every name")
    return weights, notes


def _listed(what: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{what} {', '.join(names[:SHOWN])}{more}"

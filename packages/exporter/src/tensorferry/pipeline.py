"""Checks `preprocess` and `postprocess`, fills in defaults, and runs them on a raw example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from . import reference_pipeline as reference
from .errors import ExportError
from .isolate import first_lines

Step = dict[str, Any]


def _is_size(value: object) -> bool:
    sizes = value if isinstance(value, (list, tuple)) and len(value) == 2 else [value]
    return all(type(size) is int and size > 0 for size in sizes)


def _are_numbers(value: object) -> bool:
    return isinstance(value, (list, tuple)) and len(value) in (1, 3) and all(isinstance(v, (int, float)) for v in value)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _one_of(*allowed: str) -> tuple[str, Any]:
    return " or ".join(allowed), lambda value: value in allowed


_SIZE = ("a number of pixels, or [height, width]", _is_size)
_NUMBERS = ("a list of 1 or 3 numbers", _are_numbers)
_NUMBER = ("a number", _is_number)
_FILTER = _one_of(*reference.FILTERS)

# op -> option -> (what is expected, check), and the defaults that the manifest spells out
OPTIONS: dict[str, dict[str, tuple[str, Any]]] = {
    "decode_image": {"mode": _one_of(*reference.MODES)},
    "convert_image": {"mode": _one_of(*reference.MODES)},
    "split_ycbcr": {"keep": ("a list of Cb and Cr", lambda v: isinstance(v, (list, tuple)) and set(v) <= {"Cb", "Cr"})},
    "resize": {
        "size": _SIZE,
        "interpolation": _FILTER,
        "reference": _one_of("pillow", "torch_uint8", "torch_float"),
        "pillow_pass_order": _one_of("legacy", "13"),
    },
    "center_crop": {"size": _SIZE, "rounding": _one_of("torchvision", "transformers")},
    "to_tensor": {},
    "normalize": {"mean": _NUMBERS, "std": _NUMBERS},
    "clamp": {"min": _NUMBER, "max": _NUMBER},
    "to_image": {"quantize": _one_of(*reference.QUANTIZE)},
    "merge_ycbcr": {"upscale": _FILTER, "quantize": _one_of(*reference.QUANTIZE)},
    "softmax": {"axis": ("a whole number", lambda v: type(v) is int)},
    "top_k": {"k": ("a whole number from 1", lambda v: type(v) is int and v > 0)},
}
DEFAULTS: dict[str, Step] = {
    "decode_image": {"mode": "RGB"},
    "resize": {"interpolation": "bilinear", "reference": "pillow", "pillow_pass_order": reference.PASS_ORDER},
    "center_crop": {"rounding": "torchvision"},
    "to_image": {"quantize": "truncate"},
    "merge_ycbcr": {"upscale": "bicubic", "quantize": "truncate"},
    "softmax": {"axis": -1},
}


def read_step(step: object, table: Mapping[str, Any], where: str) -> Step:
    """One step with its defaults filled in.

    Raises
    ------
    ExportError
        `PIPELINE_INVALID` naming the option, what was expected and what came.
    """
    if not isinstance(step, Mapping) or step.get("op") not in table:
        got = step.get("op") if isinstance(step, Mapping) else step
        raise ExportError("PIPELINE_INVALID", f'{where}: expected {{"op": one of {", ".join(table)}}}, got {got!r}')
    op = step["op"]
    complete = {"op": op, **DEFAULTS.get(op, {}), **{key: value for key, value in step.items() if key != "op"}}
    for key in complete:
        if key != "op" and key not in OPTIONS[op]:
            known = ", ".join(OPTIONS[op]) or "no options"
            raise ExportError("PIPELINE_INVALID", f"{where}: {op} has no option {key!r}; it takes {known}")
    for key, (expected, check) in OPTIONS[op].items():
        if key not in complete or not check(complete[key]):
            raise ExportError(
                "PIPELINE_INVALID", f"{where}: {op}.{key}: expected {expected}, got {complete.get(key, 'nothing')!r}"
            )
    # the manifest's order of options is always the same
    return {"op": op, **{key: _plain(complete[key]) for key in OPTIONS[op]}}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class Pipeline:
    """Checked preprocess and postprocess entries, as the manifest holds them."""

    preprocess: list[dict[str, Any]]
    postprocess: list[dict[str, Any]]

    def __bool__(self) -> bool:
        return bool(self.preprocess or self.postprocess)


def read_pipeline(
    preprocess: Sequence[Mapping[str, Any]],
    postprocess: Sequence[Mapping[str, Any]],
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> Pipeline:
    checked: list[list[dict[str, Any]]] = []
    for kind, entries, table, ends, names in (
        ("preprocess", preprocess, reference.PREPROCESS, ("raw", "to"), inputs),
        ("postprocess", postprocess, reference.POSTPROCESS, ("to", "from"), outputs),
    ):
        found = []
        for index, entry in enumerate(entries):
            where = f"{kind}[{index}]"
            named, tensors = ends
            if not isinstance(entry, Mapping) or set(entry) != {named, tensors, "steps"}:
                got = sorted(entry) if isinstance(entry, Mapping) else type(entry).__name__
                raise ExportError(
                    "PIPELINE_INVALID", f"{where}: expected the keys {named}, steps, {tensors}, got {got}"
                )
            ends_at = list(entry[tensors]) if isinstance(entry[tensors], (list, tuple)) else [entry[tensors]]
            if len(ends_at) != 1 or ends_at[0] not in names:
                raise ExportError(
                    "PIPELINE_INVALID",
                    f"{where}.{tensors}: expected a list of one of {', '.join(names)}, got {entry[tensors]!r}",
                )
            steps = [read_step(step, table, f"{where}.steps[{n}]") for n, step in enumerate(entry["steps"])]
            if kind == "preprocess":
                if entry["raw"] != "image":
                    raise ExportError("NOT_YET", f'{where}.raw: only "image" is supported yet, got {entry["raw"]!r}')
                if not steps or steps[0]["op"] != "decode_image":
                    raise ExportError("PIPELINE_INVALID", f"{where}: the first step of an image is decode_image")
                found.append({"raw": entry["raw"], "steps": steps, "to": ends_at})
            else:
                found.append({"from": ends_at, "steps": steps, "to": entry["to"]})
        if len(found) > 1:
            raise ExportError("NOT_YET", f"{kind}: one entry is supported yet, got {len(found)}")
        checked.append(found)
    return Pipeline(*checked)


@dataclass(frozen=True)
class RawCase:
    """A picture with what every stage makes of it; `inputs` are complete once the model has run."""

    name: str
    file_name: str
    content: bytes
    decoded: np.ndarray
    input: Tensor
    context: dict[str, np.ndarray]


def run_preprocess(pipeline: Pipeline, name: str, path: Path, rank: int) -> RawCase:
    """Decodes and prepares one picture.

    Parameters
    ----------
    rank : of the declared input; one dimension less gets a batch axis of 1 in front
    """
    entry = pipeline.preprocess[0]
    content = path.read_bytes()
    context: dict[str, np.ndarray] = {}
    value: Any = content
    decoded = None
    for number, step in enumerate(entry["steps"]):
        try:
            value = reference.apply_step(reference.PREPROCESS, step, value, context)
        except ExportError:
            raise
        except Exception as error:
            raise ExportError(
                "PIPELINE_INVALID", f"{path.name}: step {number} ({step['op']}) fails: {first_lines(str(error), 300)}"
            ) from error
        if step["op"] == "decode_image":
            decoded = value
    if not isinstance(value, Tensor):
        raise ExportError("PIPELINE_INVALID", "preprocess ends with an image, not a tensor; add {'op': 'to_tensor'}")
    if value.dim() == rank - 1:
        value = value.unsqueeze(0)
    if value.dim() != rank:
        raise ExportError("PIPELINE_INVALID", f"preprocess gives {list(value.shape)}, the input has rank {rank}")
    return RawCase(name, f"{name}{path.suffix.lower()}", content, decoded, value.contiguous(), context)


def run_postprocess(pipeline: Pipeline, output: Tensor, context: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The result's arrays by their golden key: `result`, or `result.indices` and `result.scores`."""
    value: Any = output
    for step in pipeline.postprocess[0]["steps"]:
        try:
            value = reference.apply_step(reference.POSTPROCESS, step, value, context)
        except KeyError as error:
            raise ExportError("PIPELINE_INVALID", f"{step['op']}: no step before it puts {error} aside") from error
    if isinstance(value, dict):
        return {f"result.{key}": array for key, array in value.items()}
    return {"result": value.numpy() if isinstance(value, Tensor) else value}

"""Checks `preprocess` and `postprocess`, fills in defaults, and runs them on a raw example."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from . import reference_pipeline as reference
from .errors import ExportError
from .isolate import first_lines
from .picture_file import check_picture
from .tensors import DTYPES

Step = dict[str, Any]


class Option(NamedTuple):
    """What an option takes."""

    expected: str
    check: Callable[[Any], bool]
    values: tuple[str, ...] = ()
    """All of them, where they can be listed."""


def _is_size(value: object) -> bool:
    sizes = value if isinstance(value, (list, tuple)) and len(value) == 2 else [value]
    return all(type(size) is int and size > 0 for size in sizes)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _are_numbers(value: object) -> bool:
    return isinstance(value, (list, tuple)) and len(value) in (1, 3) and all(map(_is_number, value))


def _are_divisors(value: object) -> bool:
    return _are_numbers(value) and all(np.float32(number) != 0 for number in value)


def _are_planes(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(name in ("Cb", "Cr") for name in value)


def _one_of(*allowed: str) -> Option:
    return Option(" or ".join(allowed), lambda value: isinstance(value, str) and value in allowed, allowed)


_SIZE = Option("a number of pixels, or [height, width]", _is_size)
_MEANS = Option("a list of a number a channel (1 or 3)", _are_numbers)
_DIVISORS = Option("a list of a number other than 0 a channel (1 or 3)", _are_divisors)
_NUMBER = Option("a finite number", _is_number)
_FILTER = _one_of(*reference.FILTERS)
_MODE = _one_of(*reference.MODES)
_QUANTIZE = _one_of(*reference.QUANTIZE)
_PASS_ORDER = _one_of("legacy", "13")

# op -> option -> what it takes, in the order in which the manifest spells them out
OPTIONS: dict[str, dict[str, Option]] = {
    "decode_image": {"mode": _MODE},
    "convert_image": {"mode": _MODE},
    "split_ycbcr": {"keep": Option("a list of Cb and Cr", _are_planes)},
    "resize": {
        "size": _SIZE,
        "interpolation": _FILTER,
        "reference": _one_of("pillow"),
        "pillow_pass_order": _PASS_ORDER,
    },
    "center_crop": {"size": _SIZE, "rounding": _one_of("torchvision", "transformers")},
    "to_tensor": {},
    "normalize": {"mean": _MEANS, "std": _DIVISORS},
    "clamp": {"min": _NUMBER, "max": _NUMBER},
    "to_image": {"quantize": _QUANTIZE},
    "merge_ycbcr": {"upscale": _FILTER, "quantize": _QUANTIZE, "pillow_pass_order": _PASS_ORDER},
    "softmax": {"axis": Option("a whole number", lambda value: type(value) is int)},
    "top_k": {"k": Option("a whole number from 1", lambda value: type(value) is int and value > 0)},
}
DEFAULTS: dict[str, Step] = {
    "decode_image": {"mode": "RGB"},
    "resize": {"interpolation": "bilinear", "reference": "pillow", "pillow_pass_order": reference.PASS_ORDER},
    "center_crop": {"rounding": "torchvision"},
    "to_image": {"quantize": "truncate"},
    "merge_ycbcr": {"upscale": "bicubic", "quantize": "truncate", "pillow_pass_order": reference.PASS_ORDER},
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
    for key, option in OPTIONS[op].items():
        if key not in complete or not option.check(complete[key]):
            got = repr(complete[key]) if key in complete else "nothing"
            raise ExportError("PIPELINE_INVALID", f"{where}: {op}.{key}: expected {option.expected}, got {got}")
    # the manifest's order of options is always the same
    return {"op": op, **{key: _plain(complete[key]) for key in OPTIONS[op]}}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def check_chain(half: str, steps: Sequence[Step], first: str) -> str:
    """Refuses steps that do not fit together.

    Parameters
    ----------
    half : `preprocess[0]` or the like, for messages
    first : what the first step gets: `file` or `tensor`

    Returns
    -------
    what the last step gives: `image`, `tensor` or `labels`
    """
    kind, channels, before = first, None, "a file" if first == "file" else "an output"
    for number, step in enumerate(steps):
        op = step["op"]
        takes, gives = reference.KINDS[op]
        if takes != kind:
            source = f"{before} before it gives {kind}" if number else f"{before} is {kind}"
            makers = [other for other, ends in reference.KINDS.items() if ends == (kind, takes)]
            advice = f"; put {' or '.join(makers)} between them" if makers else "; put it elsewhere"
            raise ExportError("PIPELINE_INVALID", f"{half}.steps[{number}] ({op}): takes {takes}, and {source}{advice}")
        if op == "split_ycbcr" and channels != 3:
            raise ExportError(
                "PIPELINE_INVALID", f"{half}.steps[{number}] (split_ycbcr): takes an image of mode RGB, and gets L"
            )
        if op == "normalize" and channels and {len(step["mean"]), len(step["std"])} != {channels}:
            raise ExportError(
                "PIPELINE_INVALID",
                f"{half}.steps[{number}] (normalize): expected {channels} means and {channels} stds, one a channel, "
                f"got {step['mean']} and {step['std']}; write a value out for each channel",
            )
        if "mode" in step:
            channels = 3 if step["mode"] == "RGB" else 1
        elif op == "split_ycbcr":
            channels = 1
        kind, before = gives, op
    return kind


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
            if not isinstance(entry[named], str) or not entry[named]:
                raise ExportError("PIPELINE_INVALID", f"{where}.{named}: expected a name, got {entry[named]!r}")
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
                if check_chain(where, steps, "file") != "tensor":
                    last = steps[-1]["op"]
                    raise ExportError(
                        "PIPELINE_INVALID",
                        f"{where}: the last step must give a tensor, {last} gives an image; add {{'op': 'to_tensor'}}",
                    )
                found.append({"raw": entry["raw"], "steps": steps, "to": ends_at})
            else:
                check_chain(where, steps, "tensor")
                found.append({"from": ends_at, "steps": steps, "to": entry["to"]})
        if len(found) > 1:
            raise ExportError("NOT_YET", f"{kind}: one entry is supported yet, got {len(found)}")
        checked.append(found)
    _check_planes(*checked)
    return Pipeline(*checked)


def _check_planes(preprocess: Sequence[Mapping[str, Any]], postprocess: Sequence[Mapping[str, Any]]) -> None:
    """merge_ycbcr takes what split_ycbcr keeps."""
    kept = {name for entry in preprocess for step in entry["steps"] for name in step.get("keep", ())}
    for index, entry in enumerate(postprocess):
        for number, step in enumerate(entry["steps"]):
            if step["op"] == "merge_ycbcr" and kept != {"Cb", "Cr"}:
                raise ExportError(
                    "PIPELINE_INVALID",
                    f"postprocess[{index}].steps[{number}] (merge_ycbcr): needs the planes Cb and Cr, preprocess keeps "
                    f"{' and '.join(sorted(kept)) or 'none'}; put split_ycbcr with keep ['Cb', 'Cr'] before to_tensor",
                )


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
    suffix = check_picture(content, path.name)
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
    if value.dim() == rank - 1:
        value = value.unsqueeze(0)
    if value.dim() != rank:
        raise ExportError("PIPELINE_INVALID", f"preprocess gives {list(value.shape)}, the input has rank {rank}")
    return RawCase(name, f"{name}{suffix}", content, decoded, value.contiguous(), context)


def run_postprocess(pipeline: Pipeline, output: Tensor, context: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The result's arrays by their golden key: `result`, or `result.indices` and `result.scores`."""
    value: Any = output
    if output.dtype != torch.float32:
        name = pipeline.postprocess[0]["from"][0]
        raise ExportError(
            "PIPELINE_INVALID", f"postprocess takes float32, {name} is {DTYPES[output.dtype]}; cast it in the model"
        )
    for number, step in enumerate(pipeline.postprocess[0]["steps"]):
        try:
            value = reference.apply_step(reference.POSTPROCESS, step, value, context)
        except ExportError:
            raise
        except Exception as error:
            raise ExportError(
                "PIPELINE_INVALID", f"postprocess step {number} ({step['op']}) fails: {first_lines(str(error), 300)}"
            ) from error
    if isinstance(value, dict):
        return {f"result.{key}": array for key, array in value.items()}
    return {"result": value.numpy() if isinstance(value, Tensor) else value}

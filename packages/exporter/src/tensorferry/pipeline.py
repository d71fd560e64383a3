"""Checks `preprocess` and `postprocess`, fills in defaults, and runs them on a raw example."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from . import reference_pipeline as reference
from .errors import ExportError
from .isolate import first_lines
from .names import NAME
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
_LAYOUT = _one_of(*reference.LAYOUTS)

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
    "to_uint8": {"layout": _LAYOUT},
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
    "to_uint8": {"layout": "chw"},
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
    what the last step gives: `image`, `tensor`, `uint8 tensor` or `labels`
    """
    kind, channels, before = first, None, "a file" if first == "file" else "an output"
    for number, step in enumerate(steps):
        op = step["op"]
        takes, gives = reference.KINDS[op]
        if takes != kind:
            source = f"{before} before it gives {kind}" if number else f"{before} is {kind}"
            makers = [other for other, ends in reference.KINDS.items() if ends == (kind, takes)]
            advice = f"; put {' or '.join(makers)} between them" if makers else "; put it elsewhere"
            if kind == "uint8 tensor":
                advice = "; take to_tensor in place of to_uint8, or leave it to the network"
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
    """Checks both halves and fills in defaults.

    Raises
    ------
    ExportError
        `PIPELINE_INVALID`, `NOT_YET`.
    """
    before = [_read_before(entry, f"preprocess[{index}]", inputs) for index, entry in enumerate(preprocess)]
    after = [_read_after(entry, f"postprocess[{index}]", outputs) for index, entry in enumerate(postprocess)]
    for key, names in (("raw", [entry["raw"] for entry in before]), ("to", [entry["to"][0] for entry in before])):
        twice = next((name for index, name in enumerate(names) if name in names[:index]), None)
        if twice is not None:
            raise ExportError(
                "PIPELINE_INVALID", f"preprocess: {key} {twice!r} is there twice; an entry makes one input"
            )
    clash = [entry["raw"] for entry in before if entry["raw"] in set(inputs) - {one["to"][0] for one in before}]
    if clash:
        raise ExportError(
            "PIPELINE_INVALID",
            f"preprocess: raw {clash[0]!r} is also an input that no step makes; give the raw input another name",
        )
    if len(after) > 1:
        raise ExportError("NOT_YET", f"postprocess: one entry is supported yet, got {len(after)}")
    _check_planes(before, after)
    return Pipeline(before, after)


def _read_entry(entry: object, where: str, named: str, tensors: str, names: Sequence[str], table: Mapping) -> Step:
    """An entry's parts: `named` is the caller's own name, `tensors` the one input or output."""
    if not isinstance(entry, Mapping) or set(entry) != {named, tensors, "steps"}:
        got = sorted(map(str, entry)) if isinstance(entry, Mapping) else type(entry).__name__
        raise ExportError("PIPELINE_INVALID", f"{where}: expected the keys {named}, steps, {tensors}, got {got}")
    if not isinstance(entry[named], str) or not NAME.match(entry[named]):
        raise ExportError("PIPELINE_INVALID", f"{where}.{named}: expected a name, got {entry[named]!r}")
    ends = list(entry[tensors]) if isinstance(entry[tensors], (list, tuple)) else [entry[tensors]]
    if len(ends) != 1 or ends[0] not in names:
        raise ExportError(
            "PIPELINE_INVALID",
            f"{where}.{tensors}: expected a list of one of {', '.join(names)}, got {entry[tensors]!r}",
        )
    if not isinstance(entry["steps"], (list, tuple)):
        raise ExportError(
            "PIPELINE_INVALID", f"{where}.steps: expected a list of steps, got {type(entry['steps']).__name__}"
        )
    steps = [read_step(step, table, f"{where}.steps[{n}]") for n, step in enumerate(entry["steps"])]
    return {named: entry[named], "steps": steps, tensors: ends}


def _read_before(entry: object, where: str, inputs: Sequence[str]) -> Step:
    found = _read_entry(entry, where, "raw", "to", inputs, reference.PREPROCESS)
    steps = found["steps"]
    if not steps or steps[0]["op"] != "decode_image":
        raise ExportError("PIPELINE_INVALID", f"{where}: the first step of an image is decode_image")
    if not check_chain(where, steps, "file").endswith("tensor"):
        last = steps[-1]["op"]
        raise ExportError(
            "PIPELINE_INVALID",
            f"{where}: the last step must give a tensor, {last} gives an image; add {{'op': 'to_tensor'}} for a "
            "network that takes float32 from 0 to 1, {'op': 'to_uint8'} for one that takes the pixels themselves "
            "('layout': 'hwc' where the channels come last)",
        )
    return {"raw": found["raw"], "steps": steps, "to": found["to"]}


def _read_after(entry: object, where: str, outputs: Sequence[str]) -> Step:
    found = _read_entry(entry, where, "to", "from", outputs, reference.POSTPROCESS)
    check_chain(where, found["steps"], "tensor")
    return {"from": found["from"], "steps": found["steps"], "to": found["to"]}


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

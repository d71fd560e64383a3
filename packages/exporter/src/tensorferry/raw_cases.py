"""Raw examples: pictures that are run through the preprocessing, and what every stage makes of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import reference_pipeline as reference
from .dims import DynamicDims
from .errors import ExportError
from .goldens_size import require_small
from .isolate import first_lines
from .names import NAME
from .picture_file import check_picture
from .pipeline import Pipeline
from .tensors import DTYPES, describe, require_supported


@dataclass(frozen=True)
class Picture:
    """One picture of a case."""

    file_name: str
    """In the bundle."""
    content: bytes
    decoded: np.ndarray


@dataclass(frozen=True)
class RawCase:
    """Pictures with what every stage makes of them, and the tensors that no step makes."""

    name: str
    pictures: dict[str, Picture]
    """By the raw inputs' names."""
    inputs: tuple[Tensor, ...]
    """All of the model's, in order."""
    context: dict[str, np.ndarray]
    is_alone: bool
    """Whether the picture is all that `predict` takes."""


def read_raw_cases(
    pipeline: Pipeline,
    examples: Mapping[str, Any],
    taken: set[str],
    inputs: Sequence[str],
    first: Sequence[Tensor],
    dims: DynamicDims,
) -> list[RawCase]:
    """Runs each raw example through the preprocessing.

    Parameters
    ----------
    examples : case name -> a picture's path, or a mapping of paths by raw input and tensors by input
    taken : names of the other cases
    inputs, first : the model's inputs and the first example

    Raises
    ------
    ExportError
        `PIPELINE_INVALID`, `OPTIONS_INVALID`, `EXAMPLES_INVALID`.
    """
    if bool(pipeline.preprocess) != bool(examples):
        raise ExportError(
            "PIPELINE_INVALID",
            "preprocess needs raw_examples={'photo': 'photo.png'}, or nobody can tell whether another language does "
            "the same"
            if pipeline.preprocess
            else "raw_examples: there is no preprocess to run them through",
        )
    cases = []
    for key, given in examples.items():
        if key in taken or not isinstance(key, str) or not NAME.match(key):
            raise ExportError("OPTIONS_INVALID", f"raw_examples: {key!r} is no name or stands for another case already")
        paths, tensors = _read_given(pipeline, key, given, inputs)
        case = _prepare(pipeline, key, paths, tensors, inputs, first)
        require_small({key: sum(one.decoded.nbytes for one in case.pictures.values())})
        source = {entry["to"][0]: case.pictures[entry["raw"]].file_name for entry in pipeline.preprocess}
        for name, value, example in zip(inputs, case.inputs, first, strict=True):
            _check_prepared(source.get(name, key), name, value, example, dims)
        dims.bind({name: tuple(value.shape) for name, value in zip(inputs, case.inputs, strict=True)})
        cases.append(case)
    return cases


def _read_given(
    pipeline: Pipeline, key: str, given: object, inputs: Sequence[str]
) -> tuple[dict[str, Path], dict[str, Tensor]]:
    """Paths by raw input and tensors by input."""
    where = f"raw_examples[{key!r}]"
    raws = [entry["raw"] for entry in pipeline.preprocess]
    made = {entry["to"][0] for entry in pipeline.preprocess}
    others = [name for name in inputs if name not in made]
    if isinstance(given, (str, os.PathLike)):
        if len(raws) > 1 or others:
            shown = ", ".join([*(f"{name!r}: 'a.png'" for name in raws), *(f"{name!r}: tensor" for name in others)])
            raise ExportError("OPTIONS_INVALID", f"{where}: expected {{{shown}}}, got one path")
        given = {raws[0]: given}
    if not isinstance(given, Mapping) or set(given) != {*raws, *others}:
        got = ", ".join(map(str, given)) if isinstance(given, Mapping) else type(given).__name__
        raise ExportError("OPTIONS_INVALID", f"{where}: expected {', '.join([*raws, *others])}, got {got}")
    paths = {}
    for name in raws:
        if not isinstance(given[name], (str, os.PathLike)) or not Path(given[name]).is_file():
            raise ExportError("OPTIONS_INVALID", f"{where}: there is no file {given[name]}")
        paths[name] = Path(given[name])
    return paths, {name: require_supported(given[name], f"{where}, {name}").contiguous() for name in others}


def _prepare(
    pipeline: Pipeline,
    key: str,
    paths: Mapping[str, Path],
    tensors: Mapping[str, Tensor],
    inputs: Sequence[str],
    first: Sequence[Tensor],
) -> RawCase:
    pictures: dict[str, Picture] = {}
    context: dict[str, np.ndarray] = {}
    made = dict(tensors)
    for entry in pipeline.preprocess:
        raw, to = entry["raw"], entry["to"][0]
        content = paths[raw].read_bytes()
        suffix = check_picture(content, paths[raw].name)
        decoded, value = _run_steps(entry["steps"], content, paths[raw].name, context)
        made[to] = _with_batch_axis(value, first[inputs.index(to)].dim())
        stem = key if len(paths) == 1 else f"{key}.{raw}"
        pictures[raw] = Picture(f"{stem}{suffix}", content, decoded)
    is_alone = len(paths) == 1 and not tensors
    return RawCase(key, pictures, tuple(made[name] for name in inputs), context, is_alone)


def _run_steps(steps: Sequence[Mapping[str, Any]], content: bytes, name: str, context: dict) -> tuple[Any, Tensor]:
    """The decoded picture and the tensor."""
    value: Any = content
    decoded = None
    for number, step in enumerate(steps):
        try:
            value = reference.apply_step(reference.PREPROCESS, step, value, context)
        except ExportError:
            raise
        except Exception as error:
            raise ExportError(
                "PIPELINE_INVALID", f"{name}: step {number} ({step['op']}) fails: {first_lines(str(error), 300)}"
            ) from error
        if step["op"] == "decode_image":
            decoded = value
    return decoded, value


def _with_batch_axis(value: Tensor, rank: int) -> Tensor:
    """One dimension less than the declared input's gets a batch axis of 1 in front."""
    if value.dim() == rank - 1:
        value = value.unsqueeze(0)
    if value.dim() != rank:
        raise ExportError("PIPELINE_INVALID", f"preprocess gives {list(value.shape)}, the input has rank {rank}")
    return value.contiguous()


def with_pixel_ends(preprocess: Sequence[Any], inputs: Sequence[str], first: Sequence[Tensor]) -> list[Any]:
    """Entries whose steps end in an image, for an input of uint8, which can only be its pixels, with `to_uint8`."""
    by_name = dict(zip(inputs, first, strict=True))
    completed = []
    for entry in preprocess:
        steps = entry.get("steps") if isinstance(entry, Mapping) else None
        last = steps[-1] if isinstance(steps, (list, tuple)) and steps else None
        ends = entry.get("to") if isinstance(entry, Mapping) else None
        name = ends[0] if isinstance(ends, (list, tuple)) and len(ends) == 1 else ends
        value = by_name.get(name) if isinstance(name, str) else None
        is_image = isinstance(last, Mapping) and reference.KINDS.get(str(last.get("op")), ("", ""))[1] == "image"
        if is_image and value is not None and value.dtype == torch.uint8:
            layout = "hwc" if _channels_last(value) else "chw"
            entry = {**entry, "steps": [*steps, {"op": "to_uint8", "layout": layout}]}
        completed.append(entry)
    return completed


def _channels_last(value: Tensor) -> bool:
    return value.dim() >= 3 and value.shape[-1] in (1, 3) and value.shape[-3] not in (1, 3)


def _check_prepared(source: str, name: str, value: Tensor, example: Tensor, dims: DynamicDims) -> None:
    """The preprocessed picture must be what the declared input takes."""
    declared = dims.shape(name, example.shape)
    fits = value.dtype == example.dtype and all(
        not isinstance(dim, int) or dim == size for dim, size in zip(declared, value.shape, strict=True)
    )
    if fits:
        return
    advice = "change the steps, or declare the dim in `dynamic`"
    if value.dtype != example.dtype:
        ends = {"uint8": "to_uint8 gives the pixels as uint8", "float32": "to_tensor gives float32"}
        advice = ends.get(DTYPES[example.dtype], "cast it in the model")
        if example.dtype == torch.uint8 and _channels_last(example):
            advice += ", {'layout': 'hwc'} with the channels last"
    elif list(value.shape[-3:]) == [*example.shape[-1:], *example.shape[-3:-1]] and value.dim() > 2:
        advice = "the channels come last there: {'op': 'to_uint8', 'layout': 'hwc'}"
    raise ExportError(
        "PIPELINE_INVALID",
        f"preprocess makes {describe(value)} of {source}, {name} takes {DTYPES[example.dtype]}{declared}; {advice}",
    )

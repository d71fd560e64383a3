"""The arguments of one export, checked against each other and against the model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from .dims import DynamicDims, read_dynamic
from .eager import explain_failure, name_outputs, require_cpu, require_deterministic, require_stateless, run_eager
from .errors import ExportError
from .examples import Case, check_variety, read_examples
from .goldens import require_small
from .pipeline import Pipeline, RawCase, read_pipeline, run_preprocess
from .states import read_states
from .task import check_labels, check_task
from .tensors import DTYPES, describe

NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_.\-]*$")


@dataclass(frozen=True)
class Request:
    """What one export is to write."""

    model: nn.Module
    cases: list[Case]
    inputs: list[str]
    outputs: list[str]
    dims: DynamicDims
    states: list[tuple[str, str]]
    pipeline: Pipeline
    raw: list[RawCase]
    labels: list[str] | None
    docs: dict[str, str]
    identity: dict[str, str]
    """Name, version, license and task, as far as given."""
    formats: list[str]
    capture: str
    output_ranks: list[int]


FORMATS = ("onnx", "torchscript", "aot-inductor")
CAPTURES = ("auto", "torch.export", "trace", "script")


def check_options(formats: Sequence[str], capture: str, name: str, version: str, labels: Sequence[str] | None) -> None:
    if isinstance(formats, str) or not formats:
        raise ExportError("OPTIONS_INVALID", f"formats: expected a list such as ['onnx'], got {formats!r}")
    for found in formats:
        if found not in FORMATS:
            raise ExportError("OPTIONS_INVALID", f"formats: {found!r} is unknown; use some of {', '.join(FORMATS)}")
    if len(set(formats)) != len(formats):
        raise ExportError("OPTIONS_INVALID", f"formats: one stands twice in {list(formats)}")
    if capture not in CAPTURES:
        raise ExportError("OPTIONS_INVALID", f"capture: expected one of {', '.join(CAPTURES)}, got {capture!r}")
    if capture in ("trace", "script") and list(formats) != ["torchscript"]:
        raise ExportError("NOT_YET", f"capture: {capture!r} is for formats=['torchscript'] alone so far; use 'auto'")
    if capture == "torch.export" and "torchscript" in formats:
        raise ExportError("OPTIONS_INVALID", "capture: TorchScript does not come from torch.export; use 'auto'")
    for key, value in (("name", name), ("version", version)):
        if not isinstance(value, str) or not value.strip():
            raise ExportError("OPTIONS_INVALID", f"{key}: expected some text, got {value!r}")
    if labels is not None and (isinstance(labels, str) or not all(isinstance(label, str) for label in labels)):
        raise ExportError("OPTIONS_INVALID", "labels: expected a list of texts, one for each class")


def _check_names(kind: str, names: Sequence[str]) -> list[str]:
    if isinstance(names, str) or not names:
        raise ExportError("NAMES_INVALID", f"{kind}: expected a list of names, got {names!r}")
    for name in names:
        if not isinstance(name, str) or not NAME.match(name):
            raise ExportError(
                "NAMES_INVALID", f"{kind}: {name!r} is no name; use letters, digits, _ - . and begin with a letter"
            )
    if len(set(names)) != len(names):
        raise ExportError("NAMES_INVALID", f"{kind}: a name stands twice in {list(names)}")
    return list(names)


def read_request(
    *,
    model: nn.Module,
    examples: Sequence[Sequence[Tensor]],
    inputs: Sequence[str],
    outputs: Sequence[str] | None,
    dynamic: Mapping[str, Mapping[int, str]] | None,
    states: Sequence[tuple[str, str]],
    preprocess: Sequence[Mapping[str, Any]],
    postprocess: Sequence[Mapping[str, Any]],
    raw_examples: Mapping[str, str | Path],
    labels: Sequence[str] | None,
    docs: Mapping[str, str],
    identity: Mapping[str, str | None],
    formats: Sequence[str],
    capture: str,
) -> Request:
    """Runs the model on the first example to learn its results, and each raw example through the preprocessing.

    Raises
    ------
    ExportError
        at the first contradiction.
    """
    require_cpu(model)
    inputs = _check_names("inputs", inputs)
    cases = read_examples(examples, inputs)
    ranks = {key: value.dim() for key, value in zip(inputs, cases[0].inputs, strict=True)}
    dims = read_dynamic(dynamic, inputs, ranks)
    check_variety(cases, inputs, dims)
    named = dict(zip(inputs, cases[0].inputs, strict=True))
    try:
        require_stateless(model, cases[0].inputs)
        results = run_eager(model, cases[0].inputs)
    except ExportError:
        raise
    except Exception as error:
        raise explain_failure(model, named, cases[0].name, error) from error
    outputs = _check_names("outputs", name_outputs(results, outputs))
    clash = sorted(set(inputs) & set(outputs))
    if clash:
        raise ExportError("NAMES_INVALID", f"{', '.join(clash)}: an input and an output need different names")
    unknown = sorted(set(docs) - {*inputs, *outputs})
    if unknown:
        raise ExportError("NAMES_INVALID", f"docs: no input or output is called {', '.join(unknown)}")
    require_deterministic(model, cases[0].inputs, cases[0].name)
    pairs = read_states(states, inputs, outputs)
    pipeline = read_pipeline(preprocess, postprocess, inputs, outputs)
    check_task(identity.get("task"), pipeline)
    check_labels(labels, pipeline, outputs, [value for _, value in results])
    raw = _read_raw(pipeline, raw_examples, {case.name for case in cases}, inputs, cases, dims)
    return Request(
        model=model,
        cases=cases,
        inputs=inputs,
        outputs=outputs,
        dims=dims,
        states=pairs,
        pipeline=pipeline,
        raw=raw,
        labels=None if labels is None else list(labels),
        docs=dict(docs),
        identity={key: value for key, value in identity.items() if value is not None},
        # always the same order in the manifest
        formats=[name for name in FORMATS if name in formats],
        capture=capture,
        output_ranks=[value.dim() for _, value in results],
    )


def _read_raw(
    pipeline: Pipeline,
    paths: Mapping[str, str | Path],
    taken: set[str],
    inputs: Sequence[str],
    cases: Sequence[Case],
    dims: DynamicDims,
) -> list[RawCase]:
    if bool(pipeline) != bool(paths):
        raise ExportError(
            "PIPELINE_INVALID",
            "preprocess and postprocess need raw_examples={'photo': 'photo.png'}, or nobody can tell whether another "
            "language does the same"
            if pipeline
            else "raw_examples: there is no preprocess to run them through",
        )
    if not paths:
        return []
    if not pipeline.preprocess or len(inputs) != 1:
        raise ExportError("NOT_YET", "a raw example needs one preprocess entry and a model of one input so far")
    raw = []
    for key, path in paths.items():
        path = Path(path)
        if key in taken or not NAME.match(key):
            raise ExportError("OPTIONS_INVALID", f"raw_examples: {key!r} is no name or stands for another case already")
        if not path.is_file():
            raise ExportError("OPTIONS_INVALID", f"raw_examples[{key!r}]: there is no file {path}")
        case = run_preprocess(pipeline, key, path, cases[0].inputs[0].dim())
        require_small({key: case.decoded.nbytes + case.input.nbytes})
        _check_prepared(case, inputs[0], cases[0].inputs[0], dims)
        raw.append(case)
    return raw


def _check_prepared(case: RawCase, name: str, example: Tensor, dims: DynamicDims) -> None:
    """The preprocessed picture must be what the declared input takes."""
    declared = dims.shape(name, example.shape)
    fits = case.input.dtype == example.dtype and all(
        not isinstance(dim, int) or dim == size for dim, size in zip(declared, case.input.shape, strict=True)
    )
    if not fits:
        raise ExportError(
            "PIPELINE_INVALID",
            f"preprocess makes {describe(case.input)} of {case.file_name}, {name} takes "
            f"{DTYPES[example.dtype]}{declared}; change the steps, or declare the dim in `dynamic`",
        )
    dims.bind({name: tuple(case.input.shape)})

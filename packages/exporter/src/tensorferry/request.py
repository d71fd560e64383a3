"""The arguments of one export, checked against each other and against the model."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .arguments import read_arguments
from .dims import DynamicDims, read_dynamic
from .eager import run_eager
from .errors import ExportError
from .examples import VARIANTS, Case, check_variety, read_examples
from .goldens import require_small
from .names import NAME, check_names
from .pipeline import Pipeline, RawCase, read_pipeline, run_preprocess
from .reference import PYTORCH, Reference
from .repeatable import require_repeatable
from .results import name_outputs
from .rules import Rules, read_rules, with_states
from .snapshot import unchanged
from .stateful import find_written_buffers, states_of_buffers
from .states import read_states
from .task import check_labels, check_task
from .tensors import DTYPES, describe


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
    precisions: list[str]
    """Lower ones, of the ONNX file."""
    capture: dict[str, str]
    """By format."""
    output_ranks: list[int]
    rules: Rules
    """What made-up inputs keep."""
    variants: tuple[str, ...] = VARIANTS
    """Which inputs are made up."""
    notes: list[str] = field(default_factory=list)
    """What was done to the model, for the report."""
    reference: Reference = PYTORCH


FORMATS = ("onnx", "torchscript", "aot-inductor")
PRECISIONS = ("float16", "int8")
# how `flatten` names what transformers keeps for the next token
CACHE_PART = re.compile(r"\.\d+\.(key|value)$")
CAPTURES = ("auto", "trace", "script", "export")


def capture_by_format(capture: str | Mapping[str, str]) -> dict[str, str]:
    """`capture` for each format: one way for all, or a dict of some."""
    given = dict.fromkeys(FORMATS, capture) if isinstance(capture, str) else dict(capture)
    return {name: given.get(name, "auto") for name in FORMATS}


def check_variants(variants: Sequence[str] | None) -> None:
    """Raises `OPTIONS_INVALID` for kinds of made-up inputs that there are not."""
    known = variants is None or (
        not isinstance(variants, str) and all(isinstance(one, str) and one in VARIANTS for one in variants)
    )
    if not known:
        raise ExportError(
            "OPTIONS_INVALID",
            f"variants: expected a list of some of {', '.join(VARIANTS)} (none of them: []), got {variants!r}",
        )


def check_options(
    formats: Sequence[str],
    capture: str | Mapping[str, str],
    name: str,
    version: str,
    labels: Sequence[str] | None,
) -> None:
    if isinstance(formats, str) or not formats:
        raise ExportError("OPTIONS_INVALID", f"formats: expected a list such as ['onnx'], got {formats!r}")
    for found in formats:
        if found not in FORMATS:
            raise ExportError("OPTIONS_INVALID", f"formats: {found!r} is unknown; use some of {', '.join(FORMATS)}")
    if len(set(formats)) != len(formats):
        raise ExportError("OPTIONS_INVALID", f"formats: one stands twice in {list(formats)}")
    _check_capture(capture, formats)
    for key, value in (("name", name), ("version", version)):
        if not isinstance(value, str) or not value.strip():
            raise ExportError("OPTIONS_INVALID", f"{key}: expected some text, got {value!r}")
    if labels is not None and (isinstance(labels, str) or not all(isinstance(label, str) for label in labels)):
        raise ExportError("OPTIONS_INVALID", "labels: expected a list of texts, one for each class")


def _check_capture(capture: str | Mapping[str, str], formats: Sequence[str]) -> None:
    if not isinstance(capture, (str, Mapping)):
        expected = "expected a way, or a dict of them by format such as {'torchscript': 'trace'}"
        raise ExportError("OPTIONS_INVALID", f"capture: {expected}, got {capture!r}")
    unknown = [] if isinstance(capture, str) else [name for name in capture if name not in FORMATS]
    if unknown:
        raise ExportError("OPTIONS_INVALID", f"capture: {unknown[0]!r} is no format; they are {', '.join(FORMATS)}")
    each = 'or one for each format: {"onnx": "export", "torchscript": "trace"}'
    for name, way in capture_by_format(capture).items():
        if way not in CAPTURES:
            raise ExportError("OPTIONS_INVALID", f"capture: expected one of {', '.join(CAPTURES)}, {each}; got {way!r}")
        if name in formats and name == "aot-inductor" and way in ("trace", "script"):
            raise ExportError(
                "OPTIONS_INVALID", f"capture: aot-inductor needs torch.export, got {way!r}; use 'auto', {each}"
            )
        if name in formats and name == "torchscript" and way == "export":
            raise ExportError(
                "OPTIONS_INVALID", f"capture: TorchScript does not come from torch.export; use 'auto', {each}"
            )


def check_precisions(precisions: Sequence[str], formats: Sequence[str], model: nn.Module) -> None:
    """Raises `OPTIONS_INVALID` for precisions that are unknown, or cannot be made of this model."""
    if isinstance(precisions, str):
        raise ExportError("OPTIONS_INVALID", f"precisions: expected a list such as ['float16'], got {precisions!r}")
    for found in precisions:
        if found not in PRECISIONS:
            raise ExportError(
                "OPTIONS_INVALID",
                f"precisions: expected some of {', '.join(PRECISIONS)}, got {found!r}; the model's own is written too",
            )
    if len(set(precisions)) != len(precisions):
        raise ExportError("OPTIONS_INVALID", f"precisions: one stands twice in {list(precisions)}")
    if precisions and "onnx" not in formats:
        raise ExportError("OPTIONS_INVALID", f"precisions: made of the ONNX file, add 'onnx' to {list(formats)}")
    others = {DTYPES.get(v.dtype, str(v.dtype)) for v in model.parameters() if v.is_floating_point()} - {"float32"}
    if precisions and others:
        raise ExportError(
            "OPTIONS_INVALID", f"precisions: made of a model in float32, this one has {', '.join(sorted(others))}"
        )


def read_request(
    *,
    model: nn.Module,
    method: str = "forward",
    examples: Sequence[object],
    inputs: Sequence[str] | None,
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
    capture: str | Mapping[str, str],
    precisions: Sequence[str] = (),
    rules: Mapping[str, str] | Callable[[dict[str, int]], object] | None = None,
    variants: Sequence[str] | None = None,
    reference: Reference = PYTORCH,
) -> Request:
    """Runs the model on the first example to learn its results, and each raw example through the preprocessing.

    Raises
    ------
    ExportError
        at the first contradiction.
    """
    notes = []
    if isinstance(model, torch.jit.ScriptModule):
        capture = "script"
        notes.append(
            "the model is TorchScript already and was taken as it is: what it was made from was not compared with it"
        )
    arguments_of, names = model, inputs
    arguments = read_arguments(model, method, examples, inputs)
    model = arguments.model
    inputs = check_names("inputs", arguments.names)
    cases = read_examples(arguments.examples, inputs)
    ranks = {key: value.dim() for key, value in zip(inputs, cases[0].inputs, strict=True)}
    dims = read_dynamic(dynamic, inputs, ranks)
    check_variety(cases, inputs, dims)
    if callable(rules):
        rules = _made_like_examples(arguments_of, method, rules, names)
    learned = read_rules(rules, inputs, [case.inputs for case in cases], dims)
    written = find_written_buffers(model, inputs, cases, learned)
    with unchanged(model):
        outputs = check_names("outputs", name_outputs(run_eager(model, cases[0].inputs), outputs))
    clash = sorted(set(inputs) & set(outputs))
    if clash:
        raise ExportError(
            "NAMES_INVALID",
            f"{', '.join(clash)}: an input and an output need different names; name the outputs: outputs=[…]",
        )
    pairs = read_states(states, inputs, outputs)
    found = states_of_buffers(model, written, cases, [*inputs, *outputs]) if written else None
    if found:
        model, cases = found.model, found.cases
        notes.append(found.note)
        pairs += found.states
        inputs = check_names("inputs", [*inputs, *(before for before, _ in found.states)])
        outputs = check_names("outputs", [*outputs, *(after for _, after in found.states)])
        learned = with_states(learned, inputs, [case.inputs for case in cases])
    caches = [name for name in outputs if CACHE_PART.search(name)]
    if caches:
        notes.append(
            f"{', '.join(caches[:2])} and so on are a cache of keys and values: model.config.use_cache = False leaves "
            "them out"
        )
    require_repeatable(model, cases)
    results = run_eager(model, cases[0].inputs)
    unknown = sorted(set(docs) - {*inputs, *outputs})
    if unknown:
        raise ExportError("NAMES_INVALID", f"docs: no input or output is called {', '.join(unknown)}")
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
        precisions=[name for name in PRECISIONS if name in precisions],
        capture=capture_by_format(capture),
        output_ranks=[value.dim() for _, value in results],
        rules=learned,
        variants=VARIANTS if variants is None else tuple(name for name in VARIANTS if name in variants),
        notes=notes,
        reference=reference,
    )


def _made_like_examples(
    model: nn.Module, method: str, make: Callable[[dict[str, int]], object], names: Sequence[str] | None
) -> Callable[[dict[str, int]], Sequence[Tensor]]:
    """The caller's function, its examples read as the given ones are."""

    def made(sizes: dict[str, int]) -> Sequence[Tensor]:
        return read_arguments(model, method, [make(sizes)], names).examples[0]

    return made


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

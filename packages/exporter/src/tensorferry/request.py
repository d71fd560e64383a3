"""The arguments of one export, checked against each other and against the model."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .arguments import read_arguments
from .differing_dims import differing_dims
from .dims import DynamicDims, read_dynamic
from .eager import run_eager
from .errors import ExportError
from .examples import VARIANTS, Case, check_variety, read_examples
from .fit_text import find_unfit
from .names import check_names
from .pipeline import Pipeline, read_pipeline
from .postprocess_cases import finished_cases
from .problems import Problems
from .raw_cases import RawCase, read_raw_cases, with_pixel_ends
from .reference import PYTORCH, Reference
from .repeatable import require_repeatable
from .results import name_outputs
from .rules import Rules, read_rules, with_states
from .snapshot import unchanged
from .stateful import find_written_buffers, states_of_buffers
from .states import read_states
from .suggestion import did_you_mean
from .task import check_labels, check_task
from .tensors import DTYPES
from .torchvision_transform import with_transforms


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
    finished: set[str]
    """Names of the examples that the postprocess gives a result of, where no picture is in front of the model."""
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
EACH_FORMAT = 'or one for each format: {"onnx": "export", "torchscript": "trace"}'


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
    formats: Sequence[str], capture: str | Mapping[str, str], name: str, version: str, labels: Sequence[str] | None
) -> list[ExportError]:
    """`OPTIONS_INVALID` for each that is wrong by itself."""
    found: list[str] = []
    if not formats:
        found.append(f"formats: expected a list such as ['onnx'], got {formats!r}")
    for one in dict.fromkeys(map(str, formats)):
        if one not in FORMATS:
            found.append(f"formats: {one!r} is unknown{did_you_mean(one, FORMATS)}; use some of {', '.join(FORMATS)}")
    if len(set(map(str, formats))) != len(formats):
        found.append(f"formats: one stands twice in {list(formats)}")
    found += _capture_problems(capture, formats)
    for key, value in (("name", name), ("version", version)):
        if not isinstance(value, str) or not value.strip():
            found.append(f"{key}: expected some text, got {value!r}")
        elif problem := find_unfit(value, key):
            found.append(problem)
    if labels is not None and not all(isinstance(label, str) for label in labels):
        found.append("labels: expected a list of texts, one for each class")
    elif problem := find_unfit(list(labels or ()), "labels"):
        found.append(problem)
    return [ExportError("OPTIONS_INVALID", text) for text in found]


def _capture_problems(capture: str | Mapping[str, str], formats: Sequence[str]) -> list[str]:
    if not isinstance(capture, (str, Mapping)):
        return [f"capture: expected one of {', '.join(CAPTURES)}, {EACH_FORMAT}; got {capture!r}"]
    unknown = [] if isinstance(capture, str) else [str(name) for name in capture if name not in FORMATS]
    found = [f"capture: {name!r} is no format; they are {', '.join(FORMATS)}" for name in unknown]
    for name, way in capture_by_format(capture).items():
        if way not in CAPTURES:
            found.append(f"capture: expected one of {', '.join(CAPTURES)}, {EACH_FORMAT}; got {way!r}")
        elif name in formats and name == "aot-inductor" and way in ("trace", "script"):
            found.append(f"capture: aot-inductor needs torch.export, got {way!r}; use 'auto', {EACH_FORMAT}")
        elif name in formats and name == "torchscript" and way == "export":
            found.append(f"capture: TorchScript does not come from torch.export; use 'auto', {EACH_FORMAT}")
    return list(dict.fromkeys(found))


def check_precisions(precisions: Sequence[str], formats: Sequence[str], model: nn.Module) -> None:
    """Raises `OPTIONS_INVALID` for precisions that are unknown, or cannot be made of this model."""
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
    raw_examples: Mapping[str, Any],
    labels: Sequence[str] | None,
    docs: Mapping[str, str],
    identity: Mapping[str, str | None],
    formats: Sequence[str],
    capture: str | Mapping[str, str],
    precisions: Sequence[str] = (),
    rules: Mapping[str, str] | Callable[[dict[str, int]], object] | None = None,
    variants: Sequence[str] | None = None,
    reference: Reference = PYTORCH,
    problems: Problems | None = None,
) -> Request:
    """Runs the model on the first example to learn its results, and each raw example through the preprocessing.

    Parameters
    ----------
    problems : what is known to be wrong already; it is said together with what is found here

    Raises
    ------
    ExportError
        with everything that is wrong, as far as one thing can be seen beside the other.
    """
    problems = problems or Problems()
    notes = []
    if isinstance(model, torch.jit.ScriptModule):
        capture = "script"
        notes.append(
            "the model is TorchScript already and was taken as it is: what it was made from was not compared with it"
        )
    arguments_of, names = model, inputs
    with problems.ending():
        arguments = read_arguments(model, method, examples, inputs)
        model = arguments.model
        notes += arguments.notes
        inputs = check_names("inputs", arguments.names)
        cases = read_examples(arguments.examples, inputs)
    ranks = {key: value.dim() for key, value in zip(inputs, cases[0].inputs, strict=True)}
    if dynamic is None:
        dynamic, differing = differing_dims(model, inputs, cases)
        notes += differing
    found_dims = problems.of(lambda: _read_dims(dynamic, inputs, ranks, cases))
    dims = found_dims or DynamicDims({}, {})
    with problems.ending():
        if callable(rules):
            rules = _made_like_examples(arguments_of, method, rules, names)
        learned = read_rules(rules, inputs, [case.inputs for case in cases], dims)
        written = find_written_buffers(model, inputs, cases, learned)
        with unchanged(model):
            given = run_eager(model, cases[0].inputs)
        outputs = check_names("outputs", name_outputs(given, outputs))
        _require_apart(inputs, outputs)
    pairs = problems.of(lambda: read_states(states, inputs, outputs)) or []
    if written:
        problems.require_none()
        found = states_of_buffers(model, written, cases, [*inputs, *outputs])
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
    with unchanged(model):
        results = run_eager(model, cases[0].inputs)
    problems.of(lambda: _check_docs(docs, inputs, outputs))
    first = cases[0].inputs
    pipeline = problems.of(lambda: _read_steps(preprocess, postprocess, inputs, outputs, first, notes)) or Pipeline(
        [], []
    )
    raw = None
    if bool(pipeline) == bool(preprocess or postprocess):
        problems.of(lambda: check_task(identity.get("task"), pipeline))
        problems.of(lambda: check_labels(labels, pipeline, outputs, [value for _, value in results]))
        problems.of(lambda: _require_no_states(pipeline, pairs))
        taken = {case.name for case in cases}
        if found_dims is not None and not (pipeline and pairs):
            raw = problems.of(lambda: read_raw_cases(pipeline, raw_examples, taken, inputs, cases[0].inputs, dims))
    problems.require_none()
    finished: set[str] = set()
    if pipeline.postprocess and not pipeline.preprocess:
        cases, finished = finished_cases(model, pipeline, cases, inputs, outputs, dims)
    require_repeatable(model, cases)
    return Request(
        model=model,
        cases=cases,
        inputs=inputs,
        outputs=outputs,
        dims=dims,
        states=pairs,
        pipeline=pipeline,
        raw=raw or [],
        finished=finished,
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


def _read_dims(
    dynamic: Mapping[str, Mapping[int, str]], inputs: Sequence[str], ranks: Mapping[str, int], cases: Sequence[Case]
) -> DynamicDims:
    dims = read_dynamic(dynamic, inputs, ranks)
    check_variety(cases, inputs, dims)
    return dims


def _require_apart(inputs: Sequence[str], outputs: Sequence[str]) -> None:
    clash = sorted(set(inputs) & set(outputs))
    if clash:
        raise ExportError(
            "NAMES_INVALID",
            f"{', '.join(clash)}: an input and an output need different names; name the outputs: outputs=[…]",
        )


def _read_steps(
    preprocess: Any,
    postprocess: Sequence[Mapping[str, Any]],
    inputs: Sequence[str],
    outputs: Sequence[str],
    first: Sequence[Tensor],
    notes: list[str],
) -> Pipeline:
    shapes = {name: tuple(value.shape) for name, value in zip(inputs, first, strict=True)}
    entries = with_transforms(preprocess, list(inputs), shapes, notes)
    return read_pipeline(with_pixel_ends(entries, inputs, first), postprocess, inputs, outputs)


def _require_no_states(pipeline: Pipeline, pairs: Sequence[tuple[str, str]]) -> None:
    if pipeline and pairs:
        raise ExportError(
            "NOT_YET",
            "preprocess and postprocess around a model with states: stream() takes and gives tensors so far; leave the "
            "steps out",
        )


def _check_docs(docs: Mapping[str, str], inputs: Sequence[str], outputs: Sequence[str]) -> None:
    unknown = [str(key) for key in docs if key not in {*inputs, *outputs}]
    if unknown:
        raise ExportError("NAMES_INVALID", f"docs: no input or output is called {', '.join(sorted(unknown))}")
    if problem := find_unfit(dict(docs), "docs"):
        raise ExportError("OPTIONS_INVALID", problem)

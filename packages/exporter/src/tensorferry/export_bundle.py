"""`export_bundle`: from a PyTorch module to a folder whose numbers have been shown to be PyTorch's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import onnxruntime
import PIL
import torch
from torch import Tensor, nn

from ._version import __version__
from .capture import capture_onnx, preload
from .dims import Dim, DynamicDims, read_dynamic
from .eager import (
    evaluating,
    name_outputs,
    outputs_of,
    require_cpu,
    require_deterministic,
    require_stateless,
    run_eager,
)
from .errors import ExportError
from .examples import Case, capture_example, check_variety, read_examples
from .folder import require_free, require_no_machine_path, staged
from .goldens import Goldens
from .isolate import run_isolated
from .manifest import SCHEMA, dim_entry, file_entry, to_text
from .onnx_file import finish_onnx, opset_of
from .output_dims import find_dim
from .pipeline import Pipeline, RawCase, read_pipeline, run_postprocess, run_preprocess
from .progress import Progress
from .replay import OnnxFile, Replay
from .report import ArtifactReport, ExportReport
from .rows import batch_dim, rows_independent
from .states import check_states, read_states
from .tensors import DTYPES

NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_.\-]*$")
MODEL_FILE = "model.onnx"
GOLDENS_FILE = "goldens.safetensors"


@dataclass(frozen=True)
class Request:
    """The checked arguments of one export."""

    model: nn.Module
    cases: list[Case]
    inputs: list[str]
    outputs: list[str]
    dims: DynamicDims
    states: list[tuple[str, str]]
    pipeline: Pipeline
    raw: list[RawCase]


def export_bundle(
    model: nn.Module,
    examples: Sequence[Sequence[Tensor]],
    out: str | Path,
    inputs: Sequence[str],
    outputs: Sequence[str] | None = None,
    dynamic: Mapping[str, Mapping[int, str]] | None = None,
    states: Sequence[tuple[str, str]] = (),
    formats: Sequence[str] = ("onnx",),
    capture: str = "auto",
    preprocess: Sequence[Mapping[str, Any]] = (),
    postprocess: Sequence[Mapping[str, Any]] = (),
    labels: Sequence[str] | None = None,
    *,
    name: str,
    version: str = "1.0.0",
    license: str | None = None,
    task: str | None = None,
    raw_examples: Mapping[str, str | Path] | None = None,
    docs: Mapping[str, str] | None = None,
    progress: bool = True,
) -> ExportReport:
    """Writes a bundle and proves it: the written file is replayed against eager PyTorch before it gets its place.

    Parameters
    ----------
    model : a module on the CPU; it is run in eval mode and put back into its own mode afterwards
    examples : at least two tuples of tensors, one tensor per input, with other values, and other sizes where dims are
        dynamic. They become the bundle's golden cases, so keep them small
    out : the folder; an earlier bundle there is replaced, files that it did not list are kept
    inputs : a name for each of forward's arguments
    outputs : a name for each tensor that forward gives; None takes the keys of a dict
    dynamic : for each input the axes that may change, such as `{"x": {0: "batch[1:64]", 2: "height[8:512:8]"}}`:
        name, smallest and largest size, and what it is a multiple of. The same name is the same size everywhere
    states : pairs (input, output) that a stream feeds back, zeros at first
    formats : only `"onnx"` so far
    capture : `"auto"` or `"torch.export"`, which are the same so far
    preprocess, postprocess : pipeline entries as in the manifest; see `tensorferry.reference_pipeline` for the steps
    labels : what the indices of a classification mean
    name, version, license, task : for the manifest
    raw_examples : case name -> path of a picture that is copied into the bundle with every stage's result;
        needed when there is a pipeline
    docs : input or output name -> one line for people
    progress : whether to say on stderr what is going on, from two seconds on

    Returns
    -------
    what was proven, on how many inputs, and what was not

    Raises
    ------
    ExportError
        wherever something could not be proven; see `tensorferry.CODES`. No bundle is left then.
    """
    out = Path(out)
    _check_options(out, formats, capture, name, version, labels)
    meter = Progress(progress)
    with evaluating(model):
        request = _read_request(
            model, examples, inputs, outputs, dynamic, states, preprocess, postprocess, raw_examples, docs, labels
        )
        with staged(out) as folder:
            try:
                return _write_bundle(
                    request,
                    folder,
                    out,
                    meter,
                    labels,
                    docs or {},
                    {"name": name, "version": version, "license": license, "task": task},
                )
            finally:
                meter.end()


def _check_options(
    out: Path, formats: Sequence[str], capture: str, name: str, version: str, labels: Sequence[str] | None
) -> None:
    if isinstance(formats, str) or not formats:
        raise ExportError("OPTIONS_INVALID", f"formats: expected a list such as ['onnx'], got {formats!r}")
    for found in formats:
        if found in ("torchscript", "aot-inductor"):
            raise ExportError("NOT_YET", f"formats: {found!r} is not written yet; use ['onnx']")
        if found != "onnx":
            raise ExportError("OPTIONS_INVALID", f"formats: {found!r} is unknown; use ['onnx']")
    if capture in ("trace", "script"):
        raise ExportError("NOT_YET", f"capture: {capture!r} is not supported yet; use 'auto'")
    if capture not in ("auto", "torch.export"):
        raise ExportError("OPTIONS_INVALID", f"capture: expected 'auto' or 'torch.export', got {capture!r}")
    for key, value in (("name", name), ("version", version)):
        if not isinstance(value, str) or not value.strip():
            raise ExportError("OPTIONS_INVALID", f"{key}: expected some text, got {value!r}")
    if labels is not None and (isinstance(labels, str) or not all(isinstance(label, str) for label in labels)):
        raise ExportError("OPTIONS_INVALID", "labels: expected a list of texts, one for each class")
    require_free(out)


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


def _read_request(
    model: nn.Module,
    examples: Sequence[Sequence[Tensor]],
    inputs: Sequence[str],
    outputs: Sequence[str] | None,
    dynamic: Mapping[str, Mapping[int, str]] | None,
    states: Sequence[tuple[str, str]],
    preprocess: Sequence[Mapping[str, Any]],
    postprocess: Sequence[Mapping[str, Any]],
    raw_examples: Mapping[str, str | Path] | None,
    docs: Mapping[str, str] | None,
    labels: Sequence[str] | None,
) -> Request:
    require_cpu(model)
    inputs = _check_names("inputs", inputs)
    cases = read_examples(examples, inputs)
    ranks = {key: value.dim() for key, value in zip(inputs, cases[0].inputs, strict=True)}
    dims = read_dynamic(dynamic, inputs, ranks)
    check_variety(cases, inputs, dims)
    try:
        require_stateless(model, cases[0].inputs)
        results = run_eager(model, cases[0].inputs)
    except ExportError:
        raise
    except Exception as error:
        raise ExportError("EXAMPLES_INVALID", f"the model itself fails on example {cases[0].name}: {error}") from error
    outputs = _check_names("outputs", name_outputs(results, outputs))
    clash = sorted(set(inputs) & set(outputs))
    if clash:
        raise ExportError("NAMES_INVALID", f"{', '.join(clash)}: an input and an output need different names")
    unknown = sorted(set(docs or {}) - {*inputs, *outputs})
    if unknown:
        raise ExportError("NAMES_INVALID", f"docs: no input or output is called {', '.join(unknown)}")
    require_deterministic(model, cases[0].inputs, cases[0].name)
    pairs = read_states(states, inputs, outputs)
    pipeline = read_pipeline(preprocess, postprocess, inputs, outputs)
    raw = _read_raw(pipeline, raw_examples or {}, {case.name for case in cases}, inputs, cases, dims)
    classes = results[0][1].shape[-1] if results[0][1].dim() else None
    if labels is not None and len(results) == 1 and classes != len(labels):
        raise ExportError(
            "OPTIONS_INVALID", f"labels: {len(labels)} for an output of {classes} classes; give one for each"
        )
    return Request(model, cases, inputs, outputs, dims, pairs, pipeline, raw)


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
        dims.bind({inputs[0]: tuple(case.input.shape)})
        raw.append(case)
    return raw


def _write_bundle(
    request: Request,
    folder: Path,
    out: Path,
    meter: Progress,
    labels: Sequence[str] | None,
    docs: Mapping[str, str],
    identity: dict[str, str | None],
) -> ExportReport:
    inputs, outputs, dims, cases = request.inputs, request.outputs, request.dims, request.cases
    example = capture_example(cases, inputs, dims)
    preload()
    meter.show("capture")
    captured = run_isolated(
        partial(capture_onnx, request.model, example, inputs, dims), lambda: meter.show("capture with torch.export")
    )
    input_shapes: list[list[Dim]] = [
        dims.shape(key, value.shape) for key, value in zip(inputs, cases[0].inputs, strict=True)
    ]
    _write_model(folder, captured.onnx, request, input_shapes, captured.output_shapes)

    file = OnnxFile(folder / MODEL_FILE, inputs, outputs)
    replay = Replay(request.model, file, dims, captured.raised, meter)
    replay.run_all(cases)
    for raw in request.raw:
        replay.run(Case(raw.name, (raw.input,), is_example=True))
    output_shapes: list[list[Dim]] = [
        [find_dim(symbolic, replay.axis(key, axis)) for axis, symbolic in enumerate(shape)]
        for key, shape in zip(outputs, captured.output_shapes, strict=True)
    ]
    if output_shapes != captured.output_shapes:
        _write_model(folder, captured.onnx, request, input_shapes, output_shapes)
        file = OnnxFile(folder / MODEL_FILE, inputs, outputs)
        replay = Replay(request.model, file, dims, captured.raised, meter)
        replay.run_all(cases)
        for raw in request.raw:
            replay.run(Case(raw.name, (raw.input,), is_example=True))
    batch = _prove_batch(request, replay, output_shapes)

    example_outputs = [value for _, value in run_eager(request.model, cases[0].inputs)]
    input_specs = [
        _spec(key, value, shape, docs) for key, value, shape in zip(inputs, cases[0].inputs, input_shapes, strict=True)
    ]
    output_specs = [
        _spec(key, value, shape, docs)
        for key, value, shape in zip(outputs, example_outputs, output_shapes, strict=True)
    ]
    check_states(request.states, input_specs, output_specs)
    goldens = _write_goldens(request, replay, folder)
    runtime = f"onnxruntime {onnxruntime.__version__}"
    max_abs = float(f"{replay.max_abs:.2g}")
    model_file = file_entry(folder, MODEL_FILE)
    manifest = {
        "schema": SCHEMA,
        **{key: value for key, value in identity.items() if value is not None},
        "dims": {key: dim_entry(found, key == batch) for key, found in dims.ranges.items()},
        "inputs": input_specs,
        "outputs": output_specs,
        "states": [{"input": key, "output": output, "init": "zeros"} for key, output in request.states],
        "artifacts": [
            {
                "name": "onnx",
                "format": "onnx",
                "precision": _precision(request),
                "files": [model_file],
                "requires": {"opset": opset_of((folder / MODEL_FILE).read_bytes())},
                "route": captured.route,
                "verified": {"runtime": runtime, "cases": replay.cases, "max_abs": max_abs},
            }
        ],
        "preprocess": request.pipeline.preprocess,
        "postprocess": request.pipeline.postprocess,
        "labels": None if labels is None else list(labels),
        "goldens": {
            "file": file_entry(folder, GOLDENS_FILE),
            "tolerance": goldens.tolerance([_precision(request), *(spec["dtype"] for spec in output_specs)]),
            "cases": [
                {**case, "raw": file_entry(folder, case["raw"])} if "raw" in case else case for case in goldens.cases
            ],
        },
        "producer": {
            "tensorferry": __version__,
            "torch": torch.__version__.split("+")[0],
            **({"pillow": PIL.__version__} if request.pipeline else {}),
        },
    }
    (folder / "bundle.json").write_text(to_text(manifest), encoding="utf-8", newline="\n")
    require_no_machine_path(folder)
    return ExportReport(
        out=str(out),
        name=str(identity["name"]),
        version=str(identity["version"]),
        artifacts=[ArtifactReport("onnx", "onnx", captured.route, runtime, model_file["size"], replay.cases, max_abs)],
        inputs={spec["name"]: _text(spec) for spec in input_specs},
        outputs={spec["name"]: _text(spec) for spec in output_specs},
        batch=batch,
        goldens=[case["name"] for case in goldens.cases],
        size=sum(path.stat().st_size for path in folder.iterdir()),
        notes=replay.notes,
    )


def _write_model(
    folder: Path,
    content: bytes,
    request: Request,
    input_shapes: Sequence[list[Dim]],
    output_shapes: Sequence[list[Dim]],
) -> None:
    named = [
        list(zip(request.inputs, input_shapes, strict=True)),
        list(zip(request.outputs, output_shapes, strict=True)),
    ]
    (folder / MODEL_FILE).write_bytes(finish_onnx(content, *named))


def _prove_batch(request: Request, replay: Replay, output_shapes: Sequence[list[Dim]]) -> str | None:
    """The dim that a server may batch along, shown for PyTorch and for the written file."""
    dim = batch_dim(request.dims, request.inputs, output_shapes)
    if dim is None:
        return None
    for run in (partial(outputs_of, request.model), replay.file.run):
        reason = rows_independent(run, request.cases[0])
        if reason:
            replay.notes.append(f"{dim}: not marked as batch: {reason}")
            return None
    return dim


def _write_goldens(request: Request, replay: Replay, folder: Path) -> Goldens:
    goldens = Goldens()
    for case in request.cases:
        if request.states:
            goldens.add_steps(case, replay, request.states)
        else:
            goldens.add_example(case, replay)
    for raw in request.raw:
        (folder / raw.file_name).write_bytes(raw.content)
        outputs = outputs_of(request.model, [raw.input])
        results = {}
        if request.pipeline.postprocess:
            source = outputs[request.outputs.index(request.pipeline.postprocess[0]["from"][0])]
            results = run_postprocess(request.pipeline, torch.from_numpy(source.copy()), raw.context)
        goldens.add_raw(raw, replay, outputs, results)
    (folder / GOLDENS_FILE).write_bytes(goldens.content())
    return goldens


def _spec(name: str, value: Tensor, shape: list[Dim], docs: Mapping[str, str]) -> dict[str, Any]:
    return {"name": name, "dtype": DTYPES[value.dtype], "shape": shape, **({"doc": docs[name]} if name in docs else {})}


def _text(spec: Mapping[str, Any]) -> str:
    return f"{spec['dtype']}[{', '.join('?' if dim is None else str(dim) for dim in spec['shape'])}]"


def _precision(request: Request) -> str:
    """The dtype of the weights, or of the first floating-point input."""
    tensors = [*request.model.parameters(), *request.model.buffers(), *request.cases[0].inputs]
    floats = [DTYPES[value.dtype] for value in tensors if value.is_floating_point()]
    return floats[0] if floats else "float32"

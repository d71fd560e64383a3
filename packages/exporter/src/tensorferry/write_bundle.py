"""Writes the files of a bundle and proves each: capture, replay, output dims, batch, goldens, manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import onnxruntime
import PIL
import torch
from torch import Tensor

from ._version import __version__
from .capture import Captured, capture_onnx, preload
from .dims import Dim
from .eager import outputs_of, run_eager
from .errors import ExportError
from .examples import Case, capture_example
from .folder import require_no_machine_path
from .goldens import Goldens
from .isolate import run_isolated
from .manifest import SCHEMA, dim_entry, file_entry, to_text
from .onnx_file import finish_onnx, opset_of
from .output_dims import find_dim
from .pipeline import run_postprocess
from .progress import Progress
from .replay import OnnxFile, Replay
from .report import ArtifactReport, ExportReport
from .request import Request
from .rows import batch_dim, rows_independent
from .states import check_states
from .tensors import DTYPES

MODEL_FILE = "model.onnx"
GOLDENS_FILE = "goldens.safetensors"


def write_bundle(request: Request, folder: Path, out: Path, meter: Progress) -> ExportReport:
    """Captures, writes and proves one bundle.

    Parameters
    ----------
    folder : where the files are written
    out : where the folder goes afterwards, for the report
    """
    captured = _capture(request, meter)
    first = request.cases[0].inputs
    input_shapes = [request.dims.shape(key, value.shape) for key, value in zip(request.inputs, first, strict=True)]
    replay, output_shapes = _prove_model(request, folder, captured, input_shapes, meter)
    batch = _prove_batch(request, replay, output_shapes)
    results = [value for _, value in run_eager(request.model, first)]
    inputs = _specs(request.inputs, first, input_shapes, request.docs)
    outputs = _specs(request.outputs, results, output_shapes, request.docs)
    check_states(request.states, inputs, outputs)
    goldens = _write_goldens(request, replay, folder)
    artifact = _artifact(request, folder, captured.route, replay)
    manifest = {
        "schema": SCHEMA,
        **request.identity,
        "dims": {key: dim_entry(found, key == batch) for key, found in request.dims.ranges.items()},
        "inputs": inputs,
        "outputs": outputs,
        "states": [{"input": key, "output": output, "init": "zeros"} for key, output in request.states],
        "artifacts": [artifact],
        "preprocess": request.pipeline.preprocess,
        "postprocess": request.pipeline.postprocess,
        "labels": request.labels,
        "goldens": {
            "file": file_entry(folder, GOLDENS_FILE),
            "tolerance": goldens.tolerance([_precision(request), *(spec["dtype"] for spec in outputs)]),
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
    proven = artifact["verified"]
    size = artifact["files"][0]["size"]
    return ExportReport(
        out=str(out),
        name=request.identity["name"],
        version=request.identity["version"],
        artifacts=[
            ArtifactReport("onnx", "onnx", captured.route, proven["runtime"], size, proven["cases"], proven["max_abs"])
        ],
        inputs={spec["name"]: _text(spec) for spec in inputs},
        outputs={spec["name"]: _text(spec) for spec in outputs},
        batch=batch,
        goldens=[case["name"] for case in goldens.cases],
        size=sum(path.stat().st_size for path in folder.iterdir()),
        notes=replay.notes,
    )


def _capture(request: Request, meter: Progress) -> Captured:
    example = capture_example(request.cases, request.inputs, request.dims)
    meter.show("load torch.export")
    preload()
    captured = run_isolated(
        partial(capture_onnx, request.model, example, request.inputs, request.dims),
        lambda: meter.show("capture with torch.export"),
    )
    if len(captured.output_shapes) != len(request.outputs):
        raise ExportError(
            "CAPTURE_FAILED",
            f"the captured model gives {len(captured.output_shapes)} results, eager PyTorch {len(request.outputs)}; it "
            "takes another way while it is exported",
        )
    return captured


def _prove_model(
    request: Request, folder: Path, captured: Captured, input_shapes: list[list[Dim]], meter: Progress
) -> tuple[Replay, list[list[Dim]]]:
    """Writes and replays the model; once more when its output dims turn out to be others than torch.export's."""
    shapes = captured.output_shapes
    while True:
        named = zip(request.inputs, input_shapes, strict=True), zip(request.outputs, shapes, strict=True)
        path = folder / MODEL_FILE
        path.write_bytes(finish_onnx(captured.onnx, *map(list, named)))
        file = OnnxFile(path, request.inputs, request.outputs)
        replay = Replay(request.model, file, request.dims, captured.raised, meter)
        replay.run_all(request.cases)
        for raw in request.raw:
            replay.run(Case(raw.name, (raw.input,), is_example=True))
        found = [
            [find_dim(symbolic, replay.axis(key, axis)) for axis, symbolic in enumerate(shape)]
            for key, shape in zip(request.outputs, captured.output_shapes, strict=True)
        ]
        if found == shapes:
            return replay, shapes
        shapes = found


def _artifact(request: Request, folder: Path, route: str, replay: Replay) -> dict[str, Any]:
    return {
        "name": "onnx",
        "format": "onnx",
        "precision": _precision(request),
        "files": [file_entry(folder, MODEL_FILE)],
        "requires": {"opset": opset_of((folder / MODEL_FILE).read_bytes())},
        "route": route,
        "verified": {
            "runtime": f"onnxruntime {onnxruntime.__version__}",
            "cases": replay.cases,
            "max_abs": float(f"{replay.max_abs:.2g}"),
        },
    }


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


def _specs(
    names: Sequence[str], values: Sequence[Tensor], shapes: Sequence[list[Dim]], docs: Mapping[str, str]
) -> list[dict[str, Any]]:
    return [
        {"name": name, "dtype": DTYPES[value.dtype], "shape": shape, **({"doc": docs[name]} if name in docs else {})}
        for name, value, shape in zip(names, values, shapes, strict=True)
    ]


def _text(spec: Mapping[str, Any]) -> str:
    return f"{spec['dtype']}[{', '.join('?' if dim is None else str(dim) for dim in spec['shape'])}]"


def _precision(request: Request) -> str:
    """The dtype of the weights, or of the first floating-point input."""
    tensors = [*request.model.parameters(), *request.model.buffers(), *request.cases[0].inputs]
    floats = [DTYPES[value.dtype] for value in tensors if value.is_floating_point()]
    return floats[0] if floats else "float32"

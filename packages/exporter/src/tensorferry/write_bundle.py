"""Writes a bundle: proven model files, output dims, batch, goldens, manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import PIL
import torch
from torch import Tensor

from ._version import __version__
from .dims import Dim
from .eager import outputs_of, run_eager
from .folder import require_no_machine_path
from .goldens import Goldens
from .manifest import SCHEMA, dim_entry, file_entry, to_text
from .pipeline import run_postprocess
from .progress import Progress
from .prove import Proven, output_shapes, prove_formats
from .replay import Replay
from .report import ArtifactReport, ExportReport
from .request import Request
from .rows import batch_dim, rows_independent
from .runtimes import TORCH
from .states import check_states
from .tensors import DTYPES

GOLDENS_FILE = "goldens.safetensors"


def write_bundle(request: Request, folder: Path, out: Path, meter: Progress) -> ExportReport:
    """Writes and proves one bundle.

    Parameters
    ----------
    folder : where the files are written
    out : where the folder goes afterwards, for the report
    """
    first = request.cases[0].inputs
    input_shapes = [request.dims.shape(key, value.shape) for key, value in zip(request.inputs, first, strict=True)]
    proof = prove_formats(request, folder, input_shapes, meter)
    replay = proof.proven[0].replay
    shapes = output_shapes(request, replay, proof.symbolic)
    notes = list(dict.fromkeys(note for proven in proof.proven for note in proven.replay.notes))
    batch = _prove_batch(request, proof.proven, shapes, notes)
    results = [value for _, value in run_eager(request.model, first)]
    inputs = _specs(request.inputs, first, input_shapes, request.docs)
    outputs = _specs(request.outputs, results, shapes, request.docs)
    check_states(request.states, inputs, outputs)
    goldens = _write_goldens(request, replay, folder)
    precision = _precision(request)
    entries = {proven.format: proven.entry(folder) for proven in proof.proven}
    manifest = {
        "schema": SCHEMA,
        **request.identity,
        "dims": {key: dim_entry(found, key == batch) for key, found in request.dims.ranges.items()},
        "inputs": inputs,
        "outputs": outputs,
        "states": [{"input": key, "output": output, "init": "zeros"} for key, output in request.states],
        "artifacts": [
            {"name": name, "format": name, "precision": precision, **entry}
            for name, entry in entries.items()
            if name != "aot-inductor"
        ],
        # no backend reads it: `python -m tensorferry aoti` makes an artifact of it on the machine that runs it
        **({"program": {"precision": precision, **entries["aot-inductor"]}} if "aot-inductor" in entries else {}),
        "preprocess": request.pipeline.preprocess,
        "postprocess": request.pipeline.postprocess,
        "labels": request.labels,
        "goldens": {
            "file": file_entry(folder, GOLDENS_FILE),
            "tolerance": goldens.tolerance([precision, *(spec["dtype"] for spec in outputs)]),
            "cases": [
                {**case, "raw": file_entry(folder, case["raw"])} if "raw" in case else case for case in goldens.cases
            ],
        },
        "producer": {
            "tensorferry": __version__,
            "torch": TORCH,
            **({"pillow": PIL.__version__} if request.pipeline else {}),
        },
    }
    (folder / "bundle.json").write_text(to_text(manifest), encoding="utf-8", newline="\n")
    require_no_machine_path(folder)
    return ExportReport(
        out=str(out),
        name=request.identity["name"],
        version=request.identity["version"],
        artifacts=[_report(name, entry) for name, entry in entries.items()],
        inputs={spec["name"]: _text(spec) for spec in inputs},
        outputs={spec["name"]: _text(spec) for spec in outputs},
        batch=batch,
        goldens=[case["name"] for case in goldens.cases],
        size=sum(path.stat().st_size for path in folder.iterdir()),
        refused={name: str(error) for name, error in proof.refused.items()},
        notes=notes,
    )


def _report(name: str, entry: Mapping[str, Any]) -> ArtifactReport:
    proven = entry["verified"]
    size = entry["files"][0]["size"]
    return ArtifactReport(name, name, entry["route"], proven["runtime"], size, proven["cases"], proven["max_abs"])


def _prove_batch(
    request: Request, proven: Sequence[Proven], shapes: Sequence[list[Dim]], notes: list[str]
) -> str | None:
    """The dim that a server may batch along, shown for PyTorch and for every written file."""
    dim = batch_dim(request.dims, request.inputs, shapes)
    if dim is None:
        return None
    for run in (partial(outputs_of, request.model), *(one.replay.file.run for one in proven)):
        reason = rows_independent(run, request.cases[0])
        if reason:
            notes.append(f"{dim}: not marked as batch: {reason}")
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

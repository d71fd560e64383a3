"""Writes a bundle: proven model files, output dims, batch, goldens, manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from torch import Tensor

from ._version import __version__
from .dims import Dim
from .eager import explain, outputs_of, run_eager
from .errors import ExportError
from .fit_text import find_unfit
from .folder import require_no_machine_path
from .goldens import Goldens
from .manifest import SCHEMA, dim_entry, file_entry, to_text
from .postprocess_cases import finish
from .precision import Reduced, prove_precisions
from .progress import Progress
from .prove import Prove, Proven, prove_formats
from .quantized import quantized_parts
from .replay import Replay
from .replay_request import Shapes, output_shapes
from .report import ArtifactReport, ExportReport, OutputTolerance
from .request import Request
from .rows import batch_dim, rows_independent
from .states import check_states
from .tensors import DTYPES

GOLDENS_FILE = "goldens.safetensors"


def write_bundle(
    request: Request, folder: Path, out: Path, meter: Progress, prove: Prove = prove_formats
) -> ExportReport:
    """Writes and proves one bundle.

    Parameters
    ----------
    prove : writes the model files
    folder : where the files are written
    out : where the folder goes afterwards, for the report
    """
    first = request.cases[0].inputs
    input_shapes = [request.dims.shape(key, value.shape) for key, value in zip(request.inputs, first, strict=True)]
    proof = prove(request, folder, input_shapes, meter)
    replay = proof.proven[0].replay
    shapes = output_shapes(request, replay, proof.symbolic)
    notes = list(dict.fromkeys(note for proven in proof.proven for note in proven.replay.notes))
    meter.show("prove the batch dim")
    batch = _prove_batch(request, proof.proven, shapes, notes)
    reduced, refused = _prove_precisions(request, folder, proof.proven, (input_shapes, shapes), meter)
    notes += [note for one in reduced for note in one.notes]
    results = [value for _, value in run_eager(request.model, first)]
    inputs = _specs(request.inputs, first, input_shapes, request.docs)
    outputs = _specs(request.outputs, results, shapes, request.docs)
    check_states(request.states, inputs, outputs)
    meter.show("write the goldens")
    goldens = _write_goldens(request, replay, folder)
    precision = _precision(request)
    tolerance = {
        **goldens.tolerance([precision, *(spec["dtype"] for spec in outputs)]),
        **_own_tolerances(proof.proven),
        **{one.precision: one.tolerance for one in reduced},
    }
    entries = {proven.name or proven.format: (proven, proven.entry(folder)) for proven in proof.proven}
    program = entries.get("aot-inductor")
    manifest: dict[str, Any] = {
        "schema": SCHEMA,
        **request.identity,
        "dims": {key: dim_entry(found, key == batch) for key, found in request.dims.ranges.items()},
        "inputs": inputs,
        "outputs": outputs,
        "states": [{"input": key, "output": output, "init": "zeros"} for key, output in request.states],
        "artifacts": [
            {"name": name, "format": proven.format, "precision": proven.precision or precision, **entry}
            for name, (proven, entry) in entries.items()
            if proven.format != "aot-inductor"
        ]
        # behind full precision: a backend takes the first of its format
        + [one.entry for one in reduced],
        # no backend reads it: `python -m tensorferry aoti` makes an artifact of it on the machine that runs it
        **({"program": {"precision": precision, **program[1]}} if program else {}),
        "preprocess": request.pipeline.preprocess,
        "postprocess": request.pipeline.postprocess,
        "labels": request.labels,
        "goldens": {
            "file": file_entry(folder, GOLDENS_FILE),
            "tolerance": tolerance,
            "cases": [_with_files(folder, case) for case in goldens.cases],
        },
        "producer": {
            "tensorferry": __version__,
            **request.reference.producer,
            **({"pillow": PIL.__version__} if request.pipeline else {}),
        },
    }
    if problem := find_unfit(manifest):
        raise ExportError("OPTIONS_INVALID", problem)
    (folder / "bundle.json").write_text(to_text(manifest), encoding="utf-8", newline="\n")
    require_no_machine_path(folder)
    return ExportReport(
        out=str(out),
        name=request.identity["name"],
        version=request.identity["version"],
        artifacts=[
            *(_report(name, proven, entry) for name, (proven, entry) in entries.items()),
            *(_reduced_report(one) for one in reduced),
        ],
        inputs={spec["name"]: _text(spec) for spec in inputs},
        outputs={spec["name"]: _text(spec) for spec in outputs},
        batch=batch,
        goldens=[case["name"] for case in goldens.cases],
        tolerance={
            spec["name"]: OutputTolerance(**tolerance[spec["dtype"]], float64_difference=goldens.measured[spec["name"]])
            for spec in outputs
            if spec["dtype"] in tolerance
        },
        size=sum(path.stat().st_size for path in folder.iterdir()),
        dims=manifest["dims"],
        reference=request.reference.name,
        precisions=[one.report for one in reduced],
        refused={**proof.refused, **refused},
        notes=notes,
    )


def _report(name: str, proven: Proven, entry: Mapping[str, Any]) -> ArtifactReport:
    verified, size = entry["verified"], entry["files"][0]["size"]
    runtime, cases, max_abs = verified["runtime"], verified["cases"], verified["max_abs"]
    return ArtifactReport(name, proven.format, proven.route, runtime, size, cases, max_abs, proven.tried)


def _reduced_report(reduced: Reduced) -> ArtifactReport:
    entry, verified = reduced.entry, reduced.entry["verified"]
    size, cases, max_abs = entry["files"][0]["size"], verified["cases"], verified["max_abs"]
    return ArtifactReport(entry["name"], "onnx", entry["route"], verified["runtime"], size, cases, max_abs)


def _own_tolerances(proven: Sequence[Proven]) -> dict[str, dict[str, float]]:
    """By precision; the wider one where two artifacts share it."""
    found: dict[str, dict[str, float]] = {}
    for one in proven:
        if one.precision and one.tolerance:
            before = found.get(one.precision, {"atol": 0.0, "rtol": 0.0})
            atol, rtol = one.tolerance
            found[one.precision] = {"atol": max(atol, before["atol"]), "rtol": max(rtol, before["rtol"])}
    return found


def _prove_precisions(
    request: Request, folder: Path, proven: Sequence[Proven], shapes: tuple[Shapes, Shapes], meter: Progress
) -> tuple[list[Reduced], dict[str, ExportError]]:
    """Lower precisions of the ONNX file, where there is one."""
    if not request.precisions:
        return [], {}
    whole = next((one for one in proven if one.format == "onnx"), None)
    if whole is None:
        missing = ExportError("CAPTURE_FAILED", "there is no ONNX file in float32 to make it from")
        return [], {f"onnx-{precision}": missing for precision in request.precisions}
    return prove_precisions(request, folder / whole.file, whole.route, shapes, meter)


def _prove_batch(
    request: Request, proven: Sequence[Proven], shapes: Sequence[list[Dim]], notes: list[str]
) -> str | None:
    """The dim that a server may batch along, shown for PyTorch and for every written file."""
    dim = batch_dim(request.dims, request.inputs, shapes)
    if dim is None:
        return None
    error, largest = proven[0].replay.precise.error, request.dims.ranges[dim].max
    # one of lower precision agrees within its own tolerance only
    files = [one.replay.file.run for one in proven if one.tolerance is None]
    for run in (partial(outputs_of, request.model), *files):
        try:
            reason = rows_independent(run, request.cases, largest, error, request.rules.mend)
        except ExportError:
            raise
        except Exception as failure:
            # rows that are right together need not be right one by one, such as sorted ones
            reason = f"rows by themselves or in another order are refused: {explain(failure)}"
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
            is_finished = case.name in request.finished
            goldens.add_example(case, replay, partial(_results, request) if is_finished else None)
    for raw in request.raw:
        for picture in raw.pictures.values():
            (folder / picture.file_name).write_bytes(picture.content)
        goldens.add_raw(raw, replay, partial(_results, request))
    (folder / GOLDENS_FILE).write_bytes(goldens.content())
    return goldens


def _results(request: Request, outputs: Sequence[np.ndarray], context: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the postprocess makes of a run's outputs."""
    return finish(request.pipeline, request.outputs, outputs, context)


def _with_files(folder: Path, case: dict[str, Any]) -> dict[str, Any]:
    """A case with size and hash of its pictures."""
    if "raw" in case:
        return {**case, "raw": file_entry(folder, case["raw"])}
    if "raws" in case:
        return {**case, "raws": {name: file_entry(folder, path) for name, path in case["raws"].items()}}
    return case


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
    """The dtype of the weights, int8 where torch.ao packed them, or that of the first floating-point input."""
    if request.reference.precision:
        return request.reference.precision
    if quantized_parts(request.model):
        return "int8"
    tensors = [*request.model.parameters(), *request.model.buffers(), *request.cases[0].inputs]
    floats = [DTYPES[value.dtype] for value in tensors if value.is_floating_point()]
    return floats[0] if floats else "float32"

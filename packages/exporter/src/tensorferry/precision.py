"""Lower precisions of a proven ONNX file: converted, written, loaded again, measured against float32 PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .dims import Dim
from .eager import outputs_of
from .errors import ExportError
from .examples import Case, replay_cases
from .float16 import to_float16
from .goldens import round_up, run_steps
from .int8 import to_int8
from .isolate import run_isolated
from .manifest import file_entry
from .onnx_file import finish_onnx, opset_of
from .precision_error import PrecisionError, require_same_classes, spread
from .progress import Progress
from .replay_request import Shapes
from .report import PrecisionReport
from .request import Request
from .rows import batch_dim, rows_apart
from .runtimes import OnnxFile
from .speed import measure_speed

# the largest noise in standard deviations of the output; MiniLM has 0.001 and 0.15
LIMITS = {"float16": 0.01, "int8": 0.25}
ROUTES = {"float16": "weights stored as float16", "int8": "quantized by onnxruntime"}
SMALLEST_TOLERANCE = 1e-6
# two classes that PyTorch itself has closer than this, in standard deviations of the scores, may change places
TIE = 0.02


Cases = Sequence[tuple[Case, list[np.ndarray]]]


@dataclass(frozen=True)
class Reduced:
    """A file of lower precision that is close enough."""

    precision: str
    tolerance: dict[str, float]
    entry: dict[str, Any]
    """Of the manifest's artifacts."""
    report: PrecisionReport
    notes: list[str]


def prove_precisions(
    request: Request, whole: Path, route: str, shapes: tuple[Shapes, Shapes], meter: Progress
) -> tuple[list[Reduced], dict[str, ExportError]]:
    """Makes each precision that was asked for from a proven file in float32, and writes it beside that.

    Parameters
    ----------
    whole : the float32 file
    route : how it was made
    shapes : dims of inputs and outputs

    Returns
    -------
    those that are close enough, and why the others are not; these leave no file
    """
    reduced: list[Reduced] = []
    refused: dict[str, ExportError] = {}
    cases = _cases(request)
    for precision in request.precisions:
        path = whole.with_suffix(f".{precision}.onnx")
        try:
            reduced.append(_prove(request, whole, path, precision, route, shapes, cases, meter))
        except ExportError as error:
            path.unlink(missing_ok=True)
            refused[f"onnx-{precision}"] = error
    return reduced, refused


def _cases(request: Request) -> list[tuple[Case, list[np.ndarray]]]:
    """Everything to replay, with PyTorch's outputs; what PyTorch itself refuses is left out, and noted elsewhere."""
    cases, _ = replay_cases(request.cases, request.inputs, request.dims, {}, request.rules, request.variants)
    cases += [Case(raw.name, raw.inputs, is_example=True) for raw in request.raw]
    found = []
    for case in cases:
        try:
            found.append((case, outputs_of(request.model, case.inputs)))
        except Exception:
            if case.is_example:
                raise
    return found


def _prove(
    request: Request,
    whole: Path,
    path: Path,
    precision: str,
    route: str,
    shapes: tuple[Shapes, Shapes],
    cases: Cases,
    meter: Progress,
) -> Reduced:
    content = whole.read_bytes()
    converted, notes = _convert(content, precision, meter)
    inputs, outputs = shapes
    named = zip(request.inputs, inputs, strict=True), zip(request.outputs, outputs, strict=True)
    written = finish_onnx(converted, *map(list, named))
    path.write_bytes(written)
    file = OnnxFile(path, request.inputs, request.outputs)
    error = _measure(request, file, precision, cases, meter)
    if precision == "int8":
        notes += _rows_note(request, file, outputs, error)
    entry = {
        "name": f"onnx-{precision}",
        "format": "onnx",
        "precision": precision,
        "files": [file_entry(path.parent, path.name)],
        "requires": {"opset": opset_of(written)},
        "route": f"{route}, {ROUTES[precision]}",
        "verified": {"runtime": file.runtime, "cases": error.cases, "max_abs": float(f"{error.max_abs:.2g}")},
    }
    atol = round_up(max(error.tolerance(), SMALLEST_TOLERANCE))
    largest = max((case for case, _ in cases), key=lambda case: sum(value.numel() for value in case.inputs))
    meter.show(f"time {precision} against float32")
    speed = measure_speed(file, OnnxFile(whole, request.inputs, request.outputs), largest.inputs)
    report = PrecisionReport(
        name=entry["name"],
        size=len(written),
        size_ratio=len(written) / len(content),
        max_abs=error.max_abs,
        noise=error.noise[0],
        atol=atol,
        milliseconds=speed.milliseconds,
        time_ratio=speed.ratio,
        time_ratio_range=(speed.lowest, speed.highest),
    )
    return Reduced(precision, {"atol": atol, "rtol": 0.0}, entry, report, [f"{entry['name']}: {n}" for n in notes])


def _convert(content: bytes, precision: str, meter: Progress) -> tuple[bytes, list[str]]:
    """The converted model, and what the report should say of it."""
    if precision == "int8":
        # quantization logs warnings that are not for the user
        return run_isolated(partial(to_int8, content), lambda: meter.show("quantize to int8")), []
    converted, kept = to_float16(content)
    notes = [f"{len(kept)} weights stay in float32, they are over 65504: {', '.join(kept[:5])}"] if kept else []
    return converted, notes


def _measure(request: Request, file: OnnxFile, precision: str, cases: Cases, meter: Progress) -> PrecisionError:
    """Replays everything, streams too.

    Raises
    ------
    ExportError
        `REPLAY_MISMATCH` where it is too far off, `RUNTIME_REFUSED`.
    """
    goldens = [expected for case, expected in cases if case.is_example]
    error = PrecisionError(file, [spread(values) for values in zip(*goldens, strict=True)])
    for index, (case, expected) in enumerate(cases):
        meter.show(f"replay {precision} in {file.runtime}", index + 1, len(cases))
        error.run(case, expected)

    def on_result(where: str, name: str, expected: np.ndarray, got: np.ndarray) -> None:
        error.add(where, request.outputs.index(name), expected, got)

    if request.states:
        for case in request.cases:
            run_steps(request.model, file, case, request.states, on_result)
    error.require(precision, LIMITS[precision])
    scores = _scores(request, goldens[0])
    if scores is not None:
        for case, expected in cases:
            if case.is_example:
                got = file.run(case.inputs)[scores]
                require_same_classes(case.name, expected[scores], got, TIE * error.spreads[scores])
    return error


def _scores(request: Request, outputs: Sequence[np.ndarray]) -> int | None:
    """Which output holds a score for each label; None where there are no labels."""
    if request.labels is None:
        return None
    for entry in request.pipeline.postprocess:
        if any(step["op"] == "top_k" for step in entry["steps"]):
            return request.outputs.index(entry["from"][0])
    fitting = [i for i, value in enumerate(outputs) if value.ndim and value.shape[-1] == len(request.labels)]
    return next((index for index in fitting if outputs[index].dtype.kind == "f"), None)


def _rows_note(request: Request, file: OnnxFile, outputs: list[list[Dim]], error: PrecisionError) -> list[str]:
    """Dynamic quantization finds one scale for a whole tensor, so the rows of a batch share it."""
    if batch_dim(request.dims, request.inputs, outputs) is None:
        return []
    differences = rows_apart(file.run, request.cases, request.rules.mend)
    apart = max(difference / size for difference, size in zip(differences, error.spreads, strict=True))
    return [
        f"the rows of a batch share their scales: among three unlike rows a row comes out up to {apart:.2g} standard "
        "deviations of the output from what it is alone"
    ]

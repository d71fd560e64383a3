"""One format after the other: capture, write, load again, replay. What is not proven leaves no file behind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from .capture import Captured, capture_exported, preload
from .capture_torchscript import CapturedScript, capture_script, capture_trace
from .dims import Dim
from .errors import ExportError
from .examples import Case, capture_example
from .exported_program import share_weights
from .goldens import run_steps
from .isolate import run_isolated
from .manifest import file_entry
from .onnx_file import finish_onnx, opset_of
from .output_dims import find_dim
from .progress import Progress
from .replay import Replay
from .request import Request
from .runtimes import TORCH, OnnxFile, ProgramFile, TorchScriptFile, WrittenFile
from .torchscript_versions import required_torch

ONNX_FILE = "model.onnx"
TORCHSCRIPT_FILE = "model.pt"
PROGRAM_FILE = "program.pt2"
# what says that a file is wrong; the other codes say that the request is
ABOUT_THE_FILE = ("CAPTURE_FAILED", "RUNTIME_REFUSED", "REPLAY_MISMATCH")

Shapes = list[list[Dim]]


@dataclass(frozen=True)
class Proven:
    """A written file that gives PyTorch's numbers."""

    format: str
    file: str
    route: str
    requires: dict[str, Any]
    replay: Replay
    weights: str | None = None
    """Another file of the bundle that holds its weights."""

    def entry(self, folder: Path) -> dict[str, Any]:
        """What the manifest says of it."""
        return {
            "files": [file_entry(folder, self.file)],
            **({"weights": self.weights} if self.weights else {}),
            "requires": self.requires,
            "route": self.route,
            "verified": {
                "runtime": self.replay.file.runtime,
                "cases": self.replay.cases,
                "max_abs": float(f"{self.replay.max_abs:.2g}"),
            },
        }


@dataclass
class Proof:
    """What became of the formats that were asked for."""

    proven: list[Proven] = field(default_factory=list)
    refused: dict[str, ExportError] = field(default_factory=dict)
    symbolic: Shapes = field(default_factory=list)
    """torch.export's own view of the outputs, where it captured the model."""


def prove_formats(request: Request, folder: Path, input_shapes: Shapes, meter: Progress) -> Proof:
    """Writes every format that can be proven.

    Raises
    ------
    ExportError
        the first format's reason, when none could be.
    """
    proof = Proof(symbolic=[[None] * value_rank for value_rank in request.output_ranks])
    exported = [name for name in request.formats if name != "torchscript"]
    captured: Captured | ExportError | None = None
    if exported:
        try:
            captured = _capture_exported(request, exported, meter)
            proof.symbolic = captured.output_shapes
        except ExportError as error:
            captured = error
    for name in request.formats:
        try:
            if name == "torchscript":
                proof.proven.append(_prove_torchscript(request, folder, meter))
            elif isinstance(captured, Captured):
                prove = _prove_onnx if name == "onnx" else _prove_program
                proof.proven.append(prove(request, folder, captured, input_shapes, meter))
            else:
                assert captured is not None
                raise captured
        except ExportError as error:
            proof.refused[name] = error
    if not proof.proven:
        raise next(iter(proof.refused.values()))
    return proof


def output_shapes(request: Request, replay: Replay, symbolic: Shapes) -> Shapes:
    """The output dims that hold in every replay."""
    return [
        [find_dim(dim, replay.axis(name, axis)) for axis, dim in enumerate(dims)]
        for name, dims in zip(request.outputs, symbolic, strict=True)
    ]


def _capture_exported(request: Request, formats: Sequence[str], meter: Progress) -> Captured:
    example = capture_example(request.cases, request.inputs, request.dims)
    meter.show("load torch.export")
    preload()
    captured = run_isolated(
        partial(capture_exported, request.model, example, request.inputs, request.dims, formats),
        lambda: meter.show("capture with torch.export"),
    )
    if len(captured.output_shapes) != len(request.outputs):
        raise ExportError(
            "CAPTURE_FAILED",
            f"the captured model gives {len(captured.output_shapes)} results, eager PyTorch {len(request.outputs)}; it "
            "takes another way while it is exported",
        )
    return captured


def _replay(request: Request, file: WrittenFile, below: dict[str, int], meter: Progress) -> Replay:
    """Replays everything there is: examples, variants, prepared pictures, streams.

    Raises
    ------
    ExportError
    """
    replay = Replay(request.model, file, request.dims, below, meter)
    replay.run_all(request.cases)
    for raw in request.raw:
        replay.run(Case(raw.name, (raw.input,), is_example=True))
    if request.states:
        for case in request.cases:
            run_steps(request.model, file, case, request.states)
    return replay


def _prove_onnx(request: Request, folder: Path, captured: Captured, input_shapes: Shapes, meter: Progress) -> Proven:
    """Writes and replays the file; once more when its output dims turn out to be others than torch.export's."""
    assert captured.onnx is not None
    shapes = captured.output_shapes
    path = folder / ONNX_FILE
    with _removed_on_error(path):
        while True:
            named = zip(request.inputs, input_shapes, strict=True), zip(request.outputs, shapes, strict=True)
            path.write_bytes(finish_onnx(captured.onnx, *map(list, named)))
            replay = _replay(request, OnnxFile(path, request.inputs, request.outputs), captured.raised, meter)
            found = output_shapes(request, replay, captured.output_shapes)
            if found == shapes:
                break
            shapes = found
    return Proven("onnx", ONNX_FILE, captured.route, {"opset": opset_of(path.read_bytes())}, replay)


def _prove_program(request: Request, folder: Path, captured: Captured, input_shapes: Shapes, meter: Progress) -> Proven:
    """The torch.export program, which AOTInductor compiles later on the machine that runs it."""
    assert captured.program is not None
    path, script = folder / PROGRAM_FILE, folder / TORCHSCRIPT_FILE
    # written before, where it was asked for and proven
    weights = script if script.exists() else None
    with _removed_on_error(path):
        content = share_weights(captured.program, script.read_bytes()) if weights else captured.program
        path.write_bytes(content)
        file = ProgramFile(path, request.inputs, request.outputs, weights)
        replay = _replay(request, file, captured.raised, meter)
    requires = {"torch": f">={'.'.join(TORCH.split('.')[:2])}"}
    return Proven("aot-inductor", PROGRAM_FILE, captured.route, requires, replay, weights and weights.name)


def _prove_torchscript(request: Request, folder: Path, meter: Progress) -> Proven:
    """By trace where it is clean and right, else by script.

    Raises
    ------
    ExportError
        with every route's reason, when none is right.
    """
    example = capture_example(request.cases, request.inputs, request.dims)
    routes: dict[str, Callable[[], CapturedScript]] = {
        "trace": partial(capture_trace, request.model, example),
        "script": partial(capture_script, request.model),
    }
    chosen = [request.capture] if request.capture in routes else list(routes)
    path = folder / TORCHSCRIPT_FILE
    failures: dict[str, ExportError] = {}
    for route in chosen:
        try:
            with _removed_on_error(path):
                captured = run_isolated(routes[route], lambda route=route: meter.show(f"capture by {route}"))
                if captured.warnings and request.capture == "auto":
                    raise ExportError(
                        "CAPTURE_FAILED",
                        f"the trace may have frozen what depends on values: {'; '.join(captured.warnings[:5])}. Where "
                        "that is harmless, capture='trace' accepts it if the replay agrees",
                    )
                path.write_bytes(captured.content)
                file = TorchScriptFile(path, request.inputs, request.outputs)
                replay = _replay(request, file, {}, meter)
        except ExportError as error:
            if error.code not in ABOUT_THE_FILE:
                raise
            failures[route] = error
            continue
        replay.notes += [f"trace: {warning}" for warning in captured.warnings]
        return Proven("torchscript", TORCHSCRIPT_FILE, route, {"torch": required_torch(file.module)}, replay)
    if len(failures) == 1:
        raise next(iter(failures.values()))
    codes = [error.code for error in failures.values()]
    # a wrong number is the graver thing to say than that one way was closed
    code = "REPLAY_MISMATCH" if "REPLAY_MISMATCH" in codes else codes[0]
    reasons = "\n".join(f"{route}: {error.message}" for route, error in failures.items())
    raise ExportError(
        code, f"no TorchScript of the model is right.\n{reasons}", routes=dict(zip(failures, codes, strict=True))
    )


@contextlib.contextmanager
def _removed_on_error(path: Path) -> Iterator[None]:
    """A file written inside must not stay when it cannot be proven."""
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise

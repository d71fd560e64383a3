"""One format after the other: capture, write, load again, replay. What is not proven leaves no file behind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from .capture import LARGEST_MODEL, Captured
from .capture_torchscript import CapturedFile, TraceWarning, name_warned_lines
from .diagnose import explain_difference
from .errors import ExportError
from .exported_program import share_weights
from .ladder import Failures, Rung, climb
from .manifest import file_entry
from .onnx_file import finish_onnx, opset_of
from .progress import Progress
from .quantized import require_float
from .replay import Replay
from .replay_request import Shapes, new_replay, output_shapes, replay_all
from .request import Request
from .routes import Routes
from .runtimes import TORCH, OnnxFile, ProgramFile, TorchScriptFile, WrittenFile
from .torchscript_versions import required_torch
from .weigh_warnings import weigh_warnings

ONNX_FILE = "model.onnx"
TORCHSCRIPT_FILE = "model.pt"
PROGRAM_FILE = "program.pt2"


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
    symbolic: Shapes | None = None
    """What the capture says of the outputs' dims."""
    tried: Failures = field(default_factory=dict)
    """The routes before it, and why they were not right."""
    name: str | None = None
    """The artifact's, where it is not the format's."""
    precision: str | None = None
    """Its own, where it is not the model's."""
    tolerance: tuple[float, float] | None = None
    """(atol, rtol) in which it agrees, where they are not its precision's usual ones."""

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
    """The capture's own view of the outputs, where it has one."""


Prove = Callable[[Request, Path, Shapes, Progress], Proof]


def prove_formats(request: Request, folder: Path, input_shapes: Shapes, meter: Progress) -> Proof:
    """Writes every format that can be proven.

    Raises
    ------
    ExportError
        the first format's reason, when none could be; `details["refused"]` has every format's.
    """
    proof = Proof(symbolic=[[None] * rank for rank in request.output_ranks])
    writer = _Writer(request, folder, input_shapes, meter)
    for name in request.formats:
        try:
            found, failures = writer.write(name)
        except ExportError as error:
            proof.refused[name] = error
            continue
        proof.proven.append(replace(found, tried=failures))
    proof.symbolic = next((found.symbolic for found in proof.proven if found.symbolic), proof.symbolic)
    if not proof.proven:
        raise _all_refused(proof.refused)
    return proof


def write_onnx(
    request: Request,
    folder: Path,
    content: bytes,
    input_shapes: Shapes,
    symbolic: Shapes,
    replay: Callable[[OnnxFile], Replay],
) -> tuple[dict[str, Any], Replay]:
    """Writes and replays an ONNX file; once more when its output dims turn out to be others than the capture's.

    Returns
    -------
    what it requires, and the replay

    Raises
    ------
    ExportError
        No file is left then.
    """
    path = folder / ONNX_FILE
    shapes = symbolic
    with _removed_on_error(path):
        while True:
            named = zip(request.inputs, input_shapes, strict=True), zip(request.outputs, shapes, strict=True)
            path.write_bytes(finish_onnx(content, *map(list, named)))
            shown = replay(OnnxFile(path, request.inputs, request.outputs))
            found = output_shapes(request, shown, symbolic)
            if found == shapes:
                return {"opset": opset_of(path.read_bytes())}, shown
            shapes = found


class _Writer:
    """Writes a captured file to its place and replays it from there."""

    def __init__(self, request: Request, folder: Path, input_shapes: Shapes, meter: Progress) -> None:
        self.request, self.folder, self.input_shapes, self.meter = request, folder, input_shapes, meter
        self.routes = Routes(request, meter)
        self.knows_dims = False

    def write(self, name: str) -> tuple[Proven, Failures]:
        """One format, by the first route that is right.

        Raises
        ------
        ExportError
            with every route's reason, when none is right.
        """
        if name != "torchscript":
            require_float(self.request.model, "ONNX" if name == "onnx" else "a torch.export program")
        if name == "onnx":
            _require_small(self.request)
            return climb("ONNX", self.routes.onnx, self._onnx)
        if name == "torchscript":
            return climb("TorchScript", self.routes.torchscript, self._torchscript)
        return climb("torch.export program", self.routes.program, self._program)

    def _onnx(self, rung: Rung[CapturedFile], captured: CapturedFile) -> Proven:
        request = self.request
        known = captured.output_shapes is not None
        symbolic = captured.output_shapes or [[None] * rank for rank in request.output_ranks]

        def replay(file: WrittenFile) -> Replay:
            return self._replay("onnx", file, rung, captured.raised, captured.warnings, knows_dims=known)

        requires, shown = write_onnx(request, self.folder, captured.content, self.input_shapes, symbolic, replay)
        self.knows_dims = self.knows_dims or known
        return Proven("onnx", ONNX_FILE, rung.route, requires, shown, symbolic=captured.output_shapes)

    def _torchscript(self, rung: Rung[CapturedFile], captured: CapturedFile) -> Proven:
        path = self.folder / TORCHSCRIPT_FILE
        with _removed_on_error(path):
            path.write_bytes(captured.content)
            file = TorchScriptFile(path, self.request.inputs, self.request.outputs)
            replay = self._replay("torchscript", file, rung, {}, captured.warnings, self.knows_dims)
        return Proven("torchscript", TORCHSCRIPT_FILE, rung.route, {"torch": required_torch(file.module)}, replay)

    def _program(self, rung: Rung[Captured], captured: Captured) -> Proven:
        """The torch.export program, which AOTInductor compiles later on the machine that runs it."""
        assert captured.program is not None
        path, script = self.folder / PROGRAM_FILE, self.folder / TORCHSCRIPT_FILE
        # written before, where it was asked for and proven
        weights = script if script.exists() else None
        with _removed_on_error(path):
            content = share_weights(captured.program, script.read_bytes()) if weights else captured.program
            path.write_bytes(content)
            file = ProgramFile(path, self.request.inputs, self.request.outputs, weights)
            replay = self._replay("aot-inductor", file, rung, captured.raised)
        return Proven(
            "aot-inductor",
            PROGRAM_FILE,
            rung.route,
            {"torch": f">={'.'.join(TORCH.split('.')[:2])}"},
            replay,
            weights and weights.name,
            symbolic=captured.output_shapes,
        )

    def _replay(
        self,
        name: str,
        file: WrittenFile,
        rung: Rung[Any],
        below: dict[str, int],
        warned: Sequence[TraceWarning] = (),
        knows_dims: bool = True,
    ) -> Replay:
        """Replays everything there is.

        Raises
        ------
        ExportError
            with the line of code that was frozen, where one was.
        """
        request = self.request
        replay = new_replay(request, file, below, self.meter)
        try:
            replay_all(request, replay, knows_dims)
            if warned and request.capture[name] == "auto":
                replay.notes += [f"{rung.route}: {note}" for note in weigh_warnings(request, replay, warned)]
            else:
                replay.notes += [f"{rung.route}: {warning}" for warning in warned]
        except ExportError as error:
            if replay.differing and not rung.keeps_python:
                name_warned_lines(error, warned)
                explain_difference(error, request.model, rung.scripted, self.routes.example, replay.differing)
            raise
        return replay


def _all_refused(refused: Mapping[str, ExportError]) -> ExportError:
    """One error of every format's: the first one's code and details, and each cause once."""
    first = next(iter(refused.values()))
    causes: dict[str, list[str]] = {}
    for name, error in refused.items():
        causes.setdefault(error.message, []).append(name)
    attempts = {
        f"{name} {route}": reason
        for name, error in refused.items()
        for route, reason in error.details.get("attempts", {"": error.message}).items()
    }
    message = "\n".join(f"{', '.join(names)}: {message}" for message, names in causes.items())
    return ExportError(
        first.code,
        first.message if len(refused) == 1 else message,
        **{
            **first.details,
            "refused": {name: str(error) for name, error in refused.items()},
            **({"attempts": attempts} if len(refused) > 1 or "attempts" in first.details else {}),
        },
    )


def _require_small(request: Request) -> None:
    state = request.model.state_dict().values()
    weights = sum(value.numel() * value.element_size() for value in state if isinstance(value, Tensor))
    if weights > LARGEST_MODEL:
        raise ExportError("NOT_YET", f"the weights take {weights / 1e9:.1f} GB, more than one ONNX file holds (1.5 GB)")


@contextlib.contextmanager
def _removed_on_error(path: Path) -> Iterator[None]:
    """A file written inside must not stay when it cannot be proven."""
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise

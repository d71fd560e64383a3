"""The ways to make each format, in the order in which they are tried. Each capture has a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from .capture import Captured, capture_exported, preload
from .capture_onnx_legacy import capture_legacy_of_script, capture_legacy_of_trace
from .capture_torchscript import CapturedFile, capture_script, capture_trace
from .diagnose import explain_range
from .errors import ExportError
from .examples import Case, capture_example, size_variants
from .isolate import run_isolated
from .ladder import Failures, Rung
from .progress import Progress
from .request import Request
from .scripted_parts import outermost

T = TypeVar("T")

# how often the submodules to script may turn out to be more
MIXED_ATTEMPTS = 3


class Routes:
    """The ways for one request."""

    def __init__(self, request: Request, meter: Progress) -> None:
        self.request, self.meter = request, meter
        self.example = capture_example(request.cases, request.inputs, request.dims, request.rules)
        self._exported: dict[bool, Captured | ExportError] = {}

    def onnx(self, failures: Failures) -> Iterator[Rung[CapturedFile]]:
        capture = self.request.capture["onnx"]
        arguments = (self.request.model, self.example, self.request.inputs, self.request.dims)
        if capture in ("auto", "export"):
            for rung in self.program(failures):
                yield Rung(rung.route, partial(self._onnx_of_program, rung.capture))
        if capture in ("auto", "script"):
            yield self._rung("legacy ONNX of the script", partial(capture_legacy_of_script, *arguments), True)
        if capture in ("auto", "trace"):
            yield self._rung("legacy ONNX of the trace", partial(capture_legacy_of_trace, *arguments))
        if capture == "auto":
            for parts, names in self._mixed(failures):
                route = f"legacy ONNX of the trace with script of {names}"
                yield self._rung(route, partial(capture_legacy_of_trace, *arguments, parts), scripted=parts)

    def torchscript(self, failures: Failures) -> Iterator[Rung[CapturedFile]]:
        capture, model = self.request.capture["torchscript"], self.request.model
        if capture in ("auto", "trace"):
            yield self._rung("trace", partial(capture_trace, model, self.example))
        if capture in ("auto", "script"):
            yield self._rung("script", partial(capture_script, model), True)
        if capture == "auto":
            for parts, names in self._mixed(failures):
                route = f"trace with script of {names}"
                yield self._rung(route, partial(capture_trace, model, self.example, parts), scripted=parts)

    def program(self, failures: Failures) -> Iterator[Rung[Captured]]:
        yield Rung("torch.export", partial(self._export, False))
        # TorchDynamo narrows a range as well
        if all(error.code != "RANGE_CONTRADICTED" for error in failures.values()):
            yield Rung("torch.export strict", partial(self._export, True))

    def _mixed(self, failures: Failures) -> Iterator[tuple[tuple[str, ...], str]]:
        """The submodules whose lines were frozen, as long as each attempt finds more of them."""
        before: tuple[str, ...] = ()
        for _ in range(MIXED_ATTEMPTS):
            owners = {name for error in failures.values() for name in error.details.get("submodules", ())}
            parts = outermost({*before, *owners})
            if parts == before:
                return
            yield parts, ", ".join(parts)
            before = parts

    def _rung(
        self, route: str, capture: Callable[[], CapturedFile], keeps_python: bool = False, scripted: Sequence[str] = ()
    ) -> Rung[CapturedFile]:
        return Rung(route, partial(self._isolated, route, capture), keeps_python, tuple(scripted))

    def _isolated(self, route: str, capture: Callable[[], T]) -> T:
        return run_isolated(capture, lambda: self.meter.show(f"capture by {route}"))

    def _onnx_of_program(self, capture: Callable[[], Captured]) -> CapturedFile:
        captured = capture()
        if captured.onnx is None:
            raise ExportError("CAPTURE_FAILED", str(captured.onnx_refused))
        return CapturedFile(captured.onnx, [], captured.output_shapes, captured.raised)

    def _export(self, strict: bool) -> Captured:
        """Captured once for all formats."""
        if strict not in self._exported:
            try:
                self._exported[strict] = self._capture_exported(strict)
            except ExportError as error:
                self._exported[strict] = error
        found = self._exported[strict]
        if isinstance(found, ExportError):
            raise found
        return found

    def _capture_exported(self, strict: bool) -> Captured:
        request = self.request
        self.meter.show("load torch.export")
        preload()
        formats = [name for name in request.formats if name != "torchscript"]
        capture = partial(capture_exported, request.model, self.example, request.inputs, request.dims, formats, strict)
        try:
            captured = self._isolated("torch.export", capture)
        except ExportError as error:
            if error.code == "RANGE_CONTRADICTED" and "file" not in error.details:
                explain_range(error, request.model, self.example, self._other_sizes(error))
            raise
        if len(captured.output_shapes) != len(request.outputs):
            raise ExportError(
                "CAPTURE_FAILED",
                f"the captured model gives {len(captured.output_shapes)} results, eager PyTorch "
                f"{len(request.outputs)}; it takes another way while it is exported",
            )
        return captured

    def _other_sizes(self, error: ExportError) -> list[Case]:
        """The captured example at other sizes of the dims that are contradicted."""
        request, wanted = self.request, set(error.details.get("dims", ()))
        example = Case("the example", self.example)
        cases, _ = size_variants(example, request.inputs, request.dims, {}, request.rules)
        return [case for case in cases if wanted & {dim for dim, _ in case.bound}]

"""PyTorch module -> TorchScript, by trace or by script; nothing here is trusted before the replay."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .capture import Flat
from .diagnose import details_of, place_in_traceback, show
from .dims import Dim
from .errors import ExportError
from .inline_functions import inlined_functions
from .isolate import first_lines
from .scripted_parts import scripted_parts
from .source_place import Place, is_models_own, module_names, nearest, place_of
from .torchscript_file import finish_torchscript
from .torchscript_trace import with_relative_files

QUOTED_LINE = re.compile(r'File "([^"\n]+)", line (\d+)')


@dataclass(frozen=True)
class TraceWarning:
    """What the tracer said about a line of the model's own code."""

    place: Place
    text: str

    def __str__(self) -> str:
        return f"{self.place.file}:{self.place.line}: {self.text}"


def name_warned_lines(error: ExportError, warned: Sequence[TraceWarning]) -> None:
    """Adds what the tracer warned of, and the submodules that it came from."""
    if not warned:
        return
    owners = {warning.place.submodule for warning in warned if warning.place.submodule}
    parts = sorted({*error.details.get("submodules", ()), *owners})
    places = "; ".join(f"{show(warning.place)}: {warning.text}" for warning in warned[:5])
    error.add(f"The tracer warned of {places}", **{**details_of(warned[0].place), **error.details, "submodules": parts})


@dataclass(frozen=True)
class CapturedFile:
    """What a capturing process hands back."""

    content: bytes
    warnings: list[TraceWarning] = field(default_factory=list)
    output_shapes: list[list[Dim]] | None = None
    """The outputs' dims, where the capture knows them."""
    raised: dict[str, int] = field(default_factory=dict)
    """Dims captured only from this size upwards: the replay has to prove every size below."""


def capture_trace(model: nn.Module, example: Sequence[Tensor], scripted: Sequence[str] = ()) -> CapturedFile:
    """Records the operations of one run.

    A dict or a nested result becomes a tuple of its tensors: a trace knows no other.

    Parameters
    ----------
    model : in eval mode, on the CPU
    example : one tensor per input
    scripted : submodules to be compiled instead, with their branches and loops

    Raises
    ------
    ExportError
        `CAPTURE_FAILED`
    """
    module, warned = trace_module(model, example, scripted)
    return CapturedFile(_save(module), warned)


def capture_script(model: nn.Module) -> CapturedFile:
    """Compiles the model's Python, branches and loops included.

    Raises
    ------
    ExportError
        `CAPTURE_FAILED`
    """
    return CapturedFile(_save(script_module(model)))


def trace_module(
    model: nn.Module, example: Sequence[Tensor], scripted: Sequence[str] = ()
) -> tuple[torch.jit.ScriptModule, list[TraceWarning]]:
    """The traced module, and what the tracer said about the model's own code."""
    with torch.no_grad():
        result = model(*[value.clone() for value in example])
    plain = isinstance(result, Tensor) or (
        type(result) is tuple and len(result) > 0 and all(isinstance(value, Tensor) for value in result)
    )
    try:
        with scripted_parts(model, scripted), _tracer_warnings(model) as found, inlined_functions():
            module = torch.jit.trace(
                model if plain else Flat(model).eval(), tuple(value.clone() for value in example), check_trace=False
            )
    except Exception as error:
        raise capture_failed("torch.jit.trace", error, place_in_traceback(error, model)) from error
    return module, list(dict.fromkeys(found))


def script_module(model: nn.Module) -> torch.jit.ScriptModule:
    """The compiled module."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return torch.jit.script(model)
        except Exception as error:
            raise capture_failed("torch.jit.script", error, _place_in_message(error)) from error


@contextlib.contextmanager
def _tracer_warnings(model: nn.Module) -> Iterator[list[TraceWarning]]:
    """Collects the tracer's warnings of the model's own lines, each with the submodule that it came from."""
    found: list[TraceWarning] = []
    torch_folder, names = torch.__path__[0], module_names(model)

    def note(message: Any, category: type, filename: str, line: int, *_: Any) -> None:
        # torch's own modules warn of their own checks
        if issubclass(category, torch.jit.TracerWarning) and not filename.startswith(torch_folder):
            _, owner = nearest(sys._getframe(1))
            place = place_of(filename, line, owner, names)
            found.append(TraceWarning(place, first_lines(str(message).split(". ")[0], 200)))

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = note
        yield found


def _save(module: torch.jit.ScriptModule) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            torch.jit.save(module, buffer)
        except Exception as error:
            raise capture_failed("torch.jit.save", error) from error
    return finish_torchscript(buffer.getvalue())


def capture_failed(what: str, error: Exception, place: Place | None = None) -> ExportError:
    """PyTorch's own refusal, without this machine's folders."""
    said = first_lines(with_relative_files(str(error)))
    return ExportError(
        "CAPTURE_FAILED",
        f"{what} cannot capture the model{f' at {show(place)}' if place else ''}: {type(error).__name__}: {said}",
        **(details_of(place) if place else {}),
    )


def _place_in_message(error: Exception) -> Place | None:
    """The line that TorchScript's compiler marks."""
    found = QUOTED_LINE.search(str(error))
    return place_of(found[1], int(found[2]), None, {}) if found and is_models_own(found[1]) else None

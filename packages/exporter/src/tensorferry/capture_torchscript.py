"""PyTorch module -> TorchScript bytes, by trace or by script; nothing here is trusted before the replay."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from .capture import Flat
from .errors import ExportError
from .isolate import first_lines
from .torchscript_file import finish_torchscript
from .torchscript_trace import module_relative


@dataclass(frozen=True)
class CapturedScript:
    """What the capturing process hands back."""

    content: bytes
    warnings: list[str] = field(default_factory=list)
    """What the tracer said about the model's own code: `file:line: message`."""


def capture_trace(model: nn.Module, example: Sequence[Tensor]) -> CapturedScript:
    """Records the operations of one run.

    A dict or a nested result becomes a tuple of its tensors: a trace knows no other.

    Parameters
    ----------
    model : in eval mode, on the CPU
    example : one tensor per input

    Raises
    ------
    ExportError
        `CAPTURE_FAILED`
    """
    with torch.no_grad():
        result = model(*[value.clone() for value in example])
    plain = isinstance(result, Tensor) or (
        type(result) is tuple and len(result) > 0 and all(isinstance(value, Tensor) for value in result)
    )
    with warnings.catch_warnings(record=True) as caught, torch.no_grad():
        warnings.simplefilter("always")
        try:
            traced = torch.jit.trace(
                model if plain else Flat(model).eval(), tuple(value.clone() for value in example), check_trace=False
            )
        except Exception as error:
            raise _failed("trace", error) from error
    torch_folder = torch.__path__[0]
    about_the_model = [
        f"{module_relative(warning.filename)}:{warning.lineno}: {first_lines(str(warning.message).split('. ')[0], 200)}"
        for warning in caught
        # torch's own modules warn of their own checks
        if issubclass(warning.category, torch.jit.TracerWarning) and not warning.filename.startswith(torch_folder)
    ]
    return CapturedScript(_save(traced), list(dict.fromkeys(about_the_model)))


def capture_script(model: nn.Module) -> CapturedScript:
    """Compiles the model's Python, branches and loops included.

    Raises
    ------
    ExportError
        `CAPTURE_FAILED`
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return CapturedScript(_save(torch.jit.script(model)))
        except ExportError:
            raise
        except Exception as error:
            raise _failed("script", error) from error


def _save(module: torch.jit.ScriptModule) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(module, buffer)
    return finish_torchscript(buffer.getvalue())


def _failed(route: str, error: Exception) -> ExportError:
    return ExportError(
        "CAPTURE_FAILED",
        f"torch.jit.{route} cannot capture the model: {type(error).__name__}: {first_lines(str(error))}",
    )

"""TorchScript -> ONNX bytes by PyTorch's older exporter, which keeps scripted branches and loops, and knows LSTMs."""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .capture_torchscript import CapturedFile, capture_failed, script_module, trace_module
from .dims import DynamicDims
from .errors import ExportError
from .packed_outputs import WithPackedOutputs, without_last_outputs

# the newest that this exporter writes
OPSET = 20
# other names of torch.cat, which this exporter does not know
NAMES_OF_CAT = ("aten::concat", "aten::concatenate")


def capture_legacy_of_script(
    model: nn.Module, example: Sequence[Tensor], names: Sequence[str], dims: DynamicDims
) -> CapturedFile:
    """Scripts the model and converts that.

    Raises
    ------
    ExportError
        `CAPTURE_FAILED`
    """
    return CapturedFile(_convert(script_module(model), example, names, dims))


def capture_legacy_of_trace(
    model: nn.Module, example: Sequence[Tensor], names: Sequence[str], dims: DynamicDims, parts: Sequence[str] = ()
) -> CapturedFile:
    """Traces the model, with some submodules scripted, and converts that.

    Raises
    ------
    ExportError
        `CAPTURE_FAILED`
    """
    module, warned = trace_module(model, example, parts)
    try:
        return CapturedFile(_convert(module, example, names, dims), warned)
    except ExportError:
        if not any(isinstance(layer, nn.RNNBase) for layer in model.modules()):
            raise
        wider = WithPackedOutputs(model)
        module, _ = trace_module(wider, example, [f"model.{part}" for part in parts])
        if wider.added == 0:
            raise
        content = without_last_outputs(_convert(module, example, names, dims), wider.added)
        return CapturedFile(content, warned)


def _name_cat() -> None:
    # a private module: where it is another one, the export itself says what it does not know
    with contextlib.suppress(Exception):
        registration = importlib.import_module("torch.onnx._internal.torchscript_exporter.registration")
        cat = registration.registry.get_function_group("aten::cat").get(OPSET)
        for name in NAMES_OF_CAT:
            torch.onnx.register_custom_op_symbolic(name, cat, 9)


def _convert(
    module: torch.jit.ScriptModule, example: Sequence[Tensor], names: Sequence[str], dims: DynamicDims
) -> bytes:
    _name_cat()
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                module,
                tuple(value.clone() for value in example),
                buffer,
                dynamo=False,
                opset_version=OPSET,
                input_names=list(names),
                dynamic_axes={name: dict(axes) for name, axes in dims.axes.items()},
            )
        except Exception as error:
            raise capture_failed("the legacy ONNX exporter", error) from error
    return buffer.getvalue()

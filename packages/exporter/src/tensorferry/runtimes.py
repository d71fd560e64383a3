"""Written files, loaded again from their place by the runtime that will use them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from .eager import explain
from .errors import ExportError
from .exported_program import load_program
from .tensors import describe, flatten, to_numpy

TORCH = torch.__version__.split("+")[0]
# what torch.jit.load says of constants that hold no plain tensor
UNREADABLE_CONSTANT = "required keyword attribute 'value' is undefined"


class WrittenFile(Protocol):
    """A model file that can be replayed."""

    runtime: str
    """Name and version, for the manifest."""
    inputs: list[str]
    outputs: list[str]

    def run(self, inputs: Sequence[Tensor]) -> list[np.ndarray]:
        """One array per output; the inputs stay as they are."""
        ...


def onnx_session(model: str | bytes) -> onnxruntime.InferenceSession:
    """ONNX Runtime on the CPU with one thread, silent; a path or a serialized model."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class OnnxFile:
    """An ONNX file, loaded by ONNX Runtime on the CPU."""

    runtime = f"onnxruntime {onnxruntime.__version__}"

    def __init__(self, path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        self.inputs, self.outputs = list(inputs), list(outputs)
        try:
            self.session = onnx_session(str(path))
        except Exception as error:
            raise ExportError(
                "RUNTIME_REFUSED", f"onnxruntime does not load the written model: {explain(error)}"
            ) from error
        found = (
            [value.name for value in self.session.get_inputs()],
            [value.name for value in self.session.get_outputs()],
        )
        self.gives_bfloat16 = any(value.type == "tensor(bfloat16)" for value in self.session.get_outputs())
        if found != (self.inputs, self.outputs):
            raise ExportError(
                "RUNTIME_REFUSED", f"the written model has {found}, expected {(self.inputs, self.outputs)}"
            )

    def run(self, inputs: Sequence[Tensor]) -> list[np.ndarray]:
        if any(value.dtype == torch.bfloat16 for value in inputs) or self.gives_bfloat16:
            return self._run_by_dlpack(inputs)
        feeds = {name: to_numpy(value) for name, value in zip(self.inputs, inputs, strict=True)}
        return self.session.run(self.outputs, feeds)

    def _run_by_dlpack(self, inputs: Sequence[Tensor]) -> list[np.ndarray]:
        """bfloat16 has no place in the NumPy arrays that ONNX Runtime takes and gives."""
        feeds = {
            name: onnxruntime.OrtValue.from_dlpack(value.detach().contiguous())
            for name, value in zip(self.inputs, inputs, strict=True)
        }
        found = self.session.run_with_ort_values(self.outputs, feeds)
        return [to_numpy(torch.from_dlpack(value)).copy() for value in found]


def refused_by_torchscript(name: str, error: Exception) -> ExportError:
    """`RUNTIME_REFUSED` for a file that `torch.jit.load` does not read."""
    advice = ""
    if UNREADABLE_CONSTANT in str(error):
        advice = (
            ". PyTorch cannot read constants back that torch.jit.optimize_for_inference packed for this machine's "
            "oneDNN: give the module as it was before, torch.jit.freeze alone is fine"
        )
    return ExportError("RUNTIME_REFUSED", f"torch.jit.load does not load {name}: {explain(error)}{advice}")


class _PyTorchFile:
    """What PyTorch itself loads. Results bind to the outputs by their order."""

    def __init__(self, inputs: Sequence[str], outputs: Sequence[str], module: Any) -> None:
        self.inputs, self.outputs, self.module = list(inputs), list(outputs), module

    def run(self, inputs: Sequence[Tensor]) -> list[np.ndarray]:
        with torch.no_grad():
            result = self.module(*[value.clone() for value in inputs])
        values = [value for _, value in flatten(result)]
        odd = next((value for value in values if not isinstance(value, Tensor)), None)
        if odd is not None:
            raise TypeError(f"the written model gives {describe(odd)} among its results, expected tensors")
        return [to_numpy(value) for value in values]


class TorchScriptFile(_PyTorchFile):
    """A TorchScript file, loaded by `torch.jit.load`."""

    runtime = f"torchscript {TORCH}"

    def __init__(self, path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                module = torch.jit.load(str(path), map_location="cpu").eval()
        except Exception as error:
            raise refused_by_torchscript("the written model", error) from error
        super().__init__(inputs, outputs, module)


class ProgramFile(_PyTorchFile):
    """A torch.export program, loaded by `torch.export.load`; it checks its own ranges."""

    runtime = f"torch.export {TORCH}"

    def __init__(self, path: Path, inputs: Sequence[str], outputs: Sequence[str], weights: Path | None) -> None:
        try:
            module = load_program(path.read_bytes(), weights.read_bytes() if weights else None).module()
        except Exception as error:
            raise ExportError(
                "RUNTIME_REFUSED", f"torch.export.load does not load the written program: {explain(error)}"
            ) from error
        super().__init__(inputs, outputs, module)

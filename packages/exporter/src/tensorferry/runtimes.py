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


class WrittenFile(Protocol):
    """A model file that can be replayed."""

    runtime: str
    """Name and version, for the manifest."""
    inputs: list[str]
    outputs: list[str]

    def run(self, inputs: Sequence[Tensor]) -> list[np.ndarray]:
        """One array per output; the inputs stay as they are."""
        ...


class OnnxFile:
    """An ONNX file, loaded by ONNX Runtime on the CPU."""

    runtime = f"onnxruntime {onnxruntime.__version__}"

    def __init__(self, path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        self.inputs, self.outputs = list(inputs), list(outputs)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ExportError(
                "RUNTIME_REFUSED", f"onnxruntime does not load the written model: {explain(error)}"
            ) from error
        found = (
            [value.name for value in self.session.get_inputs()],
            [value.name for value in self.session.get_outputs()],
        )
        if found != (self.inputs, self.outputs):
            raise ExportError(
                "RUNTIME_REFUSED", f"the written model has {found}, expected {(self.inputs, self.outputs)}"
            )

    def run(self, inputs: Sequence[Tensor]) -> list[np.ndarray]:
        feeds = {name: to_numpy(value) for name, value in zip(self.inputs, inputs, strict=True)}
        return self.session.run(self.outputs, feeds)


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
            raise ExportError(
                "RUNTIME_REFUSED", f"torch.jit.load does not load the written model: {explain(error)}"
            ) from error
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

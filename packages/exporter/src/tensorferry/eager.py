"""The reference: the module itself, run by PyTorch."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from .errors import ExportError
from .isolate import first_lines
from .tensors import DTYPES, describe, flatten, require_supported, to_numpy


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Puts the model into eval mode, and every submodule back into its own afterwards.

    Raises
    ------
    ExportError
        `MODEL_TRAINING` when a submodule still trains after `eval()`.
    """
    before = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        training = [name or "the model itself" for name, module in model.named_modules() if module.training]
        if training:
            raise ExportError(
                "MODEL_TRAINING",
                f"still in train mode after model.eval(): {', '.join(training[:5])}; dropout and batch statistics "
                "would be exported as they train. Let its train() and eval() set `training`",
                modules=training,
            )
        yield
    finally:
        for module, mode in before:
            module.training = mode


def differs_in_training(model: nn.Module) -> bool:
    """Whether a module in train mode does something else there than in eval mode, as far as PyTorch's own go."""
    kinds = (nn.modules.batchnorm._NormBase, nn.modules.dropout._DropoutNd)
    return any(module.training and isinstance(module, kinds) for module in model.modules())


def require_module(model: object) -> None:
    """Raises `OPTIONS_INVALID` for what is no module that PyTorch can look into."""
    if isinstance(model, torch.jit.ScriptModule):
        raise ExportError(
            "OPTIONS_INVALID",
            "model: a TorchScript module cannot be captured as ONNX; give the Python module that it was made from",
        )
    if isinstance(model, nn.Module):
        return
    if isinstance(model, type):
        found = f"the class {model.__name__}; make one: {model.__name__}(...)"
    elif isinstance(model, torch.export.ExportedProgram):
        found = "an ExportedProgram; give the module that it was made from"
    elif isinstance(model, Mapping):
        found = f"{type(model).__name__}, maybe of weights; load it into its module: module.load_state_dict(weights)"
    elif callable(model):
        name = getattr(model, "__name__", type(model).__name__)
        found = f"the function {name}; call it in the forward of a module: class Model(nn.Module)"
    else:
        found = type(model).__name__
    raise ExportError("OPTIONS_INVALID", f"model: expected a torch.nn.Module, got {found}")


def explain_failure(model: nn.Module, named: Mapping[str, Tensor], case: str, error: BaseException) -> ExportError:
    """PyTorch's refusal of an example, with what it got and the dtype that the weights have."""
    shown = ", ".join(f"{name}: {describe(value)}" for name, value in named.items())
    weights = {value.dtype for value in model.parameters() if value.is_floating_point()}
    others = [name for name, value in named.items() if value.is_floating_point() and value.dtype not in weights]
    advice = ""
    if len(weights) == 1 and others:
        (dtype,) = weights
        advice = f". The weights are {DTYPES.get(dtype, dtype)}: give {', '.join(others)} as {dtype}"
    return ExportError(
        "EXAMPLES_INVALID", f"the model itself fails on example {case} ({shown}): {explain(error)}{advice}"
    )


def require_cpu(model: nn.Module) -> None:
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.device.type != "cpu":
            raise ExportError("OPTIONS_INVALID", f"{name} is on {tensor.device}; export from the CPU: model.cpu()")


def run_eager(model: nn.Module, inputs: Sequence[Tensor]) -> list[tuple[str | None, Tensor]]:
    """(dict key or None, tensor) of every result in order. The inputs stay as they are."""
    with torch.no_grad():
        result = model(*[value.clone() for value in inputs])
    return [(key, require_supported(value, f"result {index}")) for index, (key, value) in enumerate(flatten(result))]


def outputs_of(model: nn.Module, inputs: Sequence[Tensor]) -> list[np.ndarray]:
    return [to_numpy(value) for _, value in run_eager(model, inputs)]


def require_stateless(model: nn.Module, inputs: Sequence[Tensor]) -> None:
    """Raises `MODEL_STATEFUL` when a run changes a buffer; the buffer is put back."""
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    outputs_of(model, inputs)
    changed = [name for name, buffer in model.named_buffers() if name in before and not _same(buffer, before[name])]
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            if name in changed:
                buffer.copy_(before[name])
    if changed:
        raise ExportError(
            "MODEL_STATEFUL",
            f"forward() writes to its own buffer {', '.join(changed)}, which the exported file would forget; make it "
            "an input and an output, and name the pair in `states`",
            buffers=changed,
        )


def _same(a: Tensor, b: Tensor) -> bool:
    """Equal, where NaN equals NaN."""
    return a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())


def require_deterministic(model: nn.Module, inputs: Sequence[Tensor], name: str) -> None:
    first, second = outputs_of(model, inputs), outputs_of(model, inputs)
    for index, (a, b) in enumerate(zip(first, second, strict=True)):
        if a.shape != b.shape or not np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
            raise ExportError(
                "NOT_DETERMINISTIC",
                f"two runs on example {name} differ in result {index}; random numbers (functional.dropout without "
                "training=self.training?) or state kept between calls cannot be exported",
            )


def name_outputs(results: Sequence[tuple[str | None, Tensor]], names: Sequence[str] | None) -> list[str]:
    """The outputs' names: the caller's, else the keys of the dict that the model gives.

    Raises
    ------
    ExportError
        `NAMES_INVALID` when they do not match one to one.
    """
    keys = [key for key, _ in results]
    found = ", ".join(describe(value) if key is None else f"{key}: {describe(value)}" for key, value in results)
    if names is None:
        if None in keys or len(set(keys)) != len(keys):
            raise ExportError(
                "NAMES_INVALID", f"outputs: the model gives {len(keys)} unnamed tensors ({found}); name each"
            )
        return [str(key) for key in keys]
    if len(names) != len(results):
        raise ExportError(
            "NAMES_INVALID",
            f"outputs names {len(names)} ({', '.join(names)}), the model gives {len(results)} ({found})",
        )
    if None not in keys and list(names) != keys and sorted(names) == sorted(map(str, keys)):
        raise ExportError(
            "NAMES_INVALID", f"outputs: the model's own order is {', '.join(map(str, keys))}; got {', '.join(names)}"
        )
    return list(names)


class Float64:
    """The same model in float64, to measure what float32 itself is off by."""

    def __init__(self, model: nn.Module) -> None:
        self.model: nn.Module | None = None
        with contextlib.suppress(Exception):
            # a model that cannot be copied or cast gets no raised tolerance
            self.model = copy.deepcopy(model).double()

    def error(self, inputs: Sequence[Tensor], outputs: Sequence[np.ndarray]) -> list[float]:
        """Largest absolute difference between float32 and float64, for every output; 0 where it cannot be measured."""
        nothing = [0.0] * len(outputs)
        if self.model is None:
            return nothing
        try:
            precise = outputs_of(self.model, [v.double() if v.dtype == torch.float32 else v for v in inputs])
        except Exception:
            return nothing
        errors = []
        for expected, got in zip(precise, outputs, strict=True):
            if got.dtype != np.float32 or expected.shape != got.shape or got.size == 0:
                errors.append(0.0)
                continue
            difference = np.abs(expected.astype(np.float64) - got)
            errors.append(float(np.nanmax(difference)) if np.isfinite(difference).any() else 0.0)
        return errors


def explain(error: BaseException) -> str:
    return f"{type(error).__name__}: {first_lines(str(error), 400)}"

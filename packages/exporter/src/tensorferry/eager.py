"""The reference: the module itself, run by PyTorch."""

from __future__ import annotations

import contextlib
import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from .errors import ExportError
from .isolate import first_lines
from .results import Results, named_results
from .tensors import DTYPES, describe, is_floating, to_numpy


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Puts the model into eval mode, and every submodule back into its own afterwards.

    Raises
    ------
    ExportError
        `MODEL_TRAINING` when a submodule still trains after `eval()`.
    """
    # torch.jit.freeze has taken the mode out
    before = [(module, module.training) for module in model.modules() if hasattr(module, "training")]
    try:
        if hasattr(model, "training"):
            model.eval()
        modules = model.named_modules()
        training = [name or "the model itself" for name, module in modules if getattr(module, "training", False)]
        if training:
            raise ExportError(
                "MODEL_TRAINING",
                f"still in train mode after model.eval(): {', '.join(training[:5])}; dropout and batch statistics "
                "would be exported as they train. Let its train() and eval() set `training`",
                modules=training,
            )
        yield
    finally:
        # a train() of its own may keep more than the flag
        if hasattr(model, "training"):
            model.train(before[0][1])
        for module, mode in before:
            module.training = mode


def differs_in_training(model: nn.Module) -> bool:
    """Whether a module in train mode does something else there than in eval mode, as far as PyTorch's own go."""
    kinds = (nn.modules.batchnorm._NormBase, nn.modules.dropout._DropoutNd)
    return any(isinstance(module, kinds) and module.training for module in model.modules())


def require_python(model: nn.Module, formats: Sequence[str]) -> None:
    """Raises `OPTIONS_INVALID` for TorchScript, where a format needs the Python that it was made from."""
    if isinstance(model, torch.jit.ScriptModule) and list(formats) != ["torchscript"]:
        raise ExportError(
            "OPTIONS_INVALID",
            "model: a TorchScript module cannot be captured as ONNX or by torch.export; give the Python module that it "
            "was made from, or take it as it is: formats=['torchscript']",
        )


def require_module(model: object) -> None:
    """Raises `OPTIONS_INVALID` for what is no module that PyTorch can look into."""
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


def require_weights(model: nn.Module) -> None:
    """Raises `OPTIONS_INVALID` where a lazy module has not made its weights yet: its first run would change it."""
    for name, value in [*model.named_parameters(), *model.named_buffers()]:
        if torch.nn.parameter.is_lazy(value):
            raise ExportError(
                "OPTIONS_INVALID",
                f"{name} has no shape yet, a lazy module makes it at its first run; run the model once before the "
                "export: model(*examples[0])",
            )


def require_cpu(model: nn.Module) -> None:
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.device.type != "cpu":
            raise ExportError("OPTIONS_INVALID", f"{name} is on {tensor.device}; export from the CPU: model.cpu()")


def run_eager(model: nn.Module, inputs: Sequence[Tensor]) -> Results:
    """Every result in order, with its name. The inputs stay as they are."""
    with torch.no_grad():
        return named_results(model(*[value.clone() for value in inputs]))


def outputs_of(model: nn.Module, inputs: Sequence[Tensor]) -> list[np.ndarray]:
    return [to_numpy(value) for _, value in run_eager(model, inputs)]


class Float64:
    """The same model in float64, to measure what float32 (or a half) itself is off by."""

    def __init__(self, model: nn.Module) -> None:
        self.model: nn.Module | None = None
        with contextlib.suppress(Exception), warnings.catch_warnings():
            # PyTorch warns of its own way to cast TorchScript
            warnings.simplefilter("ignore")
            # a model that cannot be copied or cast gets no raised tolerance
            self.model = copy.deepcopy(model).double()

    def error(self, inputs: Sequence[Tensor], outputs: Sequence[np.ndarray]) -> list[float]:
        """Largest absolute difference of every output from float64; 0 where it cannot be measured."""
        nothing = [0.0] * len(outputs)
        if self.model is None:
            return nothing
        try:
            precise = outputs_of(self.model, [v.double() if v.is_floating_point() else v for v in inputs])
        except Exception:
            return nothing
        errors = []
        for expected, got in zip(precise, outputs, strict=True):
            if not is_floating(got) or expected.shape != got.shape or got.size == 0:
                errors.append(0.0)
                continue
            difference = np.abs(expected - got.astype(np.float64))
            errors.append(float(np.nanmax(difference)) if np.isfinite(difference).any() else 0.0)
        return errors


def explain(error: BaseException) -> str:
    return f"{type(error).__name__}: {first_lines(str(error), 400)}"

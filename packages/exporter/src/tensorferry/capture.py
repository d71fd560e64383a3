"""PyTorch module -> ONNX bytes and torch.export program; nothing here is trusted before the replay."""

from __future__ import annotations

import contextlib
import importlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .diagnose import details_of, place_in_traceback, show
from .dims import DynamicDims
from .errors import ExportError
from .exported_program import program_bytes
from .isolate import first_lines
from .output_dims import DATA_DEPENDENT, print_symbolic
from .tensors import flatten
from .torchscript_trace import with_relative_files

OPSET = 20
# protobuf ends at 2 GiB, and the file is held in memory several times
LARGEST_MODEL = 1_500_000_000
ATTEMPTS = 8
# how far up the smallest sizes of a dim may be proven one by one instead of by torch.export
HIGHEST_PROVEN = 16


class Flat(nn.Module):
    """Any module with tensors in, and a plain tuple of tensors out."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.training = model.training

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(value for _, value in flatten(self.model(*inputs)))


@dataclass(frozen=True)
class Captured:
    """What the capturing process hands back."""

    onnx: bytes | None
    onnx_refused: str | None
    """Why the program could not be converted."""
    program: bytes | None
    """The torch.export program itself, for AOTInductor."""
    output_shapes: list[list[int | str | None]]
    """torch.export's own view of the outputs, over the declared names; None where it has no such expression."""
    raised: dict[str, int]
    """Dims captured only from this size upwards: the replay has to prove every size below."""
    knows_dims: bool = True
    """Whether `output_shapes` come from torch.export; else they are somebody's claim."""


def preload() -> None:
    """Imports the exporter before the fork, so that a second capture in this process starts warm."""
    # an optional warm-up of private modules: the export itself says what is missing
    with contextlib.suppress(Exception):
        for name in ("onnxscript", "torch.onnx._internal.exporter._core", "torch._dynamo"):
            importlib.import_module(name)
        # reads the source of every operator that it knows: half of a small model's export
        importlib.import_module("onnxscript._framework_apis.torch_2_5").get_torchlib_ops()


def capture_exported(
    model: nn.Module,
    example: Sequence[Tensor],
    names: Sequence[str],
    dims: DynamicDims,
    formats: Sequence[str],
    strict: bool,
) -> Captured:
    """Captures with torch.export and converts to ONNX, weights inside.

    Parameters
    ----------
    model : in eval mode, on the CPU
    example : one tensor per input; every dynamic dim at least 2, or torch.export makes it fixed
    names : of the inputs
    dims : ranges and dynamic axes
    formats : `"onnx"`, `"aot-inductor"` or both: what to hand back
    strict : by TorchDynamo, which reads the bytecode, instead of running the Python

    Raises
    ------
    ExportError
        `CAPTURE_FAILED`, `RANGE_CONTRADICTED` with `details["dims"]`.
    """
    program, raised = _export(Flat(model).eval(), names, example, dims, strict)
    symbols = _check_ranges(program, names, dims, raised)
    values = [value for node in program.graph.find_nodes(op="output") for value in node.args[0]]
    shapes = [[_dim(size, symbols) for size in value.meta["val"].shape] for value in values]
    onnx, refused = None, None
    if "onnx" in formats:
        try:
            with torch.no_grad():
                converted = torch.onnx.export(
                    program, dynamo=True, external_data=False, opset_version=OPSET, verbose=False, optimize=True
                )
            onnx = converted.model_proto.SerializeToString(deterministic=True)
        except Exception as error:
            refused = f"torch.onnx cannot convert the captured program: {first_lines(str(error))}"
    saved = program_bytes(program) if "aot-inductor" in formats else None
    return Captured(onnx, refused, saved, shapes, raised)


def _dynamic_shapes(
    names: Sequence[str], example: Sequence[Tensor], dims: DynamicDims, at_least: Mapping[str, int]
) -> tuple:
    symbols = {}
    for name, found in dims.ranges.items():
        step, low = found.multiple_of, max(found.min, at_least.get(name, 1))
        if step == 1:
            symbols[name] = torch.export.Dim(name, min=low, max=found.max)
        else:
            high = None if found.max is None else found.max // step
            symbols[name] = step * torch.export.Dim(f"_{name}", min=-(-low // step), max=high)
    specs = []
    for name, value in zip(names, example, strict=True):
        axes = dims.axes.get(name, {})
        specs.append(
            {axis: symbols[axes[axis]] if axis in axes else torch.export.Dim.STATIC for axis in range(value.dim())}
        )
    # one level more for *inputs of Flat.forward
    return (tuple(specs),)


def _export(
    model: Flat, names: Sequence[str], example: Sequence[Tensor], dims: DynamicDims, strict: bool
) -> tuple[torch.export.ExportedProgram, dict[str, int]]:
    """The program, and the dims that it promises only from a larger size upwards.

    torch.export refuses a range whose smallest sizes make an inner size 1, where broadcasting begins. Such a range is
    captured from a larger size on, and the replay proves every size below.
    """
    bound = dims.bind({name: tuple(value.shape) for name, value in zip(names, example, strict=True)})
    raised: dict[str, int] = {}
    failure: Exception | None = None
    for attempt in range(ATTEMPTS):
        try:
            with torch.no_grad():
                shapes = _dynamic_shapes(names, example, dims, raised)
                return torch.export.export(model, tuple(example), dynamic_shapes=shapes, strict=strict), raised
        except Exception as error:
            failure = failure or error
            if not _is_range_error(error):
                break
            higher = _higher_bounds(str(error), raised, bound)
            if not higher or attempt == ATTEMPTS - 1:
                break
            raised |= higher
    assert failure is not None
    if _is_range_error(failure):
        raise ExportError(
            "RANGE_CONTRADICTED",
            "the model does not do the whole range that `dynamic` declares: it takes another branch, or one size only. "
            f"PyTorch says: {_without_advice(str(failure))}",
            dims=_violated(str(failure)) or list(bound),
        )
    place = place_in_traceback(failure, model.model)
    advice = "\nBranches on values become torch.where or torch.cond." if "ata-dependent" in str(failure) else ""
    raise ExportError(
        "CAPTURE_FAILED",
        f"torch.export cannot capture the model{f' at {show(place)}' if place else ''}: {type(failure).__name__}: "
        f"{_without_advice(str(failure))}{advice}",
        **(details_of(place) if place else {}),
    )


def _is_range_error(error: Exception) -> bool:
    return "Constraints violated" in str(error) or "ConstraintViolation" in type(error).__name__


def _higher_bounds(text: str, raised: Mapping[str, int], bound: Mapping[str, int]) -> dict[str, int]:
    """Larger lower bounds that torch.export may accept: the ones it suggests, else the next size; none when it asks for
    more than that."""
    if "specialized it to be a constant" in text:
        return {}
    suggested = {name: int(low) for name, low in re.findall(r"(\w+) = Dim\('\w+', min=(\d+)", text)}
    higher = {}
    for name in _violated(text):
        low = suggested.get(name, max(raised.get(name, 2) + 1, 3))
        if name not in bound or not raised.get(name, 1) < low <= min(bound[name], HIGHEST_PROVEN):
            return {}
        higher[name] = low
    return higher


def _violated(text: str) -> list[str]:
    """The dims that torch.export says it cannot keep."""
    found = re.search(r"Constraints violated \(([^)]*)\)", text)
    # a dim in steps is captured as `8 * _height`
    return [name.strip().removeprefix("_") for name in found.group(1).split(",")] if found else []


def _without_advice(text: str) -> str:
    """A message of torch.export without its paragraphs on logging."""
    for end in ("\n\nThe error above occurred", "\n\nThe following call raised", "\nUser Stack", "\nfrom user code:"):
        text = text.split(end)[0]
    lines = [
        line for line in text.splitlines() if line and not line.startswith(("For ", "If you suspect", "Caused by"))
    ]
    # what it suggests is to write its own Dim objects otherwise, which `dynamic` does not take
    lines = [line.split(" If you're using mark_dynamic")[0].split(" For more information")[0] for line in lines]
    return first_lines(with_relative_files("\n".join(lines)))


def _check_ranges(
    program: torch.export.ExportedProgram, names: Sequence[str], dims: DynamicDims, raised: Mapping[str, int]
) -> dict[str, str]:
    """What torch.export's symbols stand for; raises where it narrowed a range in silence."""
    symbols: dict[str, str] = {}
    placeholders = {node.name: node for node in program.graph.find_nodes(op="placeholder")}
    for name, placeholder in zip(names, program.graph_signature.user_inputs, strict=True):
        shape = placeholders[placeholder].meta["val"].shape
        for axis, dim in dims.axes.get(name, {}).items():
            size = shape[axis]
            declared = dims.ranges[dim]
            if isinstance(size, int):
                raise ExportError(
                    "RANGE_CONTRADICTED",
                    f"{name}: {dim} was declared {declared}, and the captured model takes {size} only",
                    dims=[dim],
                )
            expression = size.node.expr
            if not expression.is_Symbol:
                continue
            symbols[str(expression)] = dim
            found = program.range_constraints.get(expression)
            if found is None:
                continue
            # torch.export reasons from 2 upwards; size 1 is the replay's to prove
            too_high = int(found.lower) > max(declared.min, raised.get(dim, 2))
            too_low = found.upper.is_number and float(found.upper) < (declared.max or float("inf"))
            # an unbounded symbol's upper bound is a large integer
            if too_high or (too_low and float(found.upper) < 2**31):
                raise ExportError(
                    "RANGE_CONTRADICTED",
                    f"{name}: {dim} was declared {declared}, and the captured model is right from {found.lower} to "
                    f"{found.upper} only; narrow the range or remove the branch on the size",
                    dims=[dim],
                )
    return symbols


def _dim(size: object, symbols: dict[str, str]) -> int | str | None:
    if isinstance(size, int):
        return size
    if any(symbol.name.startswith("u") for symbol in size.node.expr.free_symbols):
        # torch.export's name for a size that depends on values
        return DATA_DEPENDENT
    text = print_symbolic(size.node.expr, symbols)
    return int(text) if text is not None and text.lstrip("-").isdigit() else text

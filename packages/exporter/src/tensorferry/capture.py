"""PyTorch module -> ONNX bytes and torch.export program; nothing here is trusted before the replay."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .dims import DynamicDims
from .errors import ExportError
from .exported_program import program_bytes
from .isolate import first_lines
from .output_dims import DATA_DEPENDENT, print_symbolic
from .tensors import flatten

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
    program: bytes | None
    """The torch.export program itself, for AOTInductor."""
    route: str
    output_shapes: list[list[int | str | None]]
    """torch.export's own view of the outputs, over the declared names; None where it has no such expression."""
    raised: dict[str, int]
    """Dims captured only from this size upwards: the replay has to prove every size below."""


def preload() -> None:
    """Imports the exporter before the fork, so that a second capture in this process starts warm."""
    for name in ("onnxscript", "torch.onnx._internal.exporter._core", "torch._dynamo"):
        try:
            importlib.import_module(name)
        except ImportError:
            # an optional warm-up of private modules: the export itself says what is missing
            continue


def capture_exported(
    model: nn.Module, example: Sequence[Tensor], names: Sequence[str], dims: DynamicDims, formats: Sequence[str]
) -> Captured:
    """Captures with torch.export (non-strict, then strict) and converts to ONNX, weights inside.

    Parameters
    ----------
    model : in eval mode, on the CPU
    example : one tensor per input; every dynamic dim at least 2, or torch.export makes it fixed
    names : of the inputs
    dims : ranges and dynamic axes
    formats : `"onnx"`, `"aot-inductor"` or both: what to hand back

    Raises
    ------
    ExportError
        `CAPTURE_FAILED`, `RANGE_CONTRADICTED`, `NOT_YET`.
    """
    weights = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    if "onnx" in formats and weights > LARGEST_MODEL:
        raise ExportError("NOT_YET", f"the weights take {weights / 1e9:.1f} GB, more than one ONNX file holds (1.5 GB)")
    program, route, raised = _export(Flat(model).eval(), names, example, dims)
    symbols = _check_ranges(program, names, dims, raised)
    values = [value for node in program.graph.find_nodes(op="output") for value in node.args[0]]
    shapes = [[_dim(size, symbols) for size in value.meta["val"].shape] for value in values]
    onnx = None
    if "onnx" in formats:
        with torch.no_grad():
            converted = torch.onnx.export(
                program, dynamo=True, external_data=False, opset_version=OPSET, verbose=False, optimize=True
            )
        onnx = converted.model_proto.SerializeToString(deterministic=True)
    saved = program_bytes(program) if "aot-inductor" in formats else None
    return Captured(onnx, saved, route, shapes, raised)


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
    model: nn.Module, names: Sequence[str], example: Sequence[Tensor], dims: DynamicDims
) -> tuple[torch.export.ExportedProgram, str, dict[str, int]]:
    """The program, how it was captured, and the dims that it promises only from a larger size upwards.

    torch.export refuses a range whose smallest sizes make an inner size 1, where broadcasting begins. Such a range is
    captured from a larger size on, and the replay proves every size below.
    """

    def capture(strict: bool, at_least: Mapping[str, int]) -> torch.export.ExportedProgram:
        with torch.no_grad():
            shapes = _dynamic_shapes(names, example, dims, at_least)
            return torch.export.export(model, tuple(example), dynamic_shapes=shapes, strict=strict)

    bound = dims.bind({name: tuple(value.shape) for name, value in zip(names, example, strict=True)})
    raised: dict[str, int] = {}
    failure: Exception | None = None
    for attempt in range(ATTEMPTS):
        try:
            return capture(False, raised), "torch.export", raised
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
        )
    try:
        return capture(True, {}), "torch.export strict", {}
    except Exception:
        # the first way's message is the clearer one
        where = _source_line(failure)
    raise ExportError(
        "CAPTURE_FAILED",
        f"torch.export cannot capture the model{where}: {type(failure).__name__}: {_without_advice(str(failure))}\n"
        "Branches on values become torch.where or torch.cond.",
    )


def _is_range_error(error: Exception) -> bool:
    return "Constraints violated" in str(error) or "ConstraintViolation" in type(error).__name__


def _higher_bounds(text: str, raised: Mapping[str, int], bound: Mapping[str, int]) -> dict[str, int]:
    """Larger lower bounds that torch.export may accept: the ones it suggests, else the next size; none when it asks for
    more than that."""
    if "specialized it to be a constant" in text:
        return {}
    suggested = {name: int(low) for name, low in re.findall(r"(\w+) = Dim\('\w+', min=(\d+)", text)}
    violated = re.search(r"Constraints violated \(([^)]*)\)", text)
    names = [name.strip() for name in violated.group(1).split(",")] if violated else []
    higher = {}
    for name in names:
        low = suggested.get(name, max(raised.get(name, 2) + 1, 3))
        if name not in bound or not raised.get(name, 1) < low <= min(bound[name], HIGHEST_PROVEN):
            return {}
        higher[name] = low
    return higher


def _without_advice(text: str) -> str:
    """A message of torch.export without its paragraphs on logging."""
    text = text.split("\n\nThe error above occurred")[0].split("\n\nThe following call raised")[0]
    lines = [
        line for line in text.splitlines() if line and not line.startswith(("For ", "If you suspect", "Caused by"))
    ]
    # what it suggests is to write its own Dim objects otherwise, which `dynamic` does not take
    lines = [line.split(" If you're using mark_dynamic")[0] for line in lines]
    return first_lines("\n".join(line.split(" For more information")[0] for line in lines))


def _source_line(error: BaseException) -> str:
    """Where in the user's own code it failed, as far as the traceback says."""
    place = ""
    torch_folder = str(inspect.getfile(torch)).rsplit("__init__", 1)[0]
    trace = error.__traceback__
    while trace:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith((torch_folder, "<")) and code.co_filename != __file__:
            place = f" ({code.co_filename}:{trace.tb_lineno}, in {code.co_name})"
        trace = trace.tb_next
    return place


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
                    dim=dim,
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
                    dim=dim,
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

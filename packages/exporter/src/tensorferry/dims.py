"""Named dims: their declaration (`"batch[1:64]"`) and expressions over them (`"3*height"`)."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .errors import ExportError

Dim = int | str | None

DECLARATION = re.compile(r"^\s*([A-Za-z_]\w*)\s*(?:\[\s*(\d*)\s*:\s*(\d*)\s*(?::\s*(\d+)\s*)?\])?\s*$", re.ASCII)


@dataclass(frozen=True)
class DimRange:
    """Bounds of a named dim, both inclusive; `max` None is unbounded."""

    min: int = 1
    max: int | None = None
    multiple_of: int = 1

    def holds(self, size: int) -> bool:
        return self.min <= size and (self.max is None or size <= self.max) and size % self.multiple_of == 0

    def __str__(self) -> str:
        step = f":{self.multiple_of}" if self.multiple_of > 1 else ""
        return f"[{self.min}:{'' if self.max is None else self.max}{step}]"


@dataclass(frozen=True)
class DynamicDims:
    """What `dynamic` declares: a range for every name, and for every input the name at each dynamic axis."""

    ranges: dict[str, DimRange]
    axes: dict[str, dict[int, str]]

    def shape(self, name: str, example: Sequence[int]) -> list[Dim]:
        """The declared shape of an input: names where dynamic, the example's sizes elsewhere."""
        axes = self.axes.get(name, {})
        return [axes.get(axis, size) for axis, size in enumerate(example)]

    def bind(self, shapes: Mapping[str, Sequence[int]]) -> dict[str, int]:
        """The size of every name in one set of input shapes.

        Raises
        ------
        ExportError
            `DIMS_INVALID` when one name has two sizes or a size is out of its range.
        """
        bound: dict[str, int] = {}
        for name, axes in self.axes.items():
            for axis, dim in axes.items():
                size = shapes[name][axis]
                if bound.setdefault(dim, size) != size:
                    raise ExportError(
                        "DIMS_INVALID",
                        f"{name}: axis {axis} is {dim!r} like another axis of size {bound[dim]}, but has {size} in "
                        f"{list(shapes[name])}; give it a name of its own in `dynamic`",
                        dim=dim,
                    )
                if not self.ranges[dim].holds(size):
                    raise ExportError(
                        "DIMS_INVALID",
                        f"{name}: axis {axis} has {size} in an example of shape {list(shapes[name])}, outside "
                        f"{dim}{self.ranges[dim]}; widen the range or change the example",
                        dim=dim,
                        size=size,
                    )
        return bound


def parse_declaration(text: str, where: str) -> tuple[str, DimRange | None]:
    """`"batch[1:64]"` -> ("batch", 1 to 64), `"height[8::8]"` -> from 8, a multiple of 8; a name alone -> None."""
    match = DECLARATION.match(text) if isinstance(text, str) else None
    if not match:
        raise ExportError(
            "DIMS_INVALID",
            f'{where}: expected a name with an optional range, such as "height", "batch[1:64]" or "width[8:512:8]", '
            f"got {text!r}",
        )
    name, low, high, step = match.groups()
    if "[" not in text:
        return name, None
    multiple = int(step or 1)
    found = DimRange(int(low or multiple), int(high) if high else None, multiple)
    if multiple < 1 or (found.max is not None and found.max <= found.min) or found.min % multiple:
        raise ExportError(
            "DIMS_INVALID",
            f"{where}: {text!r} is empty or holds one size only; expected 0 <= min < max, and a min that is a multiple "
            "of the step",
        )
    return name, found


def read_dynamic(
    dynamic: Mapping[str, Mapping[int, str]] | None, inputs: Sequence[str], ranks: Mapping[str, int]
) -> DynamicDims:
    """Checks and collects `dynamic`. A range may stand at any one place where the name is used."""
    ranges: dict[str, DimRange | None] = {}
    axes: dict[str, dict[int, str]] = {}
    for name, declared in (dynamic or {}).items():
        if name not in inputs:
            raise ExportError("DIMS_INVALID", f"dynamic: no input is called {name!r}; inputs are {', '.join(inputs)}")
        if not isinstance(declared, Mapping):
            raise ExportError(
                "DIMS_INVALID", f'dynamic[{name!r}]: expected {{axis: "name"}}, got {type(declared).__name__}'
            )
        for axis, text in declared.items():
            where = f"dynamic[{name!r}][{axis!r}]"
            if type(axis) is not int or not 0 <= axis < ranks[name]:
                raise ExportError(
                    "DIMS_INVALID",
                    f"{where}: expected an axis from 0 to {ranks[name] - 1}, {name} has rank {ranks[name]}",
                )
            dim, found = parse_declaration(text, where)
            earlier = ranges.get(dim)
            if found and earlier and found != earlier:
                raise ExportError("DIMS_INVALID", f"{where}: {dim} has the range {earlier} elsewhere, here {found}")
            ranges[dim] = earlier or found
            axes.setdefault(name, {})[axis] = dim
    return DynamicDims({name: found or DimRange() for name, found in ranges.items()}, axes)


def evaluate(dim: Dim, bound: Mapping[str, int]) -> int | None:
    """The value of a dim; None where nothing is known.

    Parameters
    ----------
    dim : a size, a name, an expression with `+ - * // % ( )`, or None
    """
    if dim is None or isinstance(dim, int):
        return dim

    def walk(node: ast.AST) -> int:
        match node:
            case ast.Expression(body=body):
                return walk(body)
            case ast.Constant(value=int(value)):
                return value
            case ast.Name(id=name):
                return bound[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -walk(operand)
            case ast.BinOp(left=left, op=operator, right=right):
                a, b = walk(left), walk(right)
                match operator:
                    case ast.Add():
                        return a + b
                    case ast.Sub():
                        return a - b
                    case ast.Mult():
                        return a * b
                    case ast.FloorDiv():
                        return a // b
                    case ast.Mod():
                        return a % b
        raise ValueError(f"{dim}: only names, whole numbers, + - * // % and parentheses")

    return walk(ast.parse(dim, mode="eval"))

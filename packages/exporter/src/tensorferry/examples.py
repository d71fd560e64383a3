"""The caller's examples, and the variants that a replay makes of them: other sizes, other values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .dims import DynamicDims
from .errors import ExportError
from .tensors import describe, require_supported, shape_name

# elements of all inputs together; beyond it a bound of a range is named in the report as not replayed
AFFORDABLE = 1_000_000


@dataclass(frozen=True)
class Case:
    """One set of inputs."""

    name: str
    inputs: tuple[Tensor, ...]
    is_example: bool = False
    bound: tuple[tuple[str, int], ...] = ()
    """Sizes of the dynamic dims, where this case was made for them."""


def read_examples(examples: Sequence[object], names: Sequence[str]) -> list[Case]:
    """Checks the examples and names them by the first input's shape.

    Raises
    ------
    ExportError
        `EXAMPLES_INVALID`, `NAMES_INVALID`.
    """
    if not isinstance(examples, (list, tuple)) or len(examples) < 2:
        count = len(examples) if isinstance(examples, (list, tuple)) else type(examples).__name__
        raise ExportError(
            "EXAMPLES_INVALID",
            f"examples: expected a list of at least two, got {count}; one example cannot show what was frozen into the "
            "file. Give another with other values, and other sizes where dims are dynamic",
        )
    cases: list[Case] = []
    taken: set[str] = set()
    for index, example in enumerate(examples):
        if isinstance(example, Tensor):
            raise ExportError(
                "EXAMPLES_INVALID", f"examples[{index}]: expected a tuple of tensors such as (x,), got one tensor"
            )
        if not isinstance(example, (tuple, list)):
            raise ExportError(
                "EXAMPLES_INVALID", f"examples[{index}]: expected a tuple of tensors, got {type(example).__name__}"
            )
        if len(example) != len(names):
            raise ExportError(
                "NAMES_INVALID",
                f"inputs names {len(names)} ({', '.join(names)}), examples[{index}] holds "
                f"{len(example)}; one name per tensor",
            )
        values = tuple(
            require_supported(value, f"examples[{index}], {name}").detach().clone().contiguous()
            for name, value in zip(names, example, strict=True)
        )
        for name, value in zip(names, values, strict=True):
            if value.device.type != "cpu":
                raise ExportError(
                    "EXAMPLES_INVALID",
                    f"examples[{index}], {name}: expected a tensor on the CPU, got one on {value.device}; give x.cpu()",
                )
        base = shape_name(values[0].shape) if values else "case"
        name, number = base, 2
        while name in taken:
            name, number = f"{base}-{number}", number + 1
        taken.add(name)
        cases.append(Case(name, values, is_example=True))
    first = cases[0]
    for case in cases[1:]:
        for name, a, b in zip(names, first.inputs, case.inputs, strict=True):
            if a.dtype != b.dtype or a.dim() != b.dim():
                raise ExportError(
                    "EXAMPLES_INVALID",
                    f"{name}: {describe(a)} in example {first.name}, {describe(b)} in {case.name}; "
                    "dtype and rank are fixed",
                )
    return cases


def check_variety(cases: Sequence[Case], names: Sequence[str], dims: DynamicDims) -> None:
    """Dynamic dims need two sizes, fixed ones need one, and no two examples may be equal."""
    first = cases[0]
    for case in cases:
        dims.bind(shapes_of(case.inputs, names))
    for case in cases[1:]:
        for name, a, b in zip(names, first.inputs, case.inputs, strict=True):
            for axis in range(a.dim()):
                if a.shape[axis] != b.shape[axis] and axis not in dims.axes.get(name, {}):
                    raise ExportError(
                        "DIMS_INVALID",
                        f"{name}: axis {axis} has {a.shape[axis]} in example {first.name} and {b.shape[axis]} in "
                        f'{case.name}, but is not dynamic; declare it: dynamic={{"{name}": {{{axis}: "size"}}}}',
                    )
    shapes = {tuple(tuple(value.shape) for value in case.inputs) for case in cases}
    if dims.ranges and len(shapes) < 2:
        raise ExportError(
            "EXAMPLES_INVALID",
            f"{', '.join(dims.ranges)} may change, but all examples have the same shapes; give one of another size",
        )
    for index, case in enumerate(cases):
        for other in cases[:index]:
            if all(a.shape == b.shape and torch.equal(a, b) for a, b in zip(case.inputs, other.inputs, strict=True)):
                raise ExportError(
                    "EXAMPLES_INVALID", f"examples {other.name} and {case.name} are equal; change the values"
                )


def shapes_of(inputs: Sequence[Tensor], names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in zip(names, inputs, strict=True)}


def resized(case: Case, names: Sequence[str], dims: DynamicDims, sizes: dict[str, int]) -> tuple[Tensor, ...]:
    """The case's inputs repeated or cut to other sizes. Values stay those of the example, so indices stay valid."""
    values = list(case.inputs)
    for index, name in enumerate(names):
        for axis, dim in dims.axes.get(name, {}).items():
            if dim in sizes:
                positions = torch.arange(sizes[dim]) % values[index].shape[axis]
                values[index] = values[index].index_select(axis, positions).contiguous()
    return tuple(values)


def capture_example(cases: Sequence[Case], names: Sequence[str], dims: DynamicDims) -> tuple[Tensor, ...]:
    """Inputs to capture with: every dynamic dim is at least 2, because torch.export makes a size of 1 fixed."""
    # a large example meets fewer special cases of small sizes
    case = max(cases, key=lambda case: sum(value.numel() for value in case.inputs))
    bound = dims.bind(shapes_of(case.inputs, names))
    small = {dim: _at_least_two(dims, dim) for dim, size in bound.items() if size < 2}
    return resized(case, names, dims, small) if small else case.inputs


def _at_least_two(dims: DynamicDims, dim: str) -> int:
    found = dims.ranges[dim]
    return max(2, found.min) if found.multiple_of == 1 else max(found.min, 2 * found.multiple_of)


def size_variants(
    case: Case, names: Sequence[str], dims: DynamicDims, below: Mapping[str, int]
) -> tuple[list[Case], list[str]]:
    """The case at 1, 2, its size ± 1 and both bounds of every dynamic dim, and at the smallest of all together.

    Parameters
    ----------
    below : dims of which every size under this one is wanted too

    Returns
    -------
    the cases, and notes on the sizes that would take too long
    """
    bound = dims.bind(shapes_of(case.inputs, names))
    wanted: list[dict[str, int]] = []
    for dim, size in bound.items():
        found = dims.ranges[dim]
        step = found.multiple_of
        sizes = {*range(1, below.get(dim, 1)), 1, 2, size - step, size + step, found.min, found.max or 2 * size + step}
        wanted += [{dim: other} for other in sorted(sizes) if other != size and found.holds(other)]
    if len(bound) > 1:
        wanted.append({dim: dims.ranges[dim].min for dim in bound})
    affordable = max(AFFORDABLE, sum(value.numel() for value in case.inputs))
    cases, skipped = [], []
    for sizes in wanted:
        name = f"{case.name} with {', '.join(f'{dim}={size}' for dim, size in sizes.items())}"
        inputs = sum(
            _elements(value.shape, dims.axes.get(key, {}), sizes) for key, value in zip(names, case.inputs, strict=True)
        )
        if inputs > affordable:
            skipped.append(f"{name}: {inputs} elements are too many to replay here")
        else:
            cases.append(Case(name, resized(case, names, dims, sizes), bound=tuple(sizes.items())))
    return cases, skipped


def _elements(shape: Sequence[int], axes: dict[int, str], sizes: dict[str, int]) -> int:
    count = 1
    for axis, size in enumerate(shape):
        count *= sizes.get(axes.get(axis, ""), size)
    return count


def value_variants(case: Case) -> Iterator[Case]:
    """The case with zeros, with negated and with ten times larger values; indices turned round instead."""
    yield Case(f"{case.name} of zeros", tuple(torch.zeros_like(value) for value in case.inputs))
    yield Case(f"{case.name} negated", tuple(_negated(value) for value in case.inputs))
    if any(value.is_floating_point() for value in case.inputs):
        large = tuple(value * 10 if value.is_floating_point() else value for value in case.inputs)
        yield Case(f"{case.name} ten times as large", large)


def _negated(value: Tensor) -> Tensor:
    if value.is_floating_point():
        return -value
    if value.dtype == torch.bool:
        return ~value
    # an integer may be an index: keep to values that the example has
    return value.flatten().flip(0).reshape(value.shape)

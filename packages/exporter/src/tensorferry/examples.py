"""The caller's examples, and the variants that a replay makes of them: other sizes, other values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .dims import DimRange, DynamicDims
from .errors import ExportError
from .rules import Rules
from .tensors import describe, require_supported, shape_name

# elements of all inputs together; beyond it a bound of a range is named in the report as not replayed
AFFORDABLE = 1_000_000
# what is made of an example: the same at other sizes, and with other values
VARIANTS = ("sizes", "zeros", "negated", "large")
# multiples of the golden ratio's part behind the point lie far from each other
GOLDEN_RATIO = 0.618


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
                values[index] = repeated(values[index], axis, sizes[dim])
    return tuple(values)


def repeated(value: Tensor, axis: int, size: int) -> Tensor:
    """The value repeated or cut to a size; of none come zeros."""
    if value.shape[axis] == 0:
        return value.new_zeros([*value.shape[:axis], size, *value.shape[axis + 1 :]])
    return value.index_select(axis, torch.arange(size) % value.shape[axis]).contiguous()


def capture_example(cases: Sequence[Case], names: Sequence[str], dims: DynamicDims, rules: Rules) -> tuple[Tensor, ...]:
    """Inputs to capture with: every dynamic dim is at least 2, because torch.export makes a size of 1 fixed."""
    # a large example meets fewer special cases of small sizes
    case = max(cases, key=lambda case: sum(value.numel() for value in case.inputs))
    bound = dims.bind(shapes_of(case.inputs, names))
    small = {dim: _at_least_two(dims, dim) for dim, size in bound.items() if size < 2}
    return _at(case, names, dims, rules, small) if small else case.inputs


def _at(case: Case, names: Sequence[str], dims: DynamicDims, rules: Rules, sizes: dict[str, int]) -> tuple[Tensor, ...]:
    """The case at other sizes, by the caller's way to make inputs or as the rules keep it."""
    if rules.make:
        return rules.made({**dims.bind(shapes_of(case.inputs, names)), **sizes}, case.inputs)
    return rules.mend(resized(case, names, dims, sizes))


def _at_least_two(dims: DynamicDims, dim: str) -> int:
    found = dims.ranges[dim]
    return max(2, found.min) if found.multiple_of == 1 else max(found.min, 2 * found.multiple_of)


def size_variants(
    case: Case, names: Sequence[str], dims: DynamicDims, below: Mapping[str, int], rules: Rules
) -> tuple[list[Case], list[str]]:
    """The case at 1, 2, its size ± 1 and both bounds of every dynamic dim, and of all together the smallest and others.

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
        wanted.append(
            {dim: _in_between(dims.ranges[dim], size, index) for index, (dim, size) in enumerate(bound.items())}
        )
    found_or_not = [_case_at(case, names, dims, sizes, rules) for sizes in wanted]
    cases = [found for found in found_or_not if isinstance(found, Case)]
    return cases, [reason for reason in found_or_not if isinstance(reason, str)]


def at_sizes(
    case: Case, names: Sequence[str], dims: DynamicDims, wanted: Sequence[dict[str, int]], rules: Rules
) -> list[Case]:
    """The case at other sizes, those that a range holds and that do not take too long."""
    inside = [sizes for sizes in wanted if all(dims.ranges[dim].holds(size) for dim, size in sizes.items())]
    return [found for sizes in inside if isinstance(found := _case_at(case, names, dims, sizes, rules), Case)]


def _case_at(case: Case, names: Sequence[str], dims: DynamicDims, sizes: dict[str, int], rules: Rules) -> Case | str:
    """The case at other sizes, or why it is left out."""
    name = f"{case.name} with {', '.join(f'{dim}={size}' for dim, size in sizes.items())}"
    inputs = sum(
        _elements(value.shape, dims.axes.get(key, {}), sizes) for key, value in zip(names, case.inputs, strict=True)
    )
    if inputs > max(AFFORDABLE, sum(value.numel() for value in case.inputs)):
        return f"{name}: {inputs} elements are too many to replay here"
    return Case(name, _at(case, names, dims, rules, sizes), bound=tuple(sizes.items()))


def _in_between(found: DimRange, size: int, index: int) -> int:
    """A size inside the range that is no bound and, as a rule, neither the example's nor another dim's."""
    step = found.multiple_of
    high = min(found.max or 2 * size + step, 2 * size + step)
    share = (GOLDEN_RATIO * (index + 1)) % 1
    return found.min + int(share * (high - found.min) / step) * step


def replay_cases(
    examples: Sequence[Case],
    names: Sequence[str],
    dims: DynamicDims,
    below: Mapping[str, int],
    rules: Rules,
    kinds: Collection[str] = VARIANTS,
) -> tuple[list[Case], list[str]]:
    """Every example, then the first at other sizes, then every example at other values; notes as `size_variants`.

    Parameters
    ----------
    rules : what made-up inputs keep
    kinds : of `VARIANTS`, those that are wanted
    """
    sizes, skipped = size_variants(examples[0], names, dims, below, rules) if "sizes" in kinds else ([], [])
    values = [variant for example in examples for variant in value_variants(example, rules, kinds)]
    return [*examples, *sizes, *values], skipped


def _elements(shape: Sequence[int], axes: dict[int, str], sizes: dict[str, int]) -> int:
    count = 1
    for axis, size in enumerate(shape):
        count *= sizes.get(axes.get(axis, ""), size)
    return count


def value_variants(case: Case, rules: Rules, kinds: Collection[str] = VARIANTS) -> Iterator[Case]:
    """The case with zeros, with negated and with ten times larger values; indices turned round instead.

    What the rules do not allow is mended: zeros are then the smallest values. Of a caller's own way to make inputs the
    first three at the case's sizes are taken.
    """
    if rules.make:
        if kinds:
            sizes = rules.sizes(case.inputs)
            yield from (Case(f"{case.name} made anew", rules.made(sizes, case.inputs, turn)) for turn in range(3))
        return
    for kind, name in (("zeros", "of zeros"), ("negated", "negated"), ("large", "ten times as large")):
        if kind not in kinds or (kind == "large" and not any(value.is_floating_point() for value in case.inputs)):
            continue
        changed = tuple(
            value if input_name in rules.given else _changed(value, kind)
            for input_name, value in zip(rules.names, case.inputs, strict=True)
        )
        mended = rules.mend(changed)
        # an input that is nothing but a mask may come back as it was
        if not all(torch.equal(a, b) for a, b in zip(mended, case.inputs, strict=True)):
            yield Case(f"{case.name} {name}", mended)


def _changed(value: Tensor, kind: str) -> Tensor:
    if kind == "zeros":
        return torch.zeros_like(value)
    if kind == "negated":
        return _negated(value)
    return value * 10 if value.is_floating_point() else value


def _negated(value: Tensor) -> Tensor:
    if value.is_floating_point():
        return -value
    if value.dtype == torch.bool:
        return ~value
    # an integer may be an index: keep to values that the example has
    return value.flatten().flip(0).reshape(value.shape)

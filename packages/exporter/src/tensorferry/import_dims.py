"""Which sizes an imported model takes: what its file says of them is only a claim, so it is run at some."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from .dims import DimRange, DynamicDims, parse_declaration
from .examples import AFFORDABLE, Case, resized
from .import_inputs import Declared, Inputs

STEPS = (2, 4, 8, 16, 32, 64)
# how far up sizes are tried
HIGHEST = 1024
# rows beside each other have no largest number as a rule, and many take long
HIGHEST_BATCH = 64
ORT_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
Axis = tuple[str, int]


@dataclass
class FoundDims:
    """What `dynamic` is to be, in the words of `export_bundle`."""

    dynamic: dict[str, dict[int, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def group_axes(declared: Sequence[Declared], examples: Sequence[Inputs]) -> dict[str, list[Axis]]:
    """Names of the axes that may change: the file's own, else made from what differs between the examples.

    Two axes share a name where the file says so, or where nothing is declared and two inputs have the same size in
    every example. Examples that contradict a shared name get one a axis.
    """
    groups: dict[str, list[Axis]] = {}
    by_sizes: dict[tuple[int, ...], str] = {}
    for index, found in enumerate(declared):
        for axis in range(examples[0][index].dim()):
            dim = found.shape[axis] if found.shape is not None else None
            sizes = tuple(example[index].shape[axis] for example in examples)
            if isinstance(dim, int):
                continue
            if found.shape is None:
                if len(set(sizes)) == 1:
                    continue
                shared = by_sizes.get(sizes)
                taken = shared is not None and any(name == found.name for name, _ in groups[shared])
                dim = shared if shared and not taken else "batch" if axis == 0 and "batch" not in groups else None
                by_sizes.setdefault(sizes, dim or own_name(found.name, axis))
            groups.setdefault(dim or own_name(found.name, axis), []).append((found.name, axis))
    names = [found.name for found in declared]
    split: dict[str, list[Axis]] = {}
    for dim, axes in groups.items():
        agree = all(len({example[names.index(name)].shape[axis] for name, axis in axes}) == 1 for example in examples)
        for name, axis in axes:
            split.setdefault(dim if agree else own_name(name, axis), []).append((name, axis))
    return split


def own_name(name: str, axis: int) -> str:
    """`pixel_values`, 2 -> "pixel_values_2"; what no dim may hold becomes `_`."""
    plain = "".join(char if char.isascii() and char.isalnum() else "_" for char in name)
    return f"{plain if plain[:1].isalpha() else f'input_{plain}'}_{axis}"


def find_dims(
    declared: Sequence[Declared],
    examples: Sequence[Inputs],
    given: Mapping[str, Mapping[int, str]],
    accepts: Callable[[Inputs], Exception | None],
    runtime: str,
) -> FoundDims:
    """Runs the model on the first example at other sizes of one dim after the other.

    Parameters
    ----------
    given : what the caller declared; those axes are taken as they are
    accepts : runs the model and returns what it failed with
    """
    names = [found.name for found in declared]
    result = FoundDims({name: dict(axes) for name, axes in given.items()})
    known = {parse_declaration(text, "dynamic")[0] for axes in given.values() for text in axes.values()}
    groups = _coupled(group_axes(declared, examples), declared, examples[0], accepts)
    every = DynamicDims({}, _by_input(groups))
    case = Case("", examples[0])
    for dim, axes in groups.items():
        places = [(name, axis) for name, axis in axes if axis not in given.get(name, {})]
        if not places:
            continue
        if dim in known or len(places) < len(axes):
            # a part of it was declared: the rest is the same size under that name
            declared_name = next((text for name, axis in axes if (text := given.get(name, {}).get(axis))), dim)
            dim_name = parse_declaration(declared_name, "dynamic")[0]
            for name, axis in places:
                result.dynamic.setdefault(name, {})[axis] = dim_name
            continue
        size = examples[0][names.index(places[0][0])].shape[places[0][1]]
        refusals: list[Exception] = []

        def runs(other: int, dim: str = dim, refusals: list[Exception] = refusals) -> bool:
            error = accepts(resized(case, names, every, {dim: other}))
            if error is not None:
                refusals.append(error)
            return error is None

        is_batch = all(axis == 0 for _, axis in places)
        limit = _largest_affordable(case.inputs, names, places, size)
        found = probe_range(runs, size, min(HIGHEST_BATCH if is_batch else HIGHEST, limit))
        seen = {example[names.index(name)].shape[axis] for example in examples for name, axis in places}
        if found is None and seen == {size}:
            reason = ORT_PREFIX.sub("", str(refusals[0]).strip()).splitlines()[0][:120] if refusals else ""
            result.notes.append(f"{dim}: written as {size}, {runtime} refuses the sizes beside it ({reason})")
            continue
        if not found or not all(map(found.holds, seen)):
            # only the examples say what it takes
            found = DimRange(min(seen), max(seen), math.gcd(*seen) if min(seen) else 1)
        if found != DimRange():
            result.notes.append(f"{dim}: {found}, as far as {runtime} takes it")
        for name, axis in places:
            result.dynamic.setdefault(name, {})[axis] = f"{dim}{found}"
    return result


def _coupled(
    groups: Mapping[str, list[Axis]],
    declared: Sequence[Declared],
    example: Inputs,
    accepts: Callable[[Inputs], Exception | None],
) -> dict[str, list[Axis]]:
    """Axes without a name that change together or not at all, such as the batch of two inputs, under one name."""
    names = [found.name for found in declared]

    def runs(places: Sequence[Axis]) -> bool:
        sizes = DynamicDims({}, _by_input({"size": places}))
        size = example[names.index(places[0][0])].shape[places[0][1]]
        return accepts(resized(Case("", example), names, sizes, {"size": size + 1})) is None

    found: dict[str, list[Axis]] = {}
    waiting = dict(groups)
    while waiting:
        dim, places = next(iter(waiting.items()))
        del waiting[dim]
        (name, axis), size = places[0], example[names.index(places[0][0])].shape[places[0][1]]
        alike = [
            other
            for other, ((of, at), *more) in waiting.items()
            if not more and other == own_name(of, at) and of != name and example[names.index(of)].shape[at] == size
        ]
        same_axis = [other for other in alike if waiting[other][0][1] == axis]
        if dim == own_name(name, axis) and alike and not runs(places):
            for others in [same_axis, *([other] for other in alike)]:
                together = [*places, *(waiting[other][0] for other in others)]
                if others and runs(together):
                    dim = "batch" if axis == 0 and "batch" not in {*groups, *found} else dim
                    places = together
                    waiting = {other: kept for other, kept in waiting.items() if other not in others}
                    break
        found[dim] = list(places)
    return found


def _by_input(groups: Mapping[str, Sequence[Axis]]) -> dict[str, dict[int, str]]:
    found: dict[str, dict[int, str]] = {}
    for dim, places in groups.items():
        for name, axis in places:
            found.setdefault(name, {})[axis] = dim
    return found


def _largest_affordable(inputs: Sequence[Tensor], names: Sequence[str], places: Sequence[Axis], size: int) -> int:
    touched = {name for name, _ in places}
    elements = sum(value.numel() for name, value in zip(names, inputs, strict=True) if name in touched)
    return max(size, AFFORDABLE * size // max(1, elements))


def probe_range(runs: Callable[[int], bool], size: int, highest: int) -> DimRange | None:
    """The sizes that a dim may have, as far as runs at a few of them show.

    Parameters
    ----------
    runs : whether the model takes a size; `size` itself it takes
    highest : no larger size is tried

    Returns
    -------
    None when only `size` is taken; no upper end when the highest is
    """
    step = next((step for step in (1, *STEPS) if size % step == 0 and runs(size + step)), None)
    if step is None:
        return None
    low = _edge(lambda count: runs(count * step), size // step, min(1, size // step)) * step
    top = highest // step
    high = _edge(lambda count: runs(count * step), size // step + 1, max(top, size // step + 1)) * step
    return DimRange(low, None if high >= top * step else high, step)


def _edge(holds: Callable[[int], bool], inside: int, end: int) -> int:
    """The number nearest to `end` that holds, when `inside` does and what lies between changes once."""
    if inside == end or holds(end):
        return end
    while abs(end - inside) > 1:
        middle = (inside + end) // 2
        if holds(middle):
            inside = middle
        else:
            end = middle
    return inside

"""Whether rows along axis 0 are independent of each other, so that a server may batch requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from .dims import Dim, DynamicDims
from .examples import Case, repeated
from .replay import allowance
from .tensors import compare

Mend = Callable[[Sequence[Tensor]], Sequence[Tensor]]

ROWS = 4
ORDER = [2, 0, 3, 1]
# how many of them are also run at once, as far as the dim goes: a branch on the size shows there
MANY = 32


def batch_dim(dims: DynamicDims, inputs: Sequence[str], output_shapes: Sequence[Sequence[Dim]]) -> str | None:
    """The name that is axis 0, and only axis 0, of every input and output, from size 1 up; None if there is none."""
    firsts = {dims.axes.get(name, {}).get(0) for name in inputs} | {
        shape[0] if shape else None for shape in output_shapes
    }
    if len(firsts) != 1 or None in firsts:
        return None
    (dim,) = firsts
    if not isinstance(dim, str) or dim not in dims.ranges:
        return None
    inner = [text for shape in output_shapes for text in shape[1:] if isinstance(text, str)]
    elsewhere = any(dim == name for axes in dims.axes.values() for axis, name in axes.items() if axis > 0)
    found = dims.ranges[dim]
    if elsewhere or any(dim in text for text in inner) or found.min > 1 or not found.holds(ROWS):
        return None
    return dim


def rows_independent(
    run: Callable[[Sequence[Tensor]], list[np.ndarray]],
    cases: Sequence[Case],
    largest: int | None = None,
    error: Callable[[Sequence[Tensor], Sequence[np.ndarray]], list[float]] | None = None,
    mend: Mend = list,
) -> str | None:
    """Runs four unlike rows together, alone, in another order, and among many copies of themselves.

    Parameters
    ----------
    cases : their rows are used, of all of them
    largest : how many rows the dim allows
    error : how far each output is off in float32 itself; ten times that is allowed, as in a replay
    mend : makes inputs keep the rules of the model's inputs

    Returns
    -------
    None when every row's result is the same each time, else what differed
    """
    together = _together(cases, mend)
    if all(torch.equal(value, value[ORDER]) for value in together):
        return "the examples' rows are all alike, which shows nothing"
    expected = run(together)
    own = error(together, expected) if error else [0.0] * len(expected)

    def differs(got: Sequence[np.ndarray], rows: Sequence[int]) -> str | None:
        for value, other, off in zip(expected, got, own, strict=True):
            wanted = value[list(rows)]
            difference = compare(wanted, other, str(value.dtype), allowance(off, wanted))
            if not difference.agrees:
                return difference.summary
        return None

    found = differs(run([value[ORDER].contiguous() for value in together]), ORDER)
    if found:
        return f"rows in another order give other results: {found}"
    for row in range(ROWS):
        found = differs(run([value[row : row + 1].contiguous() for value in together]), [row])
        if found:
            return f"a row alone gives another result than among others: {found}"
    many = [index % ROWS for index in range(min(MANY, largest or MANY))]
    found = differs(run([value[many].contiguous() for value in together]), many)
    return f"a row among {len(many)} gives another result than among {ROWS}: {found}" if found else None


def rows_apart(
    run: Callable[[Sequence[Tensor]], list[np.ndarray]], cases: Sequence[Case], mend: Mend = list
) -> list[float]:
    """For every output the largest difference between a row among three unlike ones and the same row alone."""
    together = _together(cases, mend)
    expected = run(together)
    apart = [0.0] * len(expected)
    for row in range(ROWS):
        alone = run([value[row : row + 1].contiguous() for value in together])
        for index, (among, single) in enumerate(zip(expected, alone, strict=True)):
            if among.dtype.kind == "f":
                difference = np.abs(among[row : row + 1].astype(np.float64) - single)
                apart[index] = max(apart[index], float(difference[np.isfinite(difference)].max(initial=0.0)))
    return apart


def _together(cases: Sequence[Case], mend: Mend) -> list[Tensor]:
    """Four unlike rows of every input."""
    count = len(cases[0].inputs)
    return list(mend([_unlike_rows([case.inputs[index] for case in cases]) for index in range(count)]))


def _unlike_rows(values: Sequence[Tensor]) -> Tensor:
    """Four rows of the examples' values: shifted, negated, larger; integers shifted, some of them raised.

    Parameters
    ----------
    values : one input of every example
    """
    rows = []
    for row, scale in enumerate((1.0, -1.0, 5.0, 0.3)):
        value = values[row % len(values)]
        # the first row of each example, then the second
        source = _cut(value[row // len(values) % len(value)], values[0].shape[1:])
        shifted = torch.roll(source.flatten(), row * max(1, source.numel() // ROWS)).reshape(source.shape)
        rows.append(shifted * scale if value.is_floating_point() else _raised(shifted, row))
    return torch.stack(rows).to(values[0].dtype).contiguous()


def _raised(row: Tensor, eighths: int) -> Tensor:
    """The row with so many eighths of it, its smallest values, in place of which its largest stands.

    A row that is only shifted keeps its sum: a model that takes the mean over all rows would look independent.
    """
    flat = row.flatten()
    if not flat.numel():
        return row
    smallest = flat.argsort(stable=True)[: -(-flat.numel() * eighths // 8)]
    return flat.index_fill(0, smallest, flat.max()).reshape(row.shape) if len(smallest) else row


def _cut(row: Tensor, shape: Sequence[int]) -> Tensor:
    """The row repeated or cut to the first example's sizes."""
    for axis, size in enumerate(shape):
        row = repeated(row, axis, size)
    return row

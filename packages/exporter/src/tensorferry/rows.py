"""Whether rows along axis 0 are independent of each other, so that a server may batch requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from .dims import Dim, DynamicDims
from .examples import Case
from .tensors import compare

ROWS = 4
ORDER = [2, 0, 3, 1]


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
    if elsewhere or any(dim in text for text in inner) or found.min != 1 or not found.holds(ROWS):
        return None
    return dim


def rows_independent(run: Callable[[Sequence[Tensor]], list[np.ndarray]], case: Case) -> str | None:
    """Runs four unlike rows together, alone and in another order.

    Returns
    -------
    None when every row's result is the same each time, else what differed
    """
    together = tuple(_unlike_rows(value) for value in case.inputs)
    expected = run(together)
    permuted = run([value[ORDER].contiguous() for value in together])
    for index, value in enumerate(expected):
        difference = compare(value[ORDER], permuted[index], str(value.dtype))
        if not difference.agrees:
            return f"rows in another order give other results: {difference.summary}"
    for row in range(ROWS):
        alone = run([value[row : row + 1].contiguous() for value in together])
        for index, value in enumerate(expected):
            difference = compare(value[row : row + 1], alone[index], str(value.dtype))
            if not difference.agrees:
                return f"a row alone gives another result than among others: {difference.summary}"
    return None


def rows_apart(run: Callable[[Sequence[Tensor]], list[np.ndarray]], case: Case) -> list[float]:
    """For every output the largest difference between a row among three unlike ones and the same row alone."""
    together = tuple(_unlike_rows(value) for value in case.inputs)
    expected = run(together)
    apart = [0.0] * len(expected)
    for row in range(ROWS):
        alone = run([value[row : row + 1].contiguous() for value in together])
        for index, (among, single) in enumerate(zip(expected, alone, strict=True)):
            if among.dtype.kind == "f":
                difference = np.abs(among[row : row + 1].astype(np.float64) - single)
                apart[index] = max(apart[index], float(difference[np.isfinite(difference)].max(initial=0.0)))
    return apart


def _unlike_rows(value: Tensor) -> Tensor:
    """Four rows of the example's values: shifted, negated, larger; integers are shifted only."""
    rows = []
    for row, scale in enumerate((1.0, -1.0, 5.0, 0.3)):
        source = value[row % len(value)]
        shifted = torch.roll(source.flatten(), row * max(1, source.numel() // ROWS)).reshape(source.shape)
        rows.append(shifted * scale if value.is_floating_point() else shifted)
    return torch.stack(rows).to(value.dtype).contiguous()

"""The golden results of a postprocess behind a model that takes tensors alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import nn

from .dims import DynamicDims
from .eager import outputs_of
from .errors import ExportError
from .examples import Case, resized
from .pipeline import Pipeline, run_postprocess
from .tensors import to_tensor


def finish(
    pipeline: Pipeline, outputs: Sequence[str], values: Sequence[np.ndarray], context: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The result's arrays by their golden key; none without a postprocess.

    Raises
    ------
    ExportError
        `PIPELINE_INVALID` where the steps do not take the output.
    """
    if not pipeline.postprocess:
        return {}
    source = values[outputs.index(pipeline.postprocess[0]["from"][0])]
    return run_postprocess(pipeline, to_tensor(source), context)


def finished_cases(
    model: nn.Module,
    pipeline: Pipeline,
    cases: Sequence[Case],
    inputs: Sequence[str],
    outputs: Sequence[str],
    dims: DynamicDims,
) -> tuple[list[Case], set[str]]:
    """The examples, with one of a single row more where the steps take no batch, and the names of those with a result.

    Raises
    ------
    ExportError
        `PIPELINE_INVALID` where no example has a result.
    """
    refused: ExportError | None = None
    found = set()
    for case in cases:
        try:
            finish(pipeline, outputs, outputs_of(model, case.inputs), {})
            found.add(case.name)
        except ExportError as error:
            refused = refused or error
    if refused is None or found:
        return list(cases), found
    row = _one_row(cases[0], inputs, dims)
    if row is None:
        refused.add("Results are of one row at a time: give an example with one")
        raise refused
    finish(pipeline, outputs, outputs_of(model, row.inputs), {})
    return [*cases, row], {row.name}


def _one_row(case: Case, inputs: Sequence[str], dims: DynamicDims) -> Case | None:
    """The first row of an example, where its first axes may be 1."""
    first = {axes[0] for axes in dims.axes.values() if 0 in axes}
    if not first or not all(dims.ranges[dim].holds(1) for dim in first):
        return None
    values = resized(case, inputs, dims, dict.fromkeys(first, 1))
    return Case(f"{case.name}-row", values, is_example=True)

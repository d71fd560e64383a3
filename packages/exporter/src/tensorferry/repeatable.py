"""A run must not depend on the runs before it, nor on chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from .call import own_name
from .eager import explain, outputs_of
from .errors import ExportError
from .examples import Case
from .snapshot import Snapshot
from .tensors import is_floating


def equal_results(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> bool:
    """Bit by bit, where NaN equals NaN."""
    return len(a) == len(b) and all(
        x.shape == y.shape and np.array_equal(x, y, equal_nan=is_floating(x)) for x, y in zip(a, b, strict=True)
    )


def require_repeatable(model: nn.Module, cases: Sequence[Case]) -> None:
    """The first example gives the same at once again and after another example. The model stays as it is.

    Raises
    ------
    ExportError
        `NOT_DETERMINISTIC` for random numbers, `MODEL_STATEFUL` for state in attributes that are no buffers.
    """
    case, other = cases[0], cases[1]
    start = Snapshot(model)

    def three(seed: int | None) -> list[list[np.ndarray]]:
        start.restore()
        found = []
        for inputs in (case.inputs, case.inputs, other.inputs, case.inputs):
            if seed is not None:
                torch.manual_seed(seed)
            found.append([value.copy() for value in outputs_of(model, inputs)])
        return [found[0], found[1], found[3]]

    try:
        first, second, third = three(None)
        if equal_results(first, second) and equal_results(first, third):
            return
        with torch.random.fork_rng(devices=[]):
            first, second, third = three(0)
            changed = [own_name(model, name) for name in start.changed_attributes()]
    except ExportError:
        raise
    except Exception as error:
        raise ExportError(
            "EXAMPLES_INVALID", f"the model fails when it is run again on {case.name} or {other.name}: {explain(error)}"
        ) from error
    finally:
        start.restore()
    if (equal_results(first, second) and equal_results(first, third)) or not changed:
        raise ExportError(
            "NOT_DETERMINISTIC",
            f"two runs on example {case.name} differ; random numbers (functional.dropout without "
            "training=self.training?) or state kept between calls cannot be exported",
        )
    raise ExportError(
        "MODEL_STATEFUL",
        f"a run on example {case.name} depends on the runs before it: forward() changes its attribute "
        f"{', '.join(changed)}, which no file keeps. Register it as a buffer of zeros, such as "
        f"self.register_buffer({changed[0].rpartition('.')[2]!r}, torch.zeros(…)), and it becomes a state; or make it "
        "an argument and a result of forward",
        attributes=changed,
    )

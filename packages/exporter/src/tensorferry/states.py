"""States: an output that is the next run's input, zeros at first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .errors import ExportError


def read_states(states: Sequence[object], inputs: Sequence[str], outputs: Sequence[str]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for index, pair in enumerate(states):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or pair[0] not in inputs or pair[1] not in outputs:
            raise ExportError(
                "NAMES_INVALID",
                f"states[{index}]: expected (input, output) such as ('h', 'h_out'), an input of {', '.join(inputs)} "
                f"and an output of {', '.join(outputs)}, got {pair!r}",
            )
        pairs.append((pair[0], pair[1]))
    for side in (0, 1):
        names = [pair[side] for pair in pairs]
        if len(set(names)) != len(names):
            raise ExportError("NAMES_INVALID", f"states: one name stands twice in {names}")
    if pairs and len(pairs) == len(inputs):
        raise ExportError("NAMES_INVALID", "states: every input is a state; a step needs at least one other input")
    return pairs


def check_states(
    states: Sequence[tuple[str, str]], inputs: Sequence[dict[str, Any]], outputs: Sequence[dict[str, Any]]
) -> None:
    """A state keeps dtype and shape, and its dims are bound by the other inputs: zeros of that shape begin.

    Parameters
    ----------
    inputs, outputs : the manifest's specs
    """
    by_name = {spec["name"]: spec for spec in [*inputs, *outputs]}
    state_inputs = {name for name, _ in states}
    bound = {
        dim for spec in inputs if spec["name"] not in state_inputs for dim in spec["shape"] if isinstance(dim, str)
    }
    for name, output in states:
        before, after = by_name[name], by_name[output]
        if before["dtype"] != after["dtype"] or before["shape"] != after["shape"]:
            raise ExportError(
                "NAMES_INVALID",
                f"states: {name} is {before['dtype']}{before['shape']}, {output} is {after['dtype']}{after['shape']}; "
                "a state keeps its dtype and shape",
            )
        loose = [dim for dim in before["shape"] if isinstance(dim, str) and dim not in bound]
        if loose:
            raise ExportError(
                "DIMS_INVALID", f"states: no other input has {name}'s dim {', '.join(loose)}, so its size is unknown"
            )

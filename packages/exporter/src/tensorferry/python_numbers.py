"""Python numbers that the model makes of tensors and of sizes: a capture takes them for constants."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .control_flow import Call, Parting, line_at
from .source_place import Names, Place, nearest, place_of

TAKES_VALUES = ("item", "tolist", "numpy", "__bool__", "__int__", "__float__", "__index__", "__array__")
NUMBERS = (bool, int, float)


def find_taken(model: nn.Module, first: Sequence[Tensor], second: Sequence[Tensor], names: Names) -> Parting | None:
    """The first line that takes another number out of a tensor for the second inputs than for the first."""
    for (place, one), (other_place, other) in zip(
        numbers_taken(model, first, names), numbers_taken(model, second, names), strict=False
    ):
        if place != other_place:
            return None
        if one != other:
            return Parting(place, "value", (one, other) if isinstance(one, NUMBERS) else None)
    return None


def find_made_of_size(first: Call, second: Call, names: Names) -> Parting | None:
    """The first line that keeps another float, text or truth in a variable.

    Whole numbers are left out: sizes themselves differ, and captures keep them.

    Parameters
    ----------
    first, second : two runs that took the same way
    """
    for one, other in zip_longest(_calls(first), _calls(second)):
        if one is None or other is None or one.code is not other.code:
            return None
        differing = [name for name, value in one.numbers.items() if value != other.numbers.get(name, value)]
        stored = min((offset for name in differing for offset in _stores(one, name)), default=None)
        if stored is not None:
            (name, *_) = [name for name in differing if stored in _stores(one, name)]
            place = place_of(one.code.co_filename, line_at(one.code, stored), one.owner, names)
            return Parting(place, "size", (one.numbers[name], other.numbers[name]))
    return None


def _calls(call: Call) -> Iterator[Call]:
    """Inner calls before those that made them: what they were given is not theirs."""
    for event in call.events:
        if isinstance(event, Call):
            yield from _calls(event)
    if call.code is not None:
        yield call


def _stores(call: Call, name: str) -> list[int]:
    """Where the call has put something into a variable."""
    done = {event for event in call.events if isinstance(event, int)}
    return [
        found.offset
        for found in dis.get_instructions(call.code)
        if found.opname.startswith("STORE_") and found.offset in done and name in _variables(found.argval)
    ]


def _variables(argument: Any) -> tuple[Any, ...]:
    # newer Pythons have one instruction for two variables
    return argument if isinstance(argument, tuple) else (argument,)


class _Values(TorchFunctionMode):
    """Notes every number that is taken out of a tensor, and where."""

    def __init__(self, names: Names) -> None:
        super().__init__()
        self.names = names
        self.taken: list[tuple[Place, Any]] = []

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if getattr(function, "__name__", "") in TAKES_VALUES:
            frame, owner = nearest(sys._getframe(1))
            if frame:
                value = result.tobytes() if hasattr(result, "tobytes") else result
                self.taken.append((place_of(frame.f_code.co_filename, frame.f_lineno, owner, self.names), value))
        return result


def numbers_taken(model: nn.Module, inputs: Sequence[Tensor], names: Names) -> list[tuple[Place, Any]]:
    """Every number that the model's own code takes out of a tensor, in order, with its line."""
    with _Values(names) as values, torch.no_grad():
        model(*[value.clone() for value in inputs])
    return values.taken

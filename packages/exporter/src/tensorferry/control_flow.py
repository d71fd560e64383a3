"""Records which way eager PyTorch takes through the model's Python code, and finds where two runs part."""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from types import CodeType, FrameType
from typing import Any

import torch
from torch import Tensor, nn

from .source_place import Names, Place, is_models_own, owner_of, place_of

# a longer run says no more about where it parts, and takes gigabytes
LONGEST = 3_000_000


@dataclass(frozen=True)
class Parting:
    """Where the second run takes another way than the first, or makes another number."""

    place: Place
    kind: str
    """`"branch"`, `"loop"`, or a number made of a `"value"` or of a `"size"`."""
    seen: tuple[Any, Any] | None = None
    """How often the loop ran, or the two numbers, where that is known."""


@dataclass(eq=False)
class Call:
    """One call of a Python function, and what happened in it: offsets of instructions, and calls of its own."""

    code: CodeType | None
    owner: nn.Module | None
    events: list[int | Call] = field(default_factory=list)
    numbers: dict[str, float | str | bool] = field(default_factory=dict)
    """Variables at its end."""


class TooLong(Exception):
    """The run has too many steps to be recorded."""


class _Recorder:
    """A trace function for `sys.settrace`: instructions, because an `a if b else c` parts within one line."""

    def __init__(self) -> None:
        self.root = Call(None, None)
        self.stack: list[tuple[FrameType | None, Call]] = [(None, self.root)]
        self.count = 0

    def enter(self, frame: FrameType, event: str, _: object) -> Callable | None:
        if event != "call" or not is_models_own(frame.f_code.co_filename):
            return None
        parent = self.stack[-1][1]
        call = Call(frame.f_code, owner_of(frame) or parent.owner)
        parent.events.append(call)
        self.stack.append((frame, call))
        frame.f_trace_opcodes = True
        return self.step

    def step(self, frame: FrameType, event: str, _: object) -> Callable:
        call = self.stack[-1][1]
        if event == "return":
            call.numbers = {name: value for name, value in frame.f_locals.items() if type(value) in (float, str, bool)}
            while len(self.stack) > 1 and self.stack.pop()[0] is not frame:
                continue
        elif event in ("line", "opcode"):
            # a new line is an event, and so is its first instruction
            if not call.events or call.events[-1] != frame.f_lasti:
                call.events.append(frame.f_lasti)
            self.count += 1
            if self.count > LONGEST:
                raise TooLong
        return self.step


def record(model: nn.Module, inputs: Sequence[Tensor]) -> Call:
    """Runs the model and notes what happens.

    The first run of a model counts for nothing: the model may do something once, and Python 3.12 and 3.13 hear of a
    frame's wish for its instructions only by another `settrace`.
    """
    recorder = _Recorder()
    before = sys.gettrace()
    sys.settrace(recorder.enter)
    try:
        with torch.no_grad():
            model(*[value.clone() for value in inputs])
    finally:
        sys.settrace(before)
    return recorder.root


def compare_calls(first: Call, second: Call, names: Names) -> Parting | None:
    """The first parting in time: what was called earlier is compared before what came after it."""
    last = None
    for one, other in zip_longest(first.events, second.events):
        if isinstance(one, Call) and isinstance(other, Call) and one.code is other.code:
            found = compare_calls(one, other, names)
            if found:
                return found
        elif isinstance(one, int) and one == other:
            last = one
        else:
            break
    else:
        return None
    if first.code is None or last is None:
        return None
    place = place_of(first.code.co_filename, line_at(first.code, last), first.owner, names)
    if dis.opname[first.code.co_code[last]] == "FOR_ITER":
        # the instruction that asks for the next item runs one time more than the body
        times = tuple(sum(event == last for event in call.events) - 1 for call in (first, second))
        # a generator's frame begins anew at every step
        return Parting(place, "loop", times if times[0] != times[1] else None)
    return Parting(place, "loop" if place.source.startswith("while ") else "branch")


def line_at(code: CodeType, offset: int) -> int:
    found = next((line for start, end, line in code.co_lines() if line and start <= offset < end), None)
    return found or code.co_firstlineno

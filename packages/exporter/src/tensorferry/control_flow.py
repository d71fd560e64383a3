"""Records which way eager PyTorch takes through the model's Python code, and finds where two runs part."""

from __future__ import annotations

import dis
import linecache
import os
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .torchscript_trace import module_relative

# a longer run says no more about where it parts, and takes gigabytes
LONGEST = 3_000_000
# what makes a Python number of a tensor: a capture freezes it
TAKES_VALUES = ("item", "tolist", "numpy", "__bool__", "__int__", "__float__", "__index__", "__array__")
# code that takes no way of the model's own
FOREIGN = tuple(
    f"{Path(folder)}{os.sep}" for folder in (torch.__path__[0], Path(__file__).parent, sysconfig.get_paths()["stdlib"])
)
PACKAGES = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Place:
    """A line of the model's code."""

    file: str
    """Relative to its package."""
    line: int
    source: str
    submodule: str | None
    """Whose forward it belongs to, by its name in the model: `""` is the model itself, None is unknown."""
    type: str | None
    """The submodule's class."""


@dataclass(frozen=True)
class Parting:
    """Where the second run takes another way than the first."""

    place: Place
    kind: str
    """`"branch"`, `"loop"`, or `"value"`: a Python number that was made of a tensor."""
    seen: tuple[Any, Any] | None = None
    """How often the loop ran, or the two numbers, where that is known."""


@dataclass(eq=False)
class Call:
    """One call of a Python function, and what happened in it: offsets of instructions, and calls of its own."""

    code: CodeType | None
    owner: nn.Module | None
    events: list[int | Call] = field(default_factory=list)


class TooLong(Exception):
    """The run has too many steps to be recorded."""


class _Recorder:
    """A trace function for `sys.settrace`: instructions, because an `a if b else c` parts within one line."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
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
        if event == "return":
            while len(self.stack) > 1 and self.stack.pop()[0] is not frame:
                continue
        elif event in ("line", "opcode"):
            events = self.stack[-1][1].events
            # a new line is an event, and so is its first instruction
            if not events or events[-1] != frame.f_lasti:
                events.append(frame.f_lasti)
            self.count += 1
            if self.count > LONGEST:
                raise TooLong
        return self.step


class _Values(TorchFunctionMode):
    """Notes every Python number that is made of a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[tuple[str, int], nn.Module | None, Any]] = []

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if getattr(function, "__name__", "") in TAKES_VALUES:
            frame: FrameType | None = sys._getframe(1)
            while frame and not is_models_own(frame.f_code.co_filename):
                frame = frame.f_back
            if frame:
                # arrays are compared as text, which shortens them
                value = result if isinstance(result, (bool, int, float)) else repr(result)
                owner = owner_of(frame)
                self.taken.append(((frame.f_code.co_filename, frame.f_lineno), owner, value))
        return result


def find_parting(model: nn.Module, first: Sequence[Tensor], second: Sequence[Tensor]) -> Parting | None:
    """The first line at which eager PyTorch takes another way for the second inputs than for the first.

    Parameters
    ----------
    first, second : one tensor per input; the model has to run both

    Returns
    -------
    None when both runs take the same way: then operators differ, and no line
    """
    names = _names(model)
    parting = _compare(*_record(model, first, second), names)
    if parting:
        return parting
    for a, b in zip(_taken(model, first), _taken(model, second), strict=False):
        if a[0] != b[0]:
            return None
        if a[2] != b[2]:
            (file, line), owner, value = a
            seen = None if isinstance(value, str) else (value, b[2])
            return Parting(_place(file, line, owner, names), "value", seen)
    return None


def _run(model: nn.Module, inputs: Sequence[Tensor]) -> None:
    with torch.no_grad():
        model(*[value.clone() for value in inputs])


def _record(model: nn.Module, first: Sequence[Tensor], second: Sequence[Tensor]) -> tuple[Call, Call]:
    before = sys.gettrace()
    recorder = _Recorder()
    runs = []
    try:
        # what a first call does once, in the model and in Python's own tracing, counts for neither
        for inputs in (first, first, second):
            sys.settrace(recorder.enter)
            recorder.begin()
            _run(model, inputs)
            runs.append(recorder.root)
    finally:
        sys.settrace(before)
    return runs[1], runs[2]


def _taken(model: nn.Module, inputs: Sequence[Tensor]) -> list[tuple[tuple[str, int], nn.Module | None, Any]]:
    with _Values() as values:
        _run(model, inputs)
    return values.taken


def _compare(a: Call, b: Call, names: dict[int, tuple[str, str]]) -> Parting | None:
    """The first parting in time: what was called earlier is compared before what came after it."""
    last = None
    for one, other in zip_longest(a.events, b.events):
        if isinstance(one, Call) and isinstance(other, Call) and one.code is other.code:
            found = _compare(one, other, names)
            if found:
                return found
        elif isinstance(one, int) and one == other:
            last = one
        else:
            break
    else:
        return None
    if a.code is None or last is None:
        return None
    file, line = a.code.co_filename, _line_at(a.code, last)
    place = _place(file, line, a.owner, names)
    if dis.opname[a.code.co_code[last]] == "FOR_ITER":
        # the instruction that asks for the next item runs one time more than the body
        times = tuple(sum(event == last for event in call.events) - 1 for call in (a, b))
        # a generator's frame begins anew at every step
        return Parting(place, "loop", times if times[0] != times[1] else None)
    return Parting(place, "loop" if place.source.startswith("while ") else "branch")


def _line_at(code: CodeType, offset: int) -> int:
    found = next((line for start, end, line in code.co_lines() if line and start <= offset < end), None)
    return found or code.co_firstlineno


def place_of(file: str, line: int, owner: nn.Module | None, model: nn.Module) -> Place:
    """A line with its text, its file relative to the package, and the owner's name in the model."""
    return _place(file, line, owner, _names(model))


def _names(model: nn.Module) -> dict[int, tuple[str, str]]:
    return {id(module): (name, type(module).__name__) for name, module in model.named_modules()}


def _place(file: str, line: int, owner: nn.Module | None, names: dict[int, tuple[str, str]]) -> Place:
    name, kind = names.get(id(owner), (None, None))
    return Place(module_relative(file), line, linecache.getline(file, line).strip(), name, kind)


def owner_of(frame: FrameType) -> nn.Module | None:
    """The module whose method this is."""
    code = frame.f_code
    if not code.co_argcount:
        return None
    found = frame.f_locals.get(code.co_varnames[0])
    return found if isinstance(found, nn.Module) else None


@lru_cache(maxsize=4096)
def is_models_own(file: str) -> bool:
    """Whether a file is neither PyTorch's, Python's nor this package's."""
    if file.startswith(("<frozen ", "<eval_with_key>")):
        return False
    inside = [folder for folder in FOREIGN if file.startswith(folder)]
    # packages lie inside of the standard library's folder
    return not inside or (inside == [FOREIGN[-1]] and any(name in Path(file).parts for name in PACKAGES))

"""Where TorchScript's code came from, for the stack traces of its errors: paths relative to their packages.

An archive holds, beside each code file, a pickle of
`(offset in the code, ((pieces of source text, file, first line), start, end), tag)`, its texts in one table.
"""

from __future__ import annotations

import io
import pickle
import re
import sys
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from torch.jit._pickle import build_intlist

FORMAT = "FORMAT_WITH_STRING_TABLE"
FRAME = re.compile(r"^(?P<file>.*)\((?P<line>\d+)\): (?P<function>.+)\n$")
# what every call of a module passes through says nothing
PASSED_THROUGH = ("_slow_forward", "_call_impl", "_wrapped_call_impl")
TRACER = "torch/jit/_trace.py"


@dataclass(frozen=True)
class Range:
    """From `offset` on, the code comes from `text[start:end]` of a file."""

    offset: int
    text: tuple[str, ...]
    file: str
    line: int
    start: int
    end: int

    def at(self, offset: int) -> Range:
        return replace(self, offset=offset)

    @staticmethod
    def nowhere() -> Range:
        return Range(0, (), "", 0, 0, 0)


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch.jit._pickle", "build_intlist"):
            return list
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a TorchScript file's debug records")


class _IntList:
    def __init__(self, values: list[int]) -> None:
        self.values = values

    def __reduce__(self) -> tuple[Any, ...]:
        return build_intlist, (self.values,)


def read_ranges(content: bytes) -> list[Range]:
    """The records of one code file, without this machine's paths."""
    kind, texts, records = _Reader(io.BytesIO(content)).load()
    if kind != FORMAT:
        return []
    found = []
    for offset, ((pieces, file, line), start, end), _ in records:
        text = tuple(texts[piece] for piece in pieces)
        found.append(_publishable(Range(offset, text, texts[file], line, start, end)))
    return found


def _publishable(found: Range) -> Range:
    frames = [FRAME.match(piece) for piece in found.text if piece]
    file = module_relative(found.file)
    if not frames or None in frames:
        return replace(found, file=file)
    # traced: the text is a call stack, innermost first
    kept: list[str] = []
    for frame in frames:
        assert frame is not None
        place = module_relative(frame["file"])
        if place == TRACER:
            break
        if frame["function"] not in PASSED_THROUGH and not place.startswith("tensorferry/"):
            kept.append(f"{place}({frame['line']}): {frame['function']}\n")
    return replace(found, text=(*kept, ""), file=file, start=0, end=sum(map(len, kept)))


@lru_cache(maxsize=4096)
def module_relative(path: str) -> str:
    """`/…/site-packages/torch/nn/modules/conv.py` -> `torch/nn/modules/conv.py`; a file of no package by its name."""
    place = Path(path)
    if not place.is_absolute():
        return path
    roots = [Path(root).absolute() for root in sys.path]
    inside = [root for root in roots if place.is_relative_to(root) and root != Path(root.anchor)]
    nearest = max(inside, key=lambda root: len(root.parts), default=place.parent)
    return place.relative_to(nearest).as_posix()


def write_ranges(ranges: list[Range]) -> bytes:
    """The records as PyTorch reads them."""
    table: dict[str, int] = {"": 0}

    def text_index(text: str) -> int:
        return table.setdefault(text, len(table))

    sources: dict[tuple[tuple[str, ...], str, int], tuple[Any, ...]] = {}
    records = []
    for entry in ranges:
        key = (entry.text, entry.file, entry.line)
        if key not in sources:
            pieces = _IntList([text_index(piece) for piece in entry.text])
            sources[key] = (pieces, text_index(entry.file), entry.line)
        # the last number is a tag of the mobile runtime's, counted over the process
        records.append((entry.offset, (sources[key], entry.start, entry.end), 0))
    # the second protocol is the one that PyTorch's reader in C++ knows
    return pickle.dumps((FORMAT, tuple(table), tuple(records)), protocol=2)

"""The code inside a TorchScript archive: its classes and functions, named as if nothing else had been compiled before.

PyTorch tells classes of one name apart by `___torch_mangle_7`, counted over the whole process. Here they are counted
over the file, in the order in which the module tree and then the code mention them.
"""

from __future__ import annotations

import pickletools
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from .torchscript_trace import Range, read_ranges, write_ranges

MANGLED = re.compile(r"\.___torch_mangle_\d+")
NAME = re.compile(rb"__torch__(?:\.\w+)+")
DEFINITION = re.compile(rb"^(?:class|def) (\w+)", re.MULTILINE)
CONSTANTS = re.compile(rb"(?:^  \w+ : Final\[.*\n)+", re.MULTILINE)


@dataclass
class Definition:
    """One top-level class or function."""

    text: bytes
    ranges: list[Range] = field(default_factory=list)
    """Where its code came from, offsets in bytes from its own start."""


def read_definitions(entries: Mapping[str, bytes]) -> dict[str, Definition]:
    """Definitions by qualified name such as `__torch__.models.Mlp`."""
    found: dict[str, Definition] = {}
    for path, text in entries.items():
        if not path.startswith("code/") or not path.endswith(".py"):
            continue
        module = path.removeprefix("code/").removesuffix(".py").replace("/", ".")
        ranges = read_ranges(entries[f"{path}.debug_pkl"]) if f"{path}.debug_pkl" in entries else []
        starts = [match.start() for match in DEFINITION.finditer(text)]
        # a file of classes that the runtime itself has, such as those of packed weights, is empty
        ends = [*starts[1:], len(text)] if starts else []
        for start, end, match in zip(starts, ends, DEFINITION.finditer(text), strict=True):
            own = [entry.at(entry.offset - start) for entry in ranges if start <= entry.offset < end]
            # torch.jit.script lists constants in the order of a Python set, which no two processes share
            ordered = CONSTANTS.sub(lambda lines: b"".join(sorted(lines.group().splitlines(True))), text[start:end])
            found[f"{module}.{match.group(1).decode()}"] = Definition(ordered, own)
    return found


def canonical_names(definitions: Mapping[str, Definition], pickled: Iterator[str]) -> dict[str, str]:
    """The new name of every definition, in the order of their first mention.

    Parameters
    ----------
    pickled : names in the order in which the module tree mentions them
    """
    order: dict[str, None] = {}

    def visit(name: str) -> None:
        waiting = [name]
        while waiting:
            current = waiting.pop()
            if current in order or current not in definitions:
                continue
            order[current] = None
            mentioned = [
                _known(match.group().decode(), definitions) for match in NAME.finditer(definitions[current].text)
            ]
            waiting += [other for other in reversed(mentioned) if other]

    for name in [*pickled, *definitions]:
        visit(name)
    taken: set[str] = set()
    names = {}
    for name in order:
        plain = MANGLED.sub("", name)
        module, _, last = plain.rpartition(".")
        number = len(taken)
        names[name] = plain if plain not in taken else f"{module}.___torch_mangle_{number}.{last}"
        taken.add(names[name])
    return names


def _known(name: str, known: Mapping[str, object]) -> str | None:
    """The longest start of a dotted name that is a definition: an enum's value follows the enum's name."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name or None


def _renamer(names: Mapping[str, str]) -> Callable[[str], str]:
    def rename(name: str) -> str:
        found = _known(name, names)
        return name if found is None else names[found] + name[len(found) :]

    return rename


def write_code(definitions: Mapping[str, Definition], names: Mapping[str, str]) -> dict[str, bytes]:
    """`code/…` entries, each followed by where its code came from."""
    rename = _renamer(names)
    files: dict[str, tuple[list[bytes], list[Range]]] = {}
    for name, new in names.items():
        text, ranges = _rename_text(definitions[name], rename)
        path = f"code/{new.rpartition('.')[0].replace('.', '/')}.py"
        texts, all_ranges = files.setdefault(path, ([], []))
        base = sum(map(len, texts))
        texts.append(text)
        all_ranges += [entry.at(base + entry.offset) for entry in ranges]
    entries = {}
    for path, (texts, ranges) in files.items():
        entries[path] = b"".join(texts)
        entries[f"{path}.debug_pkl"] = write_ranges(ranges)
    return entries


def _rename_text(definition: Definition, rename: Callable[[str], str]) -> tuple[bytes, list[Range]]:
    """The text with new names, and the ranges at their new offsets."""
    parts: list[bytes] = []
    ends, shifts = [0], [0]
    position = 0
    for match in NAME.finditer(definition.text):
        new = rename(match.group().decode()).encode()
        parts += [definition.text[position : match.start()], new]
        position = match.end()
        ends.append(position)
        shifts.append(shifts[-1] + len(new) - len(match.group()))
    parts.append(definition.text[position:])
    moved = [entry.at(entry.offset + shifts[bisect_right(ends, entry.offset) - 1]) for entry in definition.ranges]
    # a definition without an entry of its own must not inherit the one before it
    first = [] if moved and moved[0].offset == 0 else [Range.nowhere()]
    return b"".join(parts), [*first, *moved]


def pickled_names(content: bytes) -> Iterator[str]:
    """Qualified names in a pickle, in order."""
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name == "GLOBAL":
            yield argument.replace(" ", ".")


def rename_pickle(content: bytes, names: Mapping[str, str]) -> bytes:
    """A pickle with its classes renamed; everything else stays as it is, byte by byte."""
    rename = _renamer(names)
    steps = list(pickletools.genops(content))
    parts = []
    for (opcode, argument, start), end in zip(steps, [*(step[2] for step in steps[1:]), len(content)], strict=True):
        raw = content[start:end]
        if opcode.name == "GLOBAL":
            module, _, last = rename(argument.replace(" ", ".")).rpartition(".")
            raw = f"c{module}\n{last}\n".encode()
        elif opcode.name == "BINUNICODE" and "__torch__." in argument:
            # the type of an empty list or dict of a class, as text
            text = NAME.sub(lambda match: rename(match.group().decode()).encode(), argument.encode("utf-8"))
            raw = b"X" + len(text).to_bytes(4, "little") + text
        parts.append(raw)
    return b"".join(parts)

"""One argument of the model as a tree: containers, tensors, and Python values that stay what they are."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from .tensors import describe

Call = Callable[[str], str]
PLAIN = (bool, int, float, str, torch.dtype)


@dataclasses.dataclass(frozen=True)
class Node:
    """A container with its parts, a tensor, or a constant."""

    kind: str
    """What must be the same in every example: the container's type and keys, `"tensor"`, or a constant's value."""
    parts: tuple[tuple[str, Node], ...] = ()
    """Names or numbers, and what is there."""
    value: Any = None
    """Of a tensor, or of what is neither a container nor a constant."""
    build: Callable[[list[str]], str] = lambda texts: texts[0]
    """Source text of the argument, of the texts of its parts; `types` are known by their names."""
    types: tuple[type, ...] = ()
    padded: bool = False
    """Whether it stands for a PackedSequence."""

    @property
    def is_leaf(self) -> bool:
        return self.kind == "tensor"

    @property
    def is_constant(self) -> bool:
        """Holds no tensor at all."""
        return not self.is_leaf and all(part.is_constant for _, part in self.parts)

    def leaves(self, name: str) -> Iterator[tuple[str, Any]]:
        """Every tensor with its name: `state` -> `state.0`, `state.1`."""
        if self.is_leaf:
            yield name, self.value
        for key, part in self.parts:
            yield from part.leaves(name if key == "" else f"{name}.{key}" if name else key)

    def constants(self, name: str) -> Iterator[tuple[str, str]]:
        """Every Python value other than None, with its text."""
        if not self.parts and not self.is_leaf and self.kind not in ("None", "()", "[]", "{}"):
            yield name, self.kind
        for key, part in self.parts:
            yield from part.constants(f"{name}.{key}" if name else key)

    def packed(self, name: str) -> Iterator[str]:
        """What the packed sequences became, in words."""
        if self.padded:
            order = ", longest first" if self.kind.startswith("sorted") else ""
            yield f"{name} is a PackedSequence: its inputs are {name} (padded, batch first{order}) and {name}.lengths"
        for key, part in self.parts:
            yield from part.packed(f"{name}.{key}" if name else key)

    def source(self, fresh: Iterator[str]) -> str:
        """Source text that builds such a value of the next inputs."""
        return next(fresh) if self.is_leaf else self.build([part.source(fresh) for _, part in self.parts])

    def all_types(self) -> Iterator[type]:
        yield from self.types
        for _, part in self.parts:
            yield from part.all_types()


def read_tree(value: object) -> Node:
    """The tree of one value. What is no container and no plain Python value counts as a tensor: others check it."""
    if isinstance(value, PackedSequence):
        return _packed(value)
    if value is None or type(value) in PLAIN:
        return _constant(value)
    if isinstance(value, (tuple, list)):
        return _sequence(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        # before dicts: transformers' ModelOutput is both, and is built by its fields
        fields = [field.name for field in dataclasses.fields(value) if field.init]
        return _record(type(value), {name: getattr(value, name) for name in fields})
    if isinstance(value, Mapping):
        return _mapping(value)
    return Node("tensor", value=value)


def _constant(value: Any) -> Node:
    text = f"float('{value}')" if isinstance(value, float) and not math.isfinite(value) else repr(value)
    return Node(text, build=lambda _: text)


def _sequence(value: tuple | list) -> Node:
    fields = getattr(value, "_fields", None)
    if fields is not None:
        return _record(type(value), dict(zip(fields, value, strict=True)))
    parts = tuple((str(index), read_tree(part)) for index, part in enumerate(value))
    if isinstance(value, tuple):
        # the last comma makes a tuple of one
        return Node(f"tuple of {len(parts)}" if parts else "()", parts, build=_tuple)
    return Node(f"list of {len(parts)}" if parts else "[]", parts, build=lambda texts: f"[{', '.join(texts)}]")


def _tuple(texts: list[str]) -> str:
    return f"({', '.join(texts)},)" if texts else "()"


def _mapping(value: Mapping[Any, Any]) -> Node:
    parts = tuple((str(key), read_tree(part)) for key, part in value.items())
    keys = [repr(key) for key in value]

    def build(texts: list[str]) -> str:
        pairs = ", ".join(f"{key}: {text}" for key, text in zip(keys, texts, strict=True))
        return f"{{{pairs}}}" if type(value) is dict else f"{type(value).__name__}({{{pairs}}})"

    # the order of keys may differ between examples
    kind = f"{type(value).__name__} of {', '.join(sorted(keys))}" if parts else "{}"
    return Node(kind, parts, build=build, types=() if type(value) is dict else (type(value),))


def _record(kind: type, fields: Mapping[str, Any]) -> Node:
    """A named tuple or a dataclass."""
    parts = tuple((name, read_tree(value)) for name, value in fields.items())

    def build(texts: list[str]) -> str:
        given = ", ".join(f"{name}={text}" for name, text in zip(fields, texts, strict=True))
        return f"{kind.__name__}({given})"

    return Node(kind.__name__, parts, build=build, types=(kind,))


def _packed(value: PackedSequence) -> Node:
    """Padded values and lengths, which other languages have; the model gets them packed again."""
    padded, lengths = pad_packed_sequence(value, batch_first=True)
    is_sorted = value.sorted_indices is None

    def build(texts: list[str]) -> str:
        return f"pack_padded_sequence({', '.join(texts)}, batch_first=True, enforce_sorted={is_sorted})"

    parts = (("", Node("tensor", value=padded)), ("lengths", Node("tensor", value=lengths)))
    return Node(f"{'sorted' if is_sorted else 'unsorted'} PackedSequence", parts, build=build, padded=True)


def same_order(first: Node, other: Node) -> Node:
    """The other tree with the keys of its dicts in the order of the first one's."""
    by_key = dict(other.parts)
    if set(by_key) != {key for key, _ in first.parts}:
        return other
    parts = tuple((key, same_order(part, by_key[key])) for key, part in first.parts)
    return dataclasses.replace(other, parts=parts)


def difference(first: Node, other: Node, name: str) -> str | None:
    """The first place at which two trees are built otherwise, in words; None where only tensors differ."""
    if first.kind != other.kind:
        return f"{name} is {_shown(other)}, and {_shown(first)} in examples[0]; {_advice(first, other)}"
    for (key, one), (_, two) in zip(first.parts, other.parts, strict=True):
        found = difference(one, two, name if key == "" else f"{name}.{key}")
        if found:
            return found
    return None


def _advice(first: Node, other: Node) -> str:
    if "None" in (first.kind, other.kind):
        return "an optional argument is given in all examples or in none: export a bundle for each"
    if first.is_leaf or other.is_leaf or first.parts or other.parts:
        return "arguments are built alike in every example"
    if first.kind[0] in "'\"":
        return "a text is bound into the file: export a bundle for each, or wrap the model in one that takes tensors"
    return (
        f"what is no tensor is bound into the file: torch.tensor({other.kind}) makes one, if the model takes that, or "
        "export a bundle for each value"
    )


def _shown(node: Node) -> str:
    return describe(node.value) if node.is_leaf else f"a {node.kind}" if node.parts else node.kind

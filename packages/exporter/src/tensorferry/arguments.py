"""The caller's examples as flat tuples of tensors, with a name for each, and the module that takes them so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from torch import nn

from .argument_tree import Node, difference, read_tree, same_order
from .call import Signature, calling, read_signature, require_method
from .errors import ExportError
from .suggestion import did_you_mean


@dataclass(frozen=True)
class Arguments:
    """One export's inputs."""

    model: nn.Module
    """Takes them by position; the caller's own module where that does."""
    examples: Sequence[object]
    names: Sequence[str]
    notes: list[str] = field(default_factory=list)
    """What was bound or unpacked, for the report."""


@dataclass(frozen=True)
class _Given:
    """What the examples give, argument by argument."""

    parameters: list[str]
    """A name for each argument, as far as the method has one."""
    values: list[list[object]]
    """For each example the arguments."""
    by_name: bool
    names_are_keys: bool
    """Whether a flat argument's name is the caller's own key, which `inputs` cannot change."""


def read_arguments(model: nn.Module, method: str, examples: Sequence[object], names: Sequence[str] | None) -> Arguments:
    """Examples are tuples of arguments by position, or dicts by name.

    An argument is a tensor, or a tuple, list, dict, named tuple, dataclass or PackedSequence of tensors. None, numbers,
    flags and texts among them are bound into the file; they are the same in every example.

    Parameters
    ----------
    names : of the inputs; None takes those of the method's parameters

    Raises
    ------
    ExportError
        `EXAMPLES_INVALID`, `NAMES_INVALID`, `OPTIONS_INVALID`.
    """
    require_method(model, method)
    signature = read_signature(model, method)
    if not isinstance(examples, (list, tuple)) or not examples or not all(map(_is_example, examples)):
        # what is wrong with them is said where examples are checked
        return Arguments(model, examples, names or signature.names)
    given = _read_given(examples, signature, method, names)
    rows = [[read_tree(value) for value in values] for values in given.values]
    rows = [[same_order(one, other) for one, other in zip(rows[0], row, strict=False)] for row in rows]
    _require_alike(given, rows)
    is_named = len(given.parameters) == len(rows[0])
    roots = given.parameters if is_named else [""] * len(rows[0])
    leaves = [leaf for root, node in zip(roots, rows[0], strict=True) for leaf, _ in node.leaves(root)]
    if not leaves:
        raise ExportError("EXAMPLES_INVALID", f"examples[0]: no tensor among what {method} gets; give at least one")
    if names is None and not is_named:
        raise _too_many(given, signature, method)
    order = _order(given, leaves, names, rows[0])
    flat = [[value for node in row for _, value in node.leaves("")] for row in rows]
    plain = not given.by_name and method == "forward" and order == list(range(len(leaves)))
    if not plain or not all(node.is_leaf for node in rows[0]):
        model = _called(model, method, given, rows[0], order)
    found = list(names) if names is not None else leaves
    shown = roots if is_named else [f"argument {index}" for index in range(len(roots))]
    return Arguments(model, [tuple(values[index] for index in order) for values in flat], found, _notes(shown, rows[0]))


def _is_example(example: object) -> bool:
    return isinstance(example, (tuple, list, Mapping))


def _read_given(examples: Sequence[object], signature: Signature, method: str, names: Sequence[str] | None) -> _Given:
    first = examples[0]
    if not any(isinstance(example, Mapping) for example in examples):
        values = [list(example) for example in examples]
        return _Given(signature.positional[: len(values[0])], values, by_name=False, names_are_keys=False)
    for index, example in enumerate(examples):
        if not isinstance(example, Mapping) or not isinstance(first, Mapping):
            raise ExportError("EXAMPLES_INVALID", f"examples[{index}]: give tuples everywhere, or dicts everywhere")
    if _is_the_argument(first, signature):
        return _Given([""], [[dict(example)] for example in examples], by_name=False, names_are_keys=False)
    for index, example in enumerate(examples):
        if set(example) != set(first):
            raise ExportError(
                "EXAMPLES_INVALID",
                f"examples[{index}] gives {_list(example)}, examples[0] gives {_list(first)}; what one leaves out "
                "keeps its default, and that is the same for all",
            )
    unknown = [key for key in first if key not in signature.names and not signature.any_by_name]
    if unknown:
        raise ExportError(
            "NAMES_INVALID",
            f"examples[0]: {method} takes no {_list(unknown)}; it takes {_list(signature.names)}"
            f"{did_you_mean(str(unknown[0]), signature.names)}",
        )
    known = [name for name in signature.names if name in first]
    keys = [*known, *(key for key in first if key not in known)]
    values = [[example[key] for key in keys] for example in examples]
    by_name = keys != signature.positional[: len(keys)]
    return _Given(keys, values, by_name, names_are_keys=True)


def _is_the_argument(example: Mapping, signature: Signature) -> bool:
    """Whether a dict is the one argument itself, and not arguments by name."""
    single = len(signature.names) == 1 and len(signature.positional) == 1 and not signature.any_by_name
    return single and signature.positional[0] not in example and all(isinstance(key, str) for key in example)


def _require_alike(given: _Given, rows: Sequence[Sequence[Node]]) -> None:
    """What is no tensor must be the same in every example: it is bound into the file."""
    first = rows[0]
    roots = given.parameters if len(given.parameters) == len(first) else [f"argument {i}" for i in range(len(first))]
    for index, row in enumerate(rows[1:], 1):
        if len(given.values[index]) != len(first):
            raise ExportError(
                "EXAMPLES_INVALID",
                f"examples[{index}] holds {len(given.values[index])} arguments, examples[0] holds {len(first)}; give "
                "the same ones everywhere",
            )
        for root, one, other in zip(roots, first, row, strict=True):
            found = difference(one, other, root or "the dict")
            if found:
                raise ExportError("EXAMPLES_INVALID", f"examples[{index}]: {found}")


def _too_many(given: _Given, signature: Signature, method: str) -> ExportError:
    what = f"it takes {_list(signature.positional)}" if signature.positional else "its parameters have no names"
    return ExportError(
        "NAMES_INVALID",
        f"inputs: examples[0] holds {len(given.values[0])}, and {method} does not name as many: {what}; give "
        "inputs=[…]",
    )


def _order(given: _Given, leaves: Sequence[str], names: Sequence[str] | None, row: Sequence[Node]) -> list[int]:
    """Which tensor each input is: the caller may name them in another order."""
    own = list(range(len(leaves)))
    if names is None or not given.names_are_keys:
        return own
    if not isinstance(names, str) and sorted(map(str, names)) == sorted(leaves):
        return [leaves.index(name) for name in names]
    if isinstance(names, str) or len(names) != len(leaves) or all(node.is_leaf for node in row):
        raise ExportError(
            "NAMES_INVALID",
            f"inputs names {_list([names] if isinstance(names, str) else names)}, the examples hold {_list(leaves)}; "
            "leave `inputs` out: the keys are the names",
        )
    return own


def _called(model: nn.Module, method: str, given: _Given, row: Sequence[Node], order: Sequence[int]) -> nn.Module:
    """A module of the inputs in their order that builds the arguments of them."""
    position = {leaf: place for place, leaf in enumerate(order)}
    fresh = (f"input_{position[index]}" for index in count())
    texts = [node.source(fresh) for node in row]
    if given.by_name:
        texts = [f"{key}={text}" for key, text in zip(given.parameters, texts, strict=True)]
    types = [kind for node in row for kind in node.all_types()]
    return calling(model, method, len(order), texts, types)


def _notes(roots: Sequence[str], row: Sequence[Node]) -> list[str]:
    constants = [f"{name}={text}" for root, node in zip(roots, row, strict=True) for name, text in node.constants(root)]
    packed = [text for root, node in zip(roots, row, strict=True) for text in node.packed(root)]
    notes = []
    if constants:
        notes.append(
            f"{', '.join(constants)}: the same in every example, so bound into the file; a setting that changes from "
            "run to run must be a tensor"
        )
    return [*notes, *packed]


def _list(names: object) -> str:
    return ", ".join(map(str, names)) or "nothing"

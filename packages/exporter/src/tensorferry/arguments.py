"""The caller's examples as flat tuples of tensors, with a name for each, and the module that takes them so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from torch import Tensor, nn

from .call import Signature, calling, read_signature, require_method
from .errors import ExportError
from .tensors import flatten


@dataclass(frozen=True)
class Arguments:
    """One export's inputs."""

    model: nn.Module
    """Takes them by position; the caller's own module where that does."""
    examples: Sequence[object]
    names: Sequence[str]


def read_arguments(model: nn.Module, method: str, examples: Sequence[object], names: Sequence[str] | None) -> Arguments:
    """Examples are tuples of arguments by position, or dicts by name; an argument may be a tuple of tensors itself.

    Parameters
    ----------
    names : of the inputs; None takes those of the method's parameters
    """
    require_method(model, method)
    signature = read_signature(model, method)
    if not isinstance(examples, (list, tuple)) or not examples or not all(map(_is_example, examples)):
        # what is wrong with them is said where examples are checked
        return Arguments(model, examples, names or signature.names)
    if any(isinstance(example, Mapping) for example in examples):
        keys = _read_keys(examples, signature, method, names)
        tuples = [tuple(example[key] for key in keys) for example in examples]
        by_position = keys == signature.positional[: len(keys)]
        parameters = keys
    else:
        tuples = [tuple(example) for example in examples]
        by_position = True
        parameters = signature.positional[: len(tuples[0])]
        if names is None and len(parameters) < len(tuples[0]):
            what = f"it takes {_list(signature.positional)}" if signature.positional else "its parameters have no names"
            raise ExportError(
                "NAMES_INVALID",
                f"inputs: examples[0] holds {len(tuples[0])}, and {method} does not name as many: {what}; give "
                "inputs=[…]",
            )
    if names is None:
        named = zip(parameters, tuples[0], strict=True)
        names = [key for name, value in named for key in _keys(name, value)]
    for index, values in enumerate(tuples):
        _require_no_numbers(values, parameters, f"examples[{index}]", method)
    layouts = [[_layout(value) for value in values] for values in tuples]
    other = next((index for index, layout in enumerate(layouts) if layout != layouts[0]), None)
    if other is not None and len(layouts[other]) == len(layouts[0]):
        raise ExportError("EXAMPLES_INVALID", f"examples[{other}]: its tuples are built otherwise than examples[0]'s")
    nested = any(layout is not None for layout in layouts[0])
    if not by_position or nested or method != "forward":
        fresh = (f"input_{index}" for index in count())
        given = [_expression(value, fresh) for value in tuples[0]]
        keywords = [""] * len(given) if by_position else [f"{key}=" for key in parameters]
        leaves = sum(len(_leaves(value)) for value in tuples[0])
        model = calling(model, method, leaves, [key + value for key, value in zip(keywords, given, strict=True)])
    return Arguments(model, [tuple(leaf for value in values for leaf in _leaves(value)) for values in tuples], names)


def _is_example(example: object) -> bool:
    return isinstance(example, (tuple, list, Mapping))


def _read_keys(examples: Sequence[object], signature: Signature, method: str, names: Sequence[str] | None) -> list[str]:
    """The arguments that examples of dicts give, in the order of the inputs."""
    first = examples[0]
    for index, example in enumerate(examples):
        if not isinstance(example, Mapping) or not isinstance(first, Mapping):
            raise ExportError("EXAMPLES_INVALID", f"examples[{index}]: give tuples everywhere, or dicts everywhere")
        if set(example) != set(first):
            raise ExportError(
                "EXAMPLES_INVALID",
                f"examples[{index}] gives {_list(example)}, examples[0] gives {_list(first)}; what one leaves out "
                "keeps its default, and that is the same for all",
            )
    unknown = [key for key in first if key not in signature.names and not signature.any_by_name]
    if unknown:
        raise ExportError(
            "NAMES_INVALID", f"examples[0]: {method} takes no {_list(unknown)}; it takes {_list(signature.names)}"
        )
    if names is not None:
        if isinstance(names, str) or sorted(map(str, names)) != sorted(map(str, first)):
            raise ExportError(
                "NAMES_INVALID",
                f"inputs names {_list(names)}, the examples hold {_list(first)}; leave `inputs` out: the keys are the "
                "names",
            )
        return list(names)
    known = [name for name in signature.names if name in first]
    return [*known, *(key for key in first if key not in known)]


def _require_no_numbers(values: Sequence[object], parameters: Sequence[str], where: str, method: str) -> None:
    """A Python number would be frozen into the file: its author has to say so."""
    known = len(parameters) == len(values)
    names = list(parameters) if known else [f"x{index}" for index in range(len(values))]
    numbers = [isinstance(value, (bool, int, float)) for value in values]
    for name, value, is_number in zip(names, values, numbers, strict=True):
        if value is None:
            raise ExportError(
                "EXAMPLES_INVALID",
                f"{where}, {name}: expected a tensor, got None; leave optional arguments out, and where others follow "
                "give dicts: {'argument': tensor}",
            )
        if is_number:
            shown = [repr(one) if fixed else key for key, one, fixed in zip(names, values, numbers, strict=True)]
            given = [f"{key}={one}" for key, one in zip(names, shown, strict=True)] if known else shown
            inputs = ["self", *(key for key, fixed in zip(names, numbers, strict=True) if not fixed)]
            call = "self.model" if method == "forward" else f"self.model.{method}"
            raise ExportError(
                "EXAMPLES_INVALID",
                f"{where}, {name}: expected a tensor, got {type(value).__name__}; torch.tensor({value!r}) makes one, "
                "if the model takes that. A setting that stays is bound by a module of yours:\n"
                "class Bound(torch.nn.Module):\n"
                "    def __init__(self, model): super().__init__(); self.model = model\n"
                f"    def forward({', '.join(inputs)}): return {call}({', '.join(given)})",
            )


def _is_nest(value: object) -> bool:
    """A tuple or a list of tensors, or of such."""
    return (
        type(value) in (tuple, list)
        and len(value) > 0
        and all(isinstance(part, Tensor) or _is_nest(part) for part in value)
    )


def _layout(value: object) -> list | None:
    """The nesting of tuples and lists around the tensors; None for a value that is neither."""
    return [type(value).__name__, *map(_layout, value)] if _is_nest(value) else None


def _keys(name: str, value: object) -> list[str]:
    """`state` -> `state.0`, `state.1` for a tuple of two."""
    return [str(key) for key, _ in flatten(value, name)] if _is_nest(value) else [name]


def _leaves(value: object) -> list[object]:
    return [leaf for part in value for leaf in _leaves(part)] if _is_nest(value) else [value]


def _expression(value: object, fresh: Iterator[str]) -> str:
    """Source text that builds such a value of the next inputs."""
    if not _is_nest(value):
        return next(fresh)
    parts = [_expression(part, fresh) for part in value]
    # the last comma makes a tuple of one
    return f"({', '.join(parts)},)" if type(value) is tuple else f"[{', '.join(parts)}]"


def _list(names: object) -> str:
    return ", ".join(map(str, names)) or "nothing"

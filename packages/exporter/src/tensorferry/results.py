"""What a model gives: its tensors in order, and a name for each."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .errors import ExportError
from .tensors import describe, flatten, require_supported

Results = list[tuple[str | None, Tensor]]
"""Name as far as the model gives one, and tensor."""


def named_results(result: object) -> Results:
    """The tensors of whatever forward returned: see `flatten` for the shapes that it may have.

    Raises
    ------
    ExportError
        `EXAMPLES_INVALID` where something among them is no tensor, or nothing is there.
    """
    leaves = flatten(result)
    if not leaves:
        raise ExportError("EXAMPLES_INVALID", f"the model gives {describe(result)} without any tensor; return one")
    return [(key, _require_tensor(value, key or f"result {index}")) for index, (key, value) in enumerate(leaves)]


def _require_tensor(value: object, name: str) -> Tensor:
    if isinstance(value, Tensor):
        return require_supported(value, name)
    if isinstance(value, (bool, int, float)):
        shown = f"the Python number {value!r}"
        advice = f"return torch.tensor({value!r}) where it is a result; leave a constant out"
    elif isinstance(value, str):
        shown, advice = f"the text {value!r}", "leave it out of what is returned"
    else:
        shown = f"a {type(value).__name__}"
        advice = "return its tensors in a tuple, dict or dataclass, or leave it out (a wrapper module may do that)"
    raise ExportError("EXAMPLES_INVALID", f"{name}: the model gives {shown}, and a bundle gives tensors only; {advice}")


def name_outputs(results: Results, names: Sequence[str] | None) -> list[str]:
    """The outputs' names: the caller's, else the model's own keys and fields; one alone without a name is `output`.

    Raises
    ------
    ExportError
        `NAMES_INVALID` when they do not match one to one.
    """
    keys = [key for key, _ in results]
    found = ", ".join(describe(value) if key is None else f"{key}: {describe(value)}" for key, value in results)
    if names is None and keys == [None]:
        return ["output"]
    if names is None:
        if None in keys or len(set(keys)) != len(keys):
            raise ExportError(
                "NAMES_INVALID",
                f"outputs: the model gives {len(keys)} tensors and not a name of its own for each ({found}), so they "
                "are unnamed; name each",
            )
        return [str(key) for key in keys]
    if len(names) != len(results):
        raise ExportError(
            "NAMES_INVALID",
            f"outputs names {len(names)} ({', '.join(names)}), the model gives {len(results)} ({found})",
        )
    if None not in keys and list(names) != keys and sorted(names) == sorted(map(str, keys)):
        raise ExportError(
            "NAMES_INVALID", f"outputs: the model's own order is {', '.join(map(str, keys))}; got {', '.join(names)}"
        )
    return list(names)

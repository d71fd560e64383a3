"""Rules as their author writes them: `"mask"`, `"<= time and sorted descending"`."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from torch import Tensor

from ..errors import ExportError
from ..names import NAME
from .distribution import SumsToOne
from .mask import Mask
from .order import Sorted
from .rule import Rule
from .within import Bound

COMPARISON = re.compile(r"^(<=|<|>=|>)\s*(\S+)$")
SYNTAX = (
    '"mask", "<= time" (a dim or a number; also <, >=, >), "sorted", "sorted descending", "sums to 1", "as given" or '
    '"any"'
)
PLAIN = {
    "sorted": Sorted(False),
    "sorted descending": Sorted(True),
    "sums to 1": SumsToOne(),
}


@dataclass
class Stated:
    """What is said of one input."""

    mask: bool = False
    rules: list[Rule] = field(default_factory=list)
    bounds: list[Bound] = field(default_factory=list)
    low: float | None = None
    high: float | None = None
    as_given: bool = False
    """Its values are those of an example, at every size."""
    any: bool = False
    """Nothing is to be learned of it."""


def read_stated(name: str, text: object, value: Tensor, dims: Collection[str]) -> Stated:
    """Reads what `rules` says of one input.

    Parameters
    ----------
    value : the input in an example
    dims : the names that `dynamic` declares

    Raises
    ------
    ExportError
        `OPTIONS_INVALID`
    """
    if not isinstance(text, str):
        raise ExportError("OPTIONS_INVALID", f"rules[{name!r}]: expected a text such as {SYNTAX}, got {text!r}")
    found = Stated()
    for part in (part.strip() for part in text.split(" and ")):
        if part == "any":
            found.any = True
        elif part == "as given":
            found.as_given = True
        elif part == "mask":
            found.mask = True
        elif part in PLAIN:
            found.rules.append(PLAIN[part])
        elif match := COMPARISON.match(part):
            _add_comparison(found, f"rules[{name!r}]", *match.groups(), value, dims)
        else:
            raise ExportError("OPTIONS_INVALID", f"rules[{name!r}]: {part!r} is none of {SYNTAX}, joined by ' and '")
    return found


def _add_comparison(found: Stated, where: str, sign: str, limit: str, value: Tensor, dims: Collection[str]) -> None:
    if NAME.match(limit):
        if limit not in dims:
            known = f"dims are {', '.join(dims)}" if dims else "`dynamic` declares none"
            raise ExportError("OPTIONS_INVALID", f"{where}: no dim is called {limit!r}; {known}")
        if sign not in ("<=", "<") or value.is_floating_point():
            raise ExportError("OPTIONS_INVALID", f"{where}: a dim bounds whole numbers from above, as in '<= {limit}'")
        found.bounds.append(Bound(limit, sign == "<"))
        return
    try:
        number = float(limit)
    except ValueError:
        raise ExportError("OPTIONS_INVALID", f"{where}: {limit!r} is neither a dim nor a number") from None
    if not value.is_floating_point():
        number += {"<": -1, ">": 1}.get(sign, 0)
    if sign in ("<=", "<"):
        found.high = number
    else:
        found.low = number


def stated_mask(learned: Mask | None) -> Mask:
    """A mask of which the caller says that it is one: where the examples leave nothing out, any row may keep one."""
    if learned is None:
        return Mask(1, 0, None)
    return Mask(1, 0, learned.side, learned.on, learned.off)

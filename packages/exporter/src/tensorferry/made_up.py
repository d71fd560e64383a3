"""What to say where a refusal rests on an input that nobody gave: which one, and how to tell what real ones keep."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .errors import MADE_UP, ExportError

# characters of one input that is shown
LONGEST = 160


def say_made_up(error: ExportError, names: Sequence[str], inputs: Sequence[Tensor]) -> None:
    """Adds that the input was made up, with its values as far as they are few."""
    told = [name for name, value in zip(names, inputs, strict=True) if not value.is_floating_point()] or names
    rule = f"rules={{{told[0]!r}: …}}"
    shown = "; ".join(f"{name} = {_values(value)}" for name, value in zip(names, inputs, strict=True))
    error.add(
        f"{MADE_UP}, it was made up of an example to see what was frozen: {shown}. Where real inputs "
        f"never look so, say what they keep: {rule} (see rules in the README), or leave such inputs out: variants=[…]",
        made_up=True,
    )


def _values(value: Tensor) -> str:
    rounded = value.double().mul(1e4).round().div(1e4) if value.is_floating_point() else value
    text = str(rounded.tolist()).replace(" ", "")
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"

"""JSON and texts that a manifest may hold: names end up in files, logs and terminals of others."""

from __future__ import annotations

import json
import re
from typing import Any

LONGEST = 4096
# what would end a line there, or begin a terminal's code; and a name that JavaScript's objects have of their own
UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]|^__proto__$")
EXPECTED = f"a text of at most {LONGEST} characters on one line, without control characters"


def parse_json(text: str | bytes) -> Any:
    """Raises `ValueError` for all that is no JSON, also for what nests deeper than Python's parser goes."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it nests too deeply") from error


def find_unfit(value: Any, where: str = "") -> str | None:
    """The first text among keys and values that a manifest may not hold, as `place: expected …, got …`.

    Parameters
    ----------
    value : as JSON has it
    where : its place, for the message
    """
    if isinstance(value, str):
        if len(value) <= LONGEST and not UNFIT.search(value):
            return None
        return f"{where}: expected {EXPECTED}, got {value[:60]!r}{' …' if len(value) > 60 else ''}"
    items: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        for key in value:
            if problem := find_unfit(key, f"a name in {where or 'it'}"):
                return problem
        items = [(f"{where}.{key}" if where else str(key), inner) for key, inner in value.items()]
    elif isinstance(value, (list, tuple)):
        items = [(f"{where}[{index}]", inner) for index, inner in enumerate(value)]
    return next((problem for place, inner in items if (problem := find_unfit(inner, place))), None)

"""Protobuf's text format, as `config.pbtxt` is written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


class Enumerator(str):
    """An enum's value: written without quotes."""


def to_pbtxt(message: Mapping[str, Any], indent: int = 0) -> str:
    """A line for each field; a list of messages is written as the field repeated, a list of scalars on one line."""
    pad = "  " * indent
    lines = []
    for name, value in message.items():
        repeated = value if isinstance(value, list) and value and isinstance(value[0], Mapping) else None
        for item in [value] if repeated is None else repeated:
            if isinstance(item, Mapping):
                inner = to_pbtxt(item, indent + 1)
                lines.append(f"{pad}{name} {{\n{inner}{pad}}}" if inner else f"{pad}{name} {{}}")
            else:
                lines.append(f"{pad}{name}: {_scalar(item)}")
    return "".join(f"{line}\n" for line in lines)


def _scalar(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_scalar, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and not isinstance(value, Enumerator):
        # text format takes UTF-8 as it is, and JSON's escapes of quotes, backslashes and control characters
        return json.dumps(value, ensure_ascii=False)
    return str(value)

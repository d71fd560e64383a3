"""`bundle.json`: its parts and its text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .dims import DimRange

SCHEMA = "tensorferry.bundle/1"
WIDTH = 120


def file_entry(folder: Path, name: str) -> dict[str, Any]:
    content = (folder / name).read_bytes()
    return {"path": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def dim_entry(found: DimRange, is_batch: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"min": found.min, "max": found.max}
    if found.multiple_of > 1:
        entry["multiple_of"] = found.multiple_of
    if is_batch:
        entry["batch"] = True
    return entry


def to_text(value: Any) -> str:
    """JSON with two spaces, where what fits on a line of 120 characters stays on one."""
    return _write(value, 0, 0) + "\n"


def _on_one_line(value: Any) -> str:
    if isinstance(value, dict) and value:
        parts = [f"{json.dumps(key, ensure_ascii=False)}: {_on_one_line(item)}" for key, item in value.items()]
        return "{ " + ", ".join(parts) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_on_one_line(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _write(value: Any, indent: int, used: int) -> str:
    flat = _on_one_line(value)
    if not isinstance(value, (dict, list)) or not value or (indent > 0 and used + len(flat) < WIDTH):
        return flat
    inner = " " * (indent + 2)
    parts: Sequence[str]
    if isinstance(value, dict):
        keys = [(f"{json.dumps(key, ensure_ascii=False)}: ", item) for key, item in value.items()]
        parts = [inner + key + _write(item, indent + 2, indent + 2 + len(key)) for key, item in keys]
    else:
        parts = [inner + _write(item, indent + 2, indent + 2) for item in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n" + ",\n".join(parts) + f"\n{' ' * indent}{closing}"

"""Texts of the command line as the values that `export_bundle` takes."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..errors import ExportError
from ..fit_text import parse_json
from ..request import CAPTURES
from ..suggestion import did_you_mean

# a comma inside brackets belongs to no list
DYNAMIC = re.compile(r"^([^:=]+):(\d+=[^,=]+(?:,\d+=[^,=]+)*)$")


def read_names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def read_dynamic_option(texts: Iterable[str]) -> dict[str, dict[int, str]]:
    """`input:0=batch[1:64],2=height` -> {"input": {0: "batch[1:64]", 2: "height"}}"""
    found: dict[str, dict[int, str]] = {}
    for text in texts:
        match = DYNAMIC.match(text)
        if not match:
            raise ExportError(
                "OPTIONS_INVALID",
                f"--dynamic: expected INPUT:AXIS=NAME[MIN:MAX],… such as image:0=batch[1:64],2=height, got {text!r}",
            )
        axes = found.setdefault(match[1].strip(), {})
        for part in match[2].split(","):
            axis, _, declared = part.partition("=")
            if int(axis) in axes:
                raise ExportError("OPTIONS_INVALID", f"--dynamic: {match[1]} has axis {axis} twice")
            axes[int(axis)] = declared.strip()
    return found


def read_pairs(texts: Iterable[str], option: str, example: str) -> dict[str, str]:
    """`name=value` each."""
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise ExportError("OPTIONS_INVALID", f"{option}: expected NAME=VALUE such as {example}, got {text!r}")
        if name.strip() in found:
            raise ExportError("OPTIONS_INVALID", f"{option}: {name.strip()} stands twice")
        found[name.strip()] = value.strip()
    return found


def capture_option(text: str) -> str | dict[str, str]:
    """`trace`, or `onnx=export,torchscript=trace`."""
    parts = [part.partition("=") for part in text.split(",")]
    for _, _, way in parts if "=" in text else [(None, None, text)]:
        if way not in CAPTURES:
            expected = f"expected {' or '.join(CAPTURES)}{did_you_mean(way, CAPTURES)}"
            raise argparse.ArgumentTypeError(f"{way!r} is unknown, {expected}")
    return {name: way for name, _, way in parts} if "=" in text else text


def read_steps(text: str, option: str) -> list[dict[str, Any]]:
    """Pipeline entries, written out or in a JSON file; one entry needs no list."""
    where, content = option, text
    if not text.lstrip().startswith(("[", "{")):
        where, content = text, _read(text, option)
    try:
        value = parse_json(content)
    except ValueError as error:
        raise ExportError("OPTIONS_INVALID", f"{where}: not JSON ({error})") from error
    return value if isinstance(value, list) else [value]


def read_labels(path: str) -> list[str]:
    """A JSON list, or one label a line."""
    content = _read(path, "--labels")
    if content.lstrip().startswith("["):
        try:
            labels = parse_json(content)
        except ValueError as error:
            raise ExportError("OPTIONS_INVALID", f"{path}: begins like a JSON list and is none ({error})") from error
    else:
        labels = [line.strip() for line in content.strip("\n").split("\n")]
    if not all(isinstance(label, str) and label for label in labels):
        raise ExportError("OPTIONS_INVALID", f"{path}: expected a label a line, or a JSON list of texts")
    return labels


def _read(path: str, option: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise ExportError("OPTIONS_INVALID", f"{option}: {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ExportError("OPTIONS_INVALID", f"{option}: {path} is no UTF-8 text") from error


def split_all(texts: Sequence[str]) -> list[str]:
    """Names from options that may stand several times, with commas inside each."""
    return [name for text in texts for name in read_names(text)]

"""The kinds of value that the arguments of `export_bundle` take, checked before anything reads them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import ExportError

LIST, MAPPING, PATH = "list", "mapping", "path"
# what each takes, and an example for the message
OPTIONS = {
    "out": (PATH, "a path such as 'bundle/'"),
    "inputs": (LIST, "a list of names such as ['image']"),
    "outputs": (LIST, "a list of names such as ['logits']"),
    "dynamic": (MAPPING, "axes by input such as {'image': {0: 'batch[1:64]'}}"),
    "states": (LIST, "a list of pairs such as [('h', 'h_out')]"),
    "formats": (LIST, "a list such as ['onnx']"),
    "preprocess": (
        LIST,
        "a list of entries such as [{'raw': 'image', 'steps': [{'op': 'decode_image'}], 'to': ['x']}]",
    ),
    "postprocess": (
        LIST,
        "a list of entries such as [{'from': ['logits'], 'steps': [{'op': 'softmax'}], 'to': 'scores'}]",
    ),
    "labels": (LIST, "a list of texts, one for each class"),
    "raw_examples": (MAPPING, "pictures by case name such as {'photo': 'photo.png'}"),
    "docs": (MAPPING, "texts by name such as {'image': 'RGB, 0 to 1'}"),
    "precisions": (LIST, "a list such as ['float16']"),
}


def check_kinds(given: Mapping[str, Any]) -> list[ExportError]:
    """`OPTIONS_INVALID` or `NAMES_INVALID` for each argument that is of another kind; None stands for the default."""
    return [
        ExportError(
            "NAMES_INVALID" if name in ("inputs", "outputs") else "OPTIONS_INVALID",
            f"{name}: expected {expected}, got {value!r:.80}",
        )
        for name, (kind, expected) in OPTIONS.items()
        if (value := given.get(name)) is not None
        and not _is(kind, value)
        # a torchvision transform stands for its steps
        and not (name == "preprocess" and callable(value))
    ]


def _is(kind: str, value: object) -> bool:
    if kind == PATH:
        return isinstance(value, (str, os.PathLike))
    if kind == MAPPING:
        return isinstance(value, Mapping)
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))

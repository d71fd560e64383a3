"""`python -m tensorferry write FORMAT BUNDLE --out FOLDER`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from ..writers import Written, write_mlserver, write_onnx_test_data, write_triton
from .output import show
from .parser import add_command

WRITERS: dict[str, tuple[Callable[..., Written], str]] = {
    "triton": (write_triton, "a model repository of NVIDIA Triton: NAME/config.pbtxt and NAME/1/model.onnx"),
    "mlserver": (write_mlserver, "a model folder of MLServer: model-settings.json, the ONNX file and its runtime"),
    "onnx-test-data": (write_onnx_test_data, "a case of ONNX's backend tests: model.onnx, test_data_set_0, …"),
}


def register(commands: Any) -> None:
    lines = "\n".join(f"  {name:15} {text}" for name, (_, text) in WRITERS.items())
    parser = add_command(
        commands,
        "write",
        run,
        help="write a bundle's model in the layout of another server",
        description="Writes a bundle's model in the layout of another server or test runner, and says what that has\n"
        f"no place for, such as preprocessing.\n\n{lines}",
    )
    parser.add_argument("format", choices=list(WRITERS), help="the layout")
    parser.add_argument("bundle", help="the bundle's folder")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where to write; new or empty")
    parser.add_argument("--artifact", metavar="NAME", help="an artifact's name; default: the one in full precision")


def run(options: argparse.Namespace) -> int:
    write, _ = WRITERS[options.format]
    written = write(options.bundle, options.out, artifact=options.artifact)
    show(written.to_dict() if options.json else str(written))
    return 0

"""`python -m tensorferry write FORMAT BUNDLE --out FOLDER`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from ..writers import Written, write_mlserver, write_onnx_test_data, write_triton

WRITERS: dict[str, tuple[Callable[..., Written], str]] = {
    "triton": (write_triton, "a model repository of NVIDIA Triton: NAME/config.pbtxt and NAME/1/model.onnx"),
    "mlserver": (write_mlserver, "a model folder of MLServer: model-settings.json, the ONNX file and its runtime"),
    "onnx-test-data": (write_onnx_test_data, "a case of ONNX's backend tests: model.onnx, test_data_set_0, …"),
}


def add_parser(commands: Any) -> None:
    """Adds `write` to the subparsers."""
    lines = "\n".join(f"  {name:15} {text}" for name, (_, text) in WRITERS.items())
    parser = commands.add_parser(
        "write",
        help="write a bundle's model in the layout of another server",
        description="Writes a bundle's model in the layout of another server or test runner, and says what that has no "
        f"place for, such as preprocessing.\n\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("format", choices=list(WRITERS), help="the layout")
    parser.add_argument("bundle", help="the bundle's folder")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where to write; new or empty")
    parser.add_argument("--artifact", metavar="NAME", help="an artifact's name; default: the one in full precision")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(options: argparse.Namespace) -> str:
    """Returns what is printed."""
    write, _ = WRITERS[options.format]
    written = write(options.bundle, options.out, artifact=options.artifact)
    return written.to_json() if options.json else str(written)

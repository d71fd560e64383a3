"""`python -m tensorferry import`: what people already have, as a bundle."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import ExportError
from ..import_bundle import import_bundle
from ..import_inputs import read_example_file
from ..import_source import find_kind
from ..report import ExportReport
from .bundle_options import EXIT_CODES, add_bundle_options, bundle_arguments
from .export import add_model_options, export, finish
from .load_object import load_object
from .output import stdout_to_stderr
from .parser import add_command

EPILOG = f"""examples:
  python -m tensorferry import model.onnx --examples inputs.npz --out bundle/
  python -m tensorferry import weights.pt --factory models.unet:UNet --examples models.unet:examples --inputs image \\
      --out bundle/

SOURCE is an .onnx file, a TorchScript .pt, a Hugging Face folder (config.json, onnx/model.onnx and, for pictures,
preprocessor_config.json), or weights with --factory. What it is is found by looking into it. The goldens of the first
three come from ONNX Runtime or PyTorch's TorchScript on the given file, not from a PyTorch module: they show that every
backend gives the file's numbers, not that the file is right.

{EXIT_CODES}"""


def register(commands: Any) -> None:
    parser = add_command(
        commands,
        "import",
        run,
        help="turn an ONNX or TorchScript file, a Hugging Face folder or weights into a bundle",
        description="Turns a model that is there already into a bundle and proves it like an export.",
        epilog=EPILOG,
    )
    parser.add_argument("source", metavar="SOURCE", help="the file or folder")
    parser.add_argument("--factory", metavar="SPEC", help="builds the module that the weights are for: pkg.module:NAME")
    add_model_options(parser)
    group = parser.add_argument_group("a Hugging Face folder")
    group.add_argument(
        "--variant",
        metavar="NAME[=ATOL,RTOL]",
        action="append",
        help="onnx/model_NAME.onnx as another artifact, if it agrees with the whole model within the tolerance "
        "(usual ones: fp16 1e-3,1e-2; quantized 0.1,0.1); repeatable",
    )
    group.add_argument("--no-preprocess", action="store_true", help="leave preprocessor_config.json out")
    add_bundle_options(parser)


def run(options: argparse.Namespace) -> int:
    with stdout_to_stderr():
        report = _import(options)
    return finish(options, report)


def _import(options: argparse.Namespace) -> ExportReport:
    given = bundle_arguments(options)
    if "out" not in given:
        raise ExportError("OPTIONS_INVALID", "missing: out; give --out FOLDER")
    source = Path(options.source)
    kind = find_kind(source, has_factory=bool(options.factory))
    if options.factory:
        options.weights = str(source)
        return export(options, options.factory)
    for name in ("weights", "formats", "capture", "rules", "variants"):
        if getattr(options, name):
            raise ExportError(
                "OPTIONS_INVALID", f"--{name.replace('rules', 'rule')}: for weights with --factory; {source} is {kind}"
            )
    if options.no_preprocess:
        given |= {"preprocess": (), "postprocess": given.get("postprocess", ())}
    return import_bundle(
        source,
        examples=[example for place in options.examples or [] for example in _examples(place)],
        variants=_variants(options.variant or []),
        progress=not options.quiet,
        **given,
    )


def _examples(place: str) -> Sequence[Any]:
    """Those of a file, or of pkg.module:NAME."""
    if Path(place).suffix in (".npz", ".safetensors"):
        return read_example_file(Path(place))
    return list(load_object(place, "--examples"))


def _variants(texts: Sequence[str]) -> dict[str, tuple[float, float] | None]:
    """`fp16` or `quantized=0.2,0.1`"""
    found: dict[str, tuple[float, float] | None] = {}
    for text in texts:
        name, _, numbers = text.partition("=")
        try:
            parts = [float(number) for number in numbers.split(",")] if numbers else []
        except ValueError:
            parts = [-1.0]
        if len(parts) not in (0, 1, 2) or any(not 0 <= part < float("inf") for part in parts):
            raise ExportError("OPTIONS_INVALID", f"--variant: expected NAME or NAME=ATOL,RTOL, got {text!r}")
        found[name] = (parts[0], parts[-1] if len(parts) == 2 else 0.0) if parts else None
    return found

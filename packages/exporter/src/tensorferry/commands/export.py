"""`python -m tensorferry export`: a factory of the user's, its examples and options, as a bundle."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from ..errors import ExportError
from ..examples import VARIANTS
from ..export_bundle import export_bundle
from ..report import ExportReport
from ..request import CAPTURES, FORMATS, PRECISIONS
from ..suggestion import did_you_mean
from ..weights_file import load_weights
from .bundle_options import EXIT_CODES, add_bundle_options, bundle_arguments
from .load_object import load_object
from .output import show, stdout_to_stderr
from .parser import add_command
from .values import capture_option, read_pairs, split_all

# names that say nothing of the model: the bundle takes its file's name then
GENERIC_NAMES = (
    "build",
    "create",
    "export",
    "export_model",
    "factory",
    "get_model",
    "main",
    "make",
    "make_model",
    "model",
)
EPILOG = f"""examples:
  python -m tensorferry export models.unet:UNet --weights unet.pt --examples models.unet:examples \\
      --inputs image --outputs mask --dynamic image:0=batch[1:64],2=height[16::16],3=width[16::16] --out unet/
  python -m tensorferry export export_model.py:digits --formats onnx --out digits/

FACTORY gives the module, or a mapping with the arguments of tensorferry.export_bundle (model, examples, inputs, ...);
what stands on the command line comes before it.

{EXIT_CODES}"""


def register(commands: Any) -> None:
    parser = add_command(
        commands,
        "export",
        run,
        help="export a PyTorch module as a bundle and prove it",
        description="Writes a bundle and proves it: every file is replayed against PyTorch from its place.",
        epilog=EPILOG,
    )
    parser.add_argument("factory", metavar="FACTORY", help="pkg.module:NAME or path/to/file.py:NAME")
    add_model_options(parser)
    add_bundle_options(parser)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """What the export of a module needs beside the options of any bundle."""
    group = parser.add_argument_group("the model")
    group.add_argument("--weights", metavar="FILE", help="a state dict for the module: .pt, .pth or .safetensors")
    group.add_argument(
        "--examples", metavar="SPEC", action="append", help="two or more tuples of input tensors: pkg.module:NAME"
    )
    group.add_argument(
        "--formats", metavar="NAMES", action="append", help=f"some of {','.join(FORMATS)} (default: onnx,torchscript)"
    )
    group.add_argument(
        "--precision",
        dest="precisions",
        metavar="NAMES",
        action="append",
        help=f"lower ones of the ONNX too: {','.join(PRECISIONS)}",
    )
    group.add_argument(
        "--capture",
        type=capture_option,
        metavar="WAY",
        help=f"how the model is captured: {', '.join(CAPTURES)} (default: auto), or one for each format: "
        "onnx=export,torchscript=trace",
    )
    group.add_argument(
        "--rule",
        dest="rules",
        metavar="INPUT=RULE",
        action="append",
        help="what made-up inputs keep, such as 'attention_mask=mask' or 'lengths=<= time and sorted'; repeatable",
    )
    group.add_argument(
        "--variants",
        metavar="NAMES",
        action="append",
        help=f"which inputs are made up beside the examples: some of {','.join(VARIANTS)}, or none (default: all)",
    )
    group.add_argument("--method", metavar="NAME", help="another method than forward")


def run(options: argparse.Namespace) -> int:
    with stdout_to_stderr():
        report = export(options, options.factory)
    return finish(options, report)


def finish(options: argparse.Namespace, report: ExportReport) -> int:
    """Prints the report and returns the exit code."""
    show(report.to_dict() if options.json else report.verbose if options.verbose else str(report))
    return report.exit_code


def export(options: argparse.Namespace, factory: str) -> ExportReport:
    """Calls `export_bundle` with what the factory and the command line give.

    Raises
    ------
    ExportError
    """
    # cheap mistakes first: a factory may take minutes
    given = bundle_arguments(options)
    if options.formats:
        given["formats"] = split_all(options.formats)
        for name in given["formats"]:
            if name not in FORMATS:
                raise ExportError(
                    "OPTIONS_INVALID",
                    f"--formats: {name!r} is unknown, expected some of {', '.join(FORMATS)}"
                    f"{did_you_mean(name, FORMATS)}",
                )
    if options.precisions:
        given["precisions"] = split_all(options.precisions)
    if options.rules:
        given["rules"] = read_pairs(options.rules, "--rule", "'lengths=<= time'")
    if options.variants:
        given["variants"] = [name for name in split_all(options.variants) if name != "none"]
    for key in ("capture", "method"):
        if getattr(options, key):
            given[key] = getattr(options, key)
    arguments = {"name": default_name(factory), **_arguments_of(load_object(factory, "FACTORY"), factory)}
    if options.examples:
        if len(options.examples) > 1:
            raise ExportError("OPTIONS_INVALID", "--examples: one pkg.module:NAME that gives all of them")
        arguments["examples"] = load_object(options.examples[0], "--examples")
    arguments |= given
    # beside where the command runs, by the bundle's name
    arguments.setdefault("out", str(arguments["name"]))
    _require_all(arguments)
    arguments["examples"] = _list_of(arguments["examples"])
    notes = load_weights(arguments["model"], Path(options.weights)) if options.weights else []
    report = export_bundle(**{"progress": not options.quiet, **arguments})
    return replace(report, notes=[*notes, *report.notes])


def _arguments_of(made: object, factory: str) -> dict[str, Any]:
    if isinstance(made, nn.Module):
        return {"model": made}
    if not isinstance(made, Mapping):
        raise ExportError(
            "OPTIONS_INVALID",
            f"{factory}: expected a torch.nn.Module or a mapping of export_bundle's arguments, got "
            f"{type(made).__name__}",
        )
    known = inspect.signature(export_bundle).parameters
    for key in made:
        if key not in known:
            raise ExportError(
                "OPTIONS_INVALID",
                f"{factory}: export_bundle has no argument {key!r}{did_you_mean(str(key), known)}; it takes "
                f"{', '.join(known)}",
            )
    return dict(made)


def _require_all(arguments: Mapping[str, Any]) -> None:
    """Names every option that is missing, not only the first."""
    parameters = inspect.signature(export_bundle).parameters.values()
    missing = [found.name for found in parameters if found.default is found.empty and found.name not in arguments]
    if missing:
        options = " ".join(f"--{name.replace('_', '-')}" for name in missing)
        raise ExportError(
            "OPTIONS_INVALID", f"missing: {', '.join(missing)}; give {options}, or a factory that returns a mapping"
        )


def _list_of(examples: object) -> object:
    made = examples() if callable(examples) else examples
    return list(made) if isinstance(made, Iterable) and not isinstance(made, (str, Mapping)) else made


def default_name(factory: str) -> str:
    """`models.unet:build` -> "unet", `models:tiny_net` -> "tiny-net"."""
    place, _, name = factory.rpartition(":")
    last = name.rpartition(".")[2]
    if last in GENERIC_NAMES:
        last = Path(place).stem if place.endswith(".py") else place.rpartition(".")[2]
    return last.replace("_", "-")

"""The options of every command that writes a bundle."""

from __future__ import annotations

import argparse
from typing import Any

from .values import read_dynamic_option, read_labels, read_pairs, read_steps, split_all

EXIT_CODES = """exit codes:
  0    the bundle is written, and lists every format that was asked for
  1    refused: nothing could be proven, or the request is wrong; no bundle is written
  2    the command line cannot be read
  3    the bundle is written without a format that was asked for; the table says why
  130  interrupted; nothing was written
"""


def add_bundle_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the bundle")
    group.add_argument(
        "--out",
        metavar="FOLDER",
        help="where the bundle goes (export: a folder of the bundle's name); an earlier one there is replaced",
    )
    group.add_argument("--name", help="of the bundle")
    group.add_argument("--version", help="of the bundle (default: 1.0.0)")
    group.add_argument("--license", help="SPDX identifier such as MIT")
    group.add_argument("--task", help="image-classification, image-to-image, or a text of your own")
    group.add_argument("--labels", metavar="FILE", help="what the classes mean: one a line, or a JSON list")
    group.add_argument("--docs", metavar="NAME=TEXT", action="append", help="a line on an input or output; repeatable")
    group = parser.add_argument_group("inputs and outputs")
    group.add_argument("--inputs", metavar="NAMES", action="append", help="their names, with commas")
    group.add_argument("--outputs", metavar="NAMES", action="append", help="their names, with commas")
    group.add_argument(
        "--dynamic",
        metavar="INPUT:AXIS=DIM,…",
        action="append",
        help="axes that may change, such as image:0=batch[1:64],2=height[8:512:8] (smallest, largest, multiple of); "
        "repeatable, once an input",
    )
    group.add_argument(
        "--states", metavar="INPUT=OUTPUT,…", action="append", help="outputs that are the next step's inputs"
    )
    group = parser.add_argument_group("pictures")
    group.add_argument("--preprocess", metavar="JSON", help="steps before the model, written out or in a file")
    group.add_argument("--postprocess", metavar="JSON", help="steps after it")
    group.add_argument(
        "--raw-examples",
        metavar="NAME=PICTURE",
        action="append",
        help="a picture that is run through the steps and stored with every stage; repeatable",
    )


def bundle_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `export_bundle` that stand on the command line.

    Raises
    ------
    ExportError
        `OPTIONS_INVALID`
    """
    found: dict[str, Any] = {
        key: getattr(options, key)
        for key in ("out", "name", "version", "license", "task")
        if getattr(options, key) is not None
    }
    for key in ("inputs", "outputs"):
        if getattr(options, key):
            found[key] = split_all(getattr(options, key))
    if options.dynamic:
        found["dynamic"] = read_dynamic_option(options.dynamic)
    if options.states:
        found["states"] = list(read_pairs(split_all(options.states), "--states", "h=h_out").items())
    for key in ("preprocess", "postprocess"):
        if getattr(options, key):
            found[key] = read_steps(getattr(options, key), f"--{key}")
    if options.labels:
        found["labels"] = read_labels(options.labels)
    if options.raw_examples:
        found["raw_examples"] = read_pairs(options.raw_examples, "--raw-examples", "photo=photo.png")
    if options.docs:
        found["docs"] = read_pairs(options.docs, "--docs", 'image="RGB, 0 to 1"')
    return found

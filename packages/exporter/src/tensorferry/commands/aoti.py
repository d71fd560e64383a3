"""`python -m tensorferry aoti`: compiles a bundle's program for this machine."""

from __future__ import annotations

import argparse
from typing import Any

from ..aoti import DEVICES, LEVELS, compile_bundle
from .output import show
from .parser import add_command


def register(commands: Any) -> None:
    parser = add_command(
        commands,
        "aoti",
        run,
        help="compile a bundle's program with AOTInductor for this machine",
        description="Compiles a bundle's torch.export program with AOTInductor for this machine's CPU, replays the\n"
        "bundle's goldens in the compiled package, and writes it beside the bundle as aot-inductor.local.pt2, listed\n"
        "in bundle.local.json. Both are for this machine alone: do not publish them. Needs a C++ compiler; takes from\n"
        "ten seconds to minutes.",
    )
    parser.add_argument("bundle", help="the bundle's folder")
    parser.add_argument("--force", action="store_true", help="compile again although the package is up to date")
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="what it is compiled for (default: cpu)")
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="compile the kernels for exactly N threads; default: as many as each session has, which costs models of "
        "microseconds some of them",
    )

    parser.add_argument(
        "--march",
        choices=["native", *LEVELS],
        default="native",
        help="instructions that the kernels may use: this CPU's (default: native), or those of every CPU of a level, "
        "for packages that are copied to other machines",
    )


def run(options: argparse.Namespace) -> int:
    compiled = compile_bundle(
        options.bundle,
        device=options.device,
        threads=options.threads,
        march=options.march,
        force=options.force,
        progress=not options.quiet,
    )
    show({"path": str(compiled.path), "is_new": compiled.is_new, **compiled.entry} if options.json else str(compiled))
    return 0

"""`python -m tensorferry COMMAND`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ._version import __version__
from .aoti import DEVICES, compile_bundle
from .errors import ExportError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tensorferry", description="Works on Tensorferry bundles.")
    parser.add_argument("--version", action="version", version=f"tensorferry {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    aoti = commands.add_parser(
        "aoti",
        help="compile a bundle's program with AOTInductor for this machine",
        description="Compiles a bundle's torch.export program with AOTInductor for this machine's CPU, replays the "
        "bundle's goldens in the compiled package, and writes it beside the bundle as aot-inductor.local.pt2, listed "
        "in bundle.local.json. Both are for this machine alone: do not publish them. Needs a C++ compiler; takes from "
        "ten seconds to minutes.",
    )
    aoti.add_argument("bundle", help="the bundle's folder")
    aoti.add_argument("--force", action="store_true", help="compile again although the package is up to date")
    aoti.add_argument("--device", choices=DEVICES, default="cpu", help="what it is compiled for (default: cpu)")
    aoti.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="compile the kernels for exactly N threads; default: as many as each session has, which costs models of "
        "microseconds some of them",
    )
    aoti.add_argument("--quiet", action="store_true", help="no progress on stderr")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, or 1 with one message on stderr."""
    options = _parser().parse_args(arguments)
    try:
        print(
            compile_bundle(
                options.bundle,
                device=options.device,
                threads=options.threads,
                force=options.force,
                progress=not options.quiet,
            )
        )
    except ExportError as error:
        print(f"tensorferry: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tensorferry: interrupted; nothing was written", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tensorferry COMMAND`."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Any

from ._version import __version__
from .commands import COMMANDS
from .commands.output import show
from .commands.parser import Parser, UsageError
from .errors import ExportError

# what a shell expects of a command line that cannot be read, and of Ctrl-C
USAGE, INTERRUPTED = 2, 130


def _parser() -> Parser:
    parser = Parser(prog="python -m tensorferry", description="Makes Tensorferry bundles and works on them.")
    parser.add_argument("--version", action="version", version=f"tensorferry {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.register(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: the command's own, 1 for what was refused, 2 for a wrong command line, 130 for Ctrl-C."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    as_json = "--json" in given

    def fail(exit_code: int, text: str, error: dict[str, Any]) -> int:
        if as_json:
            show({"error": error})
        else:
            print(f"tensorferry: {text}", file=sys.stderr)
        return exit_code

    try:
        options = _parser().read(given)
        return options.run(options)
    except UsageError as error:
        return fail(USAGE, str(error), {"code": "USAGE", "message": str(error), "details": {}})
    except ExportError as error:
        return fail(1, error.verbose if "--verbose" in given else str(error), error.to_dict())
    except KeyboardInterrupt:
        text = "interrupted; nothing was written"
        return fail(INTERRUPTED, text, {"code": "INTERRUPTED", "message": text, "details": {}})
    except Exception as error:
        traceback.print_exc()
        text = f"{type(error).__name__}: {error}"
        return fail(1, text, {"code": "UNEXPECTED", "message": text, "details": {}})


if __name__ == "__main__":
    sys.exit(main())

"""argparse, with errors that can be caught, and names that may have been meant."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from ..suggestion import did_you_mean


class UsageError(Exception):
    """A command line that argparse does not take."""


class Parser(argparse.ArgumentParser):
    """Takes no shortened options, and leaves the exit to the caller."""

    def __init__(self, *args: Any, **options: Any) -> None:
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(*args, allow_abbrev=False, formatter_class=formatter, **options)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (python -m tensorferry --help lists what there is)")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            raise argparse.ArgumentError(
                action, f"{value!r} is unknown, expected {' or '.join(known)}{did_you_mean(str(value), known)}"
            )

    def read(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        """Parses the whole command line.

        Raises
        ------
        UsageError
        """
        options, unknown = self.parse_known_args(arguments)
        if unknown:
            known = getattr(options, "option_names", [])
            self.error(f"{unknown[0]!r} is unknown{did_you_mean(unknown[0].split('=')[0], known)}")
        return options


def add_command(commands: Any, name: str, run: Any, **texts: str) -> argparse.ArgumentParser:
    """Adds a command's parser.

    Parameters
    ----------
    commands : what `add_subparsers` gave
    run : takes the parsed options and returns the exit code
    texts : `help`, `description`, `epilog`
    """
    parser = commands.add_parser(name, **texts)
    parser.set_defaults(run=run, option_names=parser._option_string_actions)
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the table")
    parser.add_argument("--verbose", action="store_true", help="with the whole reason of every way that was tried")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    return parser

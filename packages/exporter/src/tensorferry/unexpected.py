"""No other error than `ExportError` leaves the package's functions."""

from __future__ import annotations

import functools
import inspect
import traceback
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from .errors import ExportError
from .isolate import first_lines
from .torchscript_trace import module_relative

P = ParamSpec("P")
T = TypeVar("T")


def only_export_errors(function: Callable[P, T]) -> Callable[P, T]:
    """Turns every other exception into `UNEXPECTED`, with the exception as its cause."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **options: P.kwargs) -> T:
        # missing and unknown arguments are the caller's to see as Python says them
        inspect.signature(function).bind(*args, **options)
        try:
            return function(*args, **options)
        except ExportError:
            raise
        except Exception as error:
            raise unexpected(error, function.__name__) from error

    return wrapped


def unexpected(error: BaseException, where: str) -> ExportError:
    """The error for an exception that nothing foresaw."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" at {module_relative(last[0].filename)}:{last[0].lineno}" if last else ""
    said = first_lines(str(error), 400) or "without a message"
    return ExportError(
        "UNEXPECTED",
        f"{where}: {type(error).__name__}{place}: {said}\nNothing was written. Where the line is not in your own code, "
        "please report it with the whole text: --verbose, or error.verbose",
        traceback="".join(traceback.format_exception(error)),
    )

"""Tries the ways to make one format, one after the other, until a written file is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from .errors import ExportError, brief

Captured = TypeVar("Captured")
Result = TypeVar("Result")
Failures = dict[str, ExportError]

# what says that a file is wrong, the gravest first; the other codes of a replay say that the request is
ABOUT_THE_FILE = ("REPLAY_MISMATCH", "RUNTIME_REFUSED", "CAPTURE_FAILED")
# lines of a message that need no shortening
LONGEST_CAUSE = 3
GRAVEST_FIRST = ("REPLAY_MISMATCH", "RANGE_CONTRADICTED", "RUNTIME_REFUSED", "CAPTURE_FAILED")


@dataclass(frozen=True)
class Rung(Generic[Captured]):
    """One way to capture the model."""

    route: str
    """What the manifest calls it."""
    capture: Callable[[], Captured]
    keeps_python: bool = False
    """Whether the Python code is compiled, branches and loops included."""
    scripted: tuple[str, ...] = ()
    """Submodules that are compiled."""


def climb(
    what: str,
    rungs: Callable[[Failures], Iterator[Rung[Captured]]],
    prove: Callable[[Rung[Captured], Captured], Result],
) -> tuple[Result, Failures]:
    """The first result that is right, and why the ways before it were not.

    Parameters
    ----------
    what : the format, for messages
    rungs : gets the failures so far, which grow while it is iterated
    prove : writes what was captured and replays it

    Raises
    ------
    ExportError
        with the reason of every way, when none is right; at once where the request itself is wrong.
    """
    failures: Failures = {}
    for rung in rungs(failures):
        try:
            captured = rung.capture()
        except ExportError as error:
            failures[rung.route] = error
            continue
        try:
            return prove(rung, captured), failures
        except ExportError as error:
            if error.code not in ABOUT_THE_FILE:
                raise
            failures[rung.route] = error
    raise _none_is_right(what, failures)


def _none_is_right(what: str, failures: Failures) -> ExportError:
    """One error of all: the gravest one's code and cause in two lines; `details["attempts"]` has every reason whole."""
    attempts = {route: error.message for route, error in failures.items()}
    # of equal ones that which names a line of code
    route, gravest = min(failures.items(), key=lambda found: (_gravity(found[1].code), "file" not in found[1].details))
    # where one way cannot go is not where another one went wrong
    placed_by = [] if gravest.code == "REPLAY_MISMATCH" else failures.values()
    placed = next((error.details for error in placed_by if "file" in error.details), {})
    details = {**placed, **gravest.details, "attempts": attempts}
    if len(failures) == 1:
        if len(gravest.message.splitlines()) <= LONGEST_CAUSE:
            return gravest
        return ExportError(gravest.code, brief(gravest.message), **details)
    details["routes"] = {route: error.code for route, error in failures.items()}
    return ExportError(
        gravest.code,
        f"no {what} of the model is right; of {len(failures)} ways (--verbose or error.verbose has each) the gravest "
        f"is {route}: {brief(gravest.message)}",
        **details,
    )


def _gravity(code: str) -> int:
    # a wrong number is the graver thing to say than that one way was closed
    return GRAVEST_FIRST.index(code) if code in GRAVEST_FIRST else len(GRAVEST_FIRST)

"""What is wrong with a request, gathered so that it is said at once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TypeVar

from .errors import ExportError

T = TypeVar("T")


class Problems:
    """Errors that do not depend on each other.

    Attributes
    ----------
    found : so far
    """

    def __init__(self) -> None:
        self.found: list[ExportError] = []

    def of(self, check: Callable[[], T]) -> T | None:
        """What the check gives; None where it refuses, which is kept."""
        try:
            return check()
        except ExportError as error:
            self.found.append(error)
            return None

    @contextlib.contextmanager
    def ending(self) -> Iterator[None]:
        """For what everything after it needs: a refusal inside is raised together with those before it."""
        try:
            yield
        except ExportError as error:
            self.found.append(error)
            self.require_none()

    def require_none(self) -> None:
        """Raises what was found: one error as it is, several as a list with the first one's code.

        Raises
        ------
        ExportError
        """
        if not self.found:
            return
        if len(self.found) == 1:
            raise self.found[0]
        lines = [f"- {error.message}" for error in self.found]
        raise ExportError(
            self.found[0].code,
            "\n".join([f"{len(lines)} things are wrong:", *lines]),
            **{**self.found[0].details, "problems": [error.to_dict() for error in self.found]},
        )

"""What a command prints: one document on stdout, whatever the user's own code prints elsewhere."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any


def show(document: str | Mapping[str, Any]) -> None:
    """Prints a table, or data as JSON."""
    # an error's details may hold anything
    print(document if isinstance(document, str) else json.dumps(document, indent=2, ensure_ascii=False, default=str))


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """While the user's code runs: what it prints is no part of the document."""
    with contextlib.redirect_stdout(sys.stderr):
        yield

"""The name that somebody may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """`; did you mean 'height'?`, or nothing where no known name is near."""
    meant = difflib.get_close_matches(given, list(known), n=1)
    return f"; did you mean {meant[0]!r}?" if meant else ""

"""Names of inputs and outputs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .errors import ExportError

NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_.\-]*$")


def check_names(kind: str, names: Sequence[str]) -> list[str]:
    """The names, if each is one and none stands twice.

    Raises
    ------
    ExportError
        `NAMES_INVALID`
    """
    if isinstance(names, str) or not names:
        raise ExportError("NAMES_INVALID", f"{kind}: expected a list of names, got {names!r}")
    for name in names:
        if not isinstance(name, str) or not NAME.match(name):
            raise ExportError(
                "NAMES_INVALID", f"{kind}: {name!r} is no name; use letters, digits, _ - . and begin with a letter"
            )
    if len(set(names)) != len(names):
        raise ExportError("NAMES_INVALID", f"{kind}: a name stands twice in {list(names)}")
    return list(names)

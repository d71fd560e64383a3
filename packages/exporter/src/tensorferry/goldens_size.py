"""How large goldens may be."""

from __future__ import annotations

from collections.abc import Mapping

from .errors import ExportError

# bytes; more is refused
LARGEST_GOLDENS = 200_000_000


def require_small(by_case: Mapping[str, int]) -> None:
    """Refuses goldens that nobody wants to download.

    Parameters
    ----------
    by_case : bytes of each case's tensors
    """
    size = sum(by_case.values())
    if size > LARGEST_GOLDENS:
        largest = max(by_case, key=lambda case: by_case[case])
        raise ExportError(
            "EXAMPLES_INVALID",
            f"the goldens would take {size / 1e6:.0f} MB, {by_case[largest] / 1e6:.0f} of them for {largest}; at "
            f"most {LARGEST_GOLDENS / 1e6:.0f} MB are written. Give smaller examples and pictures: they prove as much",
            case=largest,
            size=size,
        )

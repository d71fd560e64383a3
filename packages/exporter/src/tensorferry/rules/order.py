"""Sorted inputs: lengths for packed sequences, time stamps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

# so many values in a row are not sorted by chance
SHORTEST = 3


@dataclass(frozen=True)
class Sorted:
    """Values along the last axis are in order."""

    descending: bool

    @property
    def text(self) -> str:
        return "sorted descending" if self.descending else "sorted"

    def mend(self, value: Tensor, sizes: Mapping[str, int]) -> Tensor:
        return value.sort(-1, descending=self.descending).values if value.dim() else value


def learn_order(values: Sequence[Tensor]) -> Sorted | None:
    """The order of an input whose rows are sorted in every example; None for others, and for constant ones."""
    if any(value.dim() == 0 for value in values) or max(value.shape[-1] for value in values) < SHORTEST:
        return None
    steps = [value[..., 1:].double() - value[..., :-1].double() for value in values]
    if all(bool((step == 0).all()) for step in steps):
        return None
    for descending, sign in ((False, 1), (True, -1)):
        if all(bool((step * sign >= 0).all()) for step in steps):
            return Sorted(descending)
    return None

"""Integers inside bounds: those of the examples, and the size of a dim where they count along it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Bound:
    """Values are at most the size of a dim, or below it."""

    dim: str
    below: bool
    """`< dim` instead of `<= dim`: an index along it."""
    reached: bool = False
    """In every example the largest value is the largest possible, such as the length of the longest row."""
    is_sure: bool = True
    """Whether the examples show that the last index is one: else the bound may as well be the size itself."""

    @property
    def text(self) -> str:
        return f"{'<' if self.below else '<='} {self.dim}"

    def highest(self, sizes: Mapping[str, int]) -> int | None:
        return sizes[self.dim] - self.below if self.dim in sizes else None


@dataclass(frozen=True)
class Within:
    """Whole numbers from `low` to `high`, and within the size of dims."""

    low: int
    high: int
    bounds: list[Bound] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " and ".join([f"{self.low} to {self.high}", *(bound.text for bound in self.bounds)])

    def mend(self, value: Tensor, sizes: Mapping[str, int]) -> Tensor:
        if value.numel() == 0:
            return value
        found = value.clamp(self.low, self.high)
        for bound in self.bounds:
            highest = bound.highest(sizes)
            if highest is None:
                continue
            largest = int(found.max())
            if bound.reached and largest > 0:
                # in proportion: the longest row is as long as the axis again, the order stays
                found = (found.to(torch.float64) * highest / largest).round().to(value.dtype)
                found = found.clamp(min(self.low, highest), highest)
            elif not bound.is_sure:
                # a length that no example reached: not below the smallest one, as far as the axis goes
                found = found.clamp(max=max(highest, min(self.low, sizes[bound.dim])))
            else:
                found = found.clamp(max=highest)
        return found


def learn_within(
    values: Sequence[Tensor],
    sizes: Sequence[Mapping[str, int]],
    own: Collection[str] = (),
    stated: Sequence[Bound] = (),
) -> Within | None:
    """The bounds of an integer input; None where the examples hold no number.

    Parameters
    ----------
    values : the input in each example
    sizes : of the named dims in each example
    own : dims of the input's own axes, along which it rarely counts
    stated : bounds that the caller gave, instead of those that can be learned
    """
    if any(value.numel() == 0 for value in values):
        return None
    lowest = min(int(value.min()) for value in values)
    largest = [int(value.max()) for value in values]
    bounds = [_with_evidence(bound, largest, sizes) for bound in stated]
    if not bounds and lowest >= 0:
        found = [bound for dim in sizes[0] if (bound := _learn_bound(dim, largest, sizes))]
        # where the longest row fills one dim in every example, others are larger by chance
        reached = [bound for bound in found if bound.reached]
        bounds = reached or [bound for bound in found if bound.dim not in own]
    return Within(lowest, max(largest), bounds)


def _learn_bound(dim: str, largest: Sequence[int], sizes: Sequence[Mapping[str, int]]) -> Bound | None:
    ends = [size[dim] for size in sizes]
    if any(value > end for value, end in zip(largest, ends, strict=True)):
        return None
    below = all(value < end for value, end in zip(largest, ends, strict=True))
    return _with_evidence(Bound(dim, below), largest, sizes)


def _with_evidence(bound: Bound, largest: Sequence[int], sizes: Sequence[Mapping[str, int]]) -> Bound:
    highest = [bound.highest(size) for size in sizes]
    # one size alone may be a coincidence
    several = len(set(highest)) > 1
    reached = several and all(value == end for value, end in zip(largest, highest, strict=True))
    touched = any(value == end for value, end in zip(largest, highest, strict=True))
    return Bound(bound.dim, bound.below, reached, touched or not bound.below)

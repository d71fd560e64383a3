"""Masks: two values, of which every row keeps some. Attention to nothing has no answer that runtimes agree on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# what is added to scores that do not count is at most this
MASKED_SCORE = -1e4


@dataclass(frozen=True)
class Mask:
    """Rows along the last axis, of which each keeps at least `ones` positions and leaves out at least `zeros`."""

    ones: int
    zeros: int
    side: str | None
    """`"start"` or `"end"`: where what is kept stands in every row; None is anywhere."""
    on: float = 1
    off: float = 0

    @property
    def text(self) -> str:
        at = f" at the {self.side}" if self.side else ""
        return f"mask (every row keeps {self.ones} or more{at})"

    def mend(self, value: Tensor, sizes: Mapping[str, int]) -> Tensor:
        if value.dim() == 0 or value.shape[-1] == 0:
            return value
        kept = self._kept(value)
        length = value.shape[-1]
        low = min(self.ones, length)
        high = length - min(self.zeros, length - low)
        count = kept.sum(-1, keepdim=True)
        wanted = count.clamp(low, high)
        place = torch.arange(length)
        if self.side == "start":
            kept = place < wanted
        elif self.side == "end":
            kept = place >= length - wanted
        else:
            # the first that are off are switched on, the last that are on are switched off
            kept = kept | (~kept & ((~kept).cumsum(-1) <= wanted - count))
            kept = kept & (kept.cumsum(-1) <= wanted)
        return torch.where(kept, self.on, self.off).to(value.dtype)

    def _kept(self, value: Tensor) -> Tensor:
        if value.dtype == torch.bool:
            return value
        return value == self.on if self.off < 0 else value.abs() > 0.5


def learn_mask(values: Sequence[Tensor]) -> Mask | None:
    """The rule of an input that holds two values in every example, one of them for what counts; None for others.

    Integers and booleans of 0 and 1, floats of 0 and 1 where both are seen, and floats of 0 and one very negative
    number, which is added to scores.
    """
    if any(value.dim() == 0 or value.numel() == 0 for value in values):
        return None
    found = torch.cat([value.flatten().to(torch.float64) for value in values]).unique().tolist()
    if values[0].is_floating_point():
        if len(found) != 2 or (found != [0, 1] and not (found[1] == 0 and found[0] <= MASKED_SCORE)):
            return None
        on, off = (1, 0) if found == [0, 1] else (0, found[0])
    elif found == [0, 1] or (found in ([0], [1]) and (values[0].dim() > 1 or values[0].dtype == torch.bool)):
        on, off = 1, 0
    else:
        return None
    rows = [(value == on).reshape(-1, value.shape[-1]) for value in values]
    ones = min(int(row.sum(-1).min()) for row in rows)
    zeros = min(int((~row).sum(-1).min()) for row in rows)
    if values[0].is_floating_point() and off == 0 and values[0].dim() > 3 and ones == 0:
        # a black and white picture, which may have any shade
        return None
    side = None
    if all(bool((row[:, 1:] <= row[:, :-1]).all()) for row in rows):
        side = "start"
    elif all(bool((row[:, 1:] >= row[:, :-1]).all()) for row in rows):
        side = "end"
    if found == [1] and values[0].dim() > 1:
        # nothing was left out in any example: half of the shortest row shows whether that would count
        ones = max(1, ones // 2)
    return Mask(ones, zeros, side, on, off)

"""Inputs that are probabilities: no number below zero, and one in sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

TOLERANCE = 1e-3


@dataclass(frozen=True)
class SumsToOne:
    """Along the last axis."""

    @property
    def text(self) -> str:
        return "sums to 1"

    def mend(self, value: Tensor, sizes: Mapping[str, int]) -> Tensor:
        if value.dim() == 0 or value.shape[-1] == 0:
            return value
        weights = value.abs()
        total = weights.sum(-1, keepdim=True)
        return torch.where(total > 0, weights / total.clamp(min=1e-30), 1 / value.shape[-1]).to(value.dtype)


def learn_distribution(values: Sequence[Tensor]) -> SumsToOne | None:
    """The rule of a floating-point input whose rows sum to one in every example; None for others."""
    if any(value.dim() == 0 or value.numel() == 0 or value.shape[-1] < 2 for value in values):
        return None
    exact = [value.double() for value in values]
    holds = all(bool((value >= 0).all() and ((value.sum(-1) - 1).abs() < TOLERANCE).all()) for value in exact)
    return SumsToOne() if holds else None

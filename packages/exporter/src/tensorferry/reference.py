"""Whose numbers the goldens of a bundle are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .runtimes import TORCH


@dataclass(frozen=True)
class Reference:
    """What ran the model that every written file is compared with."""

    name: str
    """For messages and the report."""
    producer: Mapping[str, str]
    """What the manifest's `producer` says of it."""
    precision: str | None = None
    """Of the weights, where the module does not show them."""


PYTORCH = Reference("PyTorch", {"torch": TORCH})

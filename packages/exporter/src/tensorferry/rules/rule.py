"""What one input of a model keeps, whatever its values are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor


class Rule(Protocol):
    """Made-up values are mended by it: the nearest ones that keep it."""

    @property
    def text(self) -> str:
        """For people, as short as it can be said."""

    def mend(self, value: Tensor, sizes: Mapping[str, int]) -> Tensor:
        """The value with this rule kept, of the same shape and dtype.

        Parameters
        ----------
        sizes : of the named dims, in the inputs that the value belongs to
        """

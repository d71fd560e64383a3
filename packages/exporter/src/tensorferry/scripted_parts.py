"""Submodules that are scripted inside a module that stays Python."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import nn


@contextlib.contextmanager
def scripted_parts(model: nn.Module, names: Sequence[str]) -> Iterator[None]:
    """Puts `torch.jit.script(submodule)` in the place of each submodule, and the submodule back afterwards."""
    replaced: list[tuple[nn.Module, str, nn.Module]] = []
    try:
        for name in names:
            part = model.get_submodule(name)
            scripted = torch.jit.script(part)
            for parent in list(model.modules()):
                # one module may stand at several places
                for key, child in parent._modules.items():
                    if child is part:
                        replaced.append((parent, key, part))
                        parent._modules[key] = scripted
        yield
    finally:
        for parent, key, part in reversed(replaced):
            parent._modules[key] = part


def outermost(names: set[str]) -> tuple[str, ...]:
    """The names without those inside another one, sorted."""
    return tuple(sorted(name for name in names if not any(name.startswith(f"{other}.") for other in names)))

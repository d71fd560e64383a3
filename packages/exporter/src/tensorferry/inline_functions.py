"""torch.autograd.Function while a model is traced: what its forward does is recorded, instead of a call of Python."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.autograd.function import Function, FunctionCtx, _SingleLevelFunction


class _Context(FunctionCtx):
    """Takes what forward keeps for backward, which a file does not have."""

    needs_input_grad: tuple[bool, ...] = ()

    def set_materialize_grads(self, value: bool) -> None:
        return None


@contextlib.contextmanager
def inlined_functions() -> Iterator[None]:
    """Inside, `apply` of every autograd function runs its forward. Without gradients that gives the same numbers."""

    def apply(cls: Any, *args: Any, **options: Any) -> Any:
        if cls.setup_context is not _SingleLevelFunction.setup_context:
            # forward takes no context then
            return cls.forward(*args, **options)
        context = _Context()
        context.needs_input_grad = (False,) * len(args)
        return cls.forward(context, *args, **options)

    before = vars(Function)["apply"]
    Function.apply = classmethod(apply)
    try:
        with torch.no_grad():
            yield
    finally:
        Function.apply = before

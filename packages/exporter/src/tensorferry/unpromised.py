"""Elements of a result that PyTorch itself does not promise: which of equal scores comes first, and what attention to
nothing gives. Found by giving those answers otherwise, and looking at what changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from .eager import outputs_of
from .tensors import TOLERANCES, far_elements

# two equal scores change places in half of the runs
TURNS = 24
# scores below this are masked: nobody's network comes near it by itself
MASKED = -1e8
TIE, NOTHING = "a tie", "attention to nothing"


class _Otherwise(TorchDispatchMode):
    """Breaks ties by chance, and gives rows of attention that are masked as a whole any weights."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance = torch.Generator().manual_seed(seed)
        self.reasons: set[str] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        handle = HANDLERS.get(function.name())
        return handle(self, function, args, kwargs) if handle else function(*args, **kwargs)

    def unequal(self, scores: Tensor) -> Tensor:
        """The scores with a noise that decides between those that another runtime may see as equal."""
        atol, rtol = TOLERANCES.get(str(scores.dtype).removeprefix("torch."), (0.0, 0.0))
        exact = scores.to(torch.float64)
        noise = torch.rand(exact.shape, generator=self.chance, dtype=torch.float64)
        # half a step of whole numbers keeps their order
        width = atol + rtol * exact.abs() if scores.is_floating_point() else torch.full_like(exact, 0.5)
        return torch.where(exact.isfinite(), exact + noise * width, exact)

    def weights(self, shape: Sequence[int]) -> Tensor:
        drawn = torch.rand(tuple(shape), generator=self.chance, dtype=torch.float64)
        return drawn / drawn.sum(-1, keepdim=True)


def _top_k(mode: _Otherwise, function: Any, args: Any, kwargs: Any) -> Any:
    mode.reasons.add(TIE)
    scores, rest = args[0], args[1:]
    _, indices = function(mode.unequal(scores), *rest, **kwargs)
    dim = rest[1] if len(rest) > 1 else kwargs.get("dim", -1)
    return scores.gather(dim, indices) if scores.dim() else scores.clone(), indices


def _sort(mode: _Otherwise, function: Any, args: Any, kwargs: Any) -> Any:
    mode.reasons.add(TIE)
    scores = args[0]
    _, indices = function(mode.unequal(scores), *args[1:], **kwargs)
    # sort(dim, descending) and sort.stable(stable=, dim=, descending=)
    dim = kwargs.get("dim", args[1] if len(args) > 1 and not isinstance(args[1], bool) else -1)
    return scores.gather(dim, indices) if scores.dim() else scores.clone(), indices


def _best_of_dim(mode: _Otherwise, function: Any, args: Any, kwargs: Any) -> Any:
    """max, min, median and kthvalue along a dim: the value stays, its place may be another."""
    mode.reasons.add(TIE)
    values, _ = function(*args, **kwargs)
    _, indices = function(mode.unequal(args[0]), *args[1:], **kwargs)
    return values, indices


def _arg(mode: _Otherwise, function: Any, args: Any, kwargs: Any) -> Any:
    mode.reasons.add(TIE)
    return function(mode.unequal(args[0]), *args[1:], **kwargs)


def _softmax(mode: _Otherwise, function: Any, args: Any, kwargs: Any) -> Any:
    result = function(*args, **kwargs)
    scores, dim = args[0], args[1]
    if not scores.is_floating_point() or not scores.numel() or not scores.dim():
        return result
    empty = scores.amax(dim, keepdim=True) <= MASKED
    if not bool(empty.any()):
        return result
    mode.reasons.add(NOTHING)
    drawn = mode.weights(scores.movedim(dim, -1).shape).movedim(-1, dim)
    if "log" in function.name():
        drawn = drawn.log()
    return torch.where(empty, drawn.to(result.dtype), result)


def _attention(mode: _Otherwise, function: Any, args: Any, kwargs: Any) -> Any:
    result = function(*args, **kwargs)
    query, _, value = args[:3]
    mask = kwargs.get("attn_mask", args[5] if len(args) > 5 else None)
    if mask is None or not mask.is_floating_point():
        return result
    empty = mask.amax(-1, keepdim=True) <= MASKED
    if not bool(empty.any()):
        return result
    mode.reasons.add(NOTHING)
    weights = mode.weights((*query.shape[:-1], value.shape[-2])).to(value.dtype)
    return torch.where(empty, weights @ value, result[0]), *result[1:]


Handler = Callable[[_Otherwise, Any, Any, Any], Any]
HANDLERS: dict[str, Handler] = {
    "aten::topk": _top_k,
    "aten::sort": _sort,
    "aten::sort.stable": _sort,
    "aten::max.dim": _best_of_dim,
    "aten::min.dim": _best_of_dim,
    "aten::median.dim": _best_of_dim,
    "aten::kthvalue": _best_of_dim,
    "aten::argmax": _arg,
    "aten::argmin": _arg,
    "aten::_softmax": _softmax,
    "aten::_safe_softmax": _softmax,
    "aten::_log_softmax": _softmax,
    "aten::_scaled_dot_product_flash_attention_for_cpu": _attention,
}


def unpromised(
    model: nn.Module, inputs: Sequence[Tensor], expected: Sequence[np.ndarray], doubted: Sequence[np.ndarray]
) -> tuple[bool, str]:
    """Whether all doubted elements are ones that PyTorch does not promise.

    Parameters
    ----------
    expected : PyTorch's own results
    doubted : for each result which elements are asked about, of its shape

    Returns
    -------
    the answer, and what the elements hang on, for a report
    """
    open_ = [one.copy() for one in doubted]
    reasons: set[str] = set()
    for turn in range(TURNS):
        with _Otherwise(turn) as mode:
            try:
                other = outputs_of(model, inputs)
            except Exception:
                # other answers may lead where the model cannot go; that shows nothing
                continue
        if not mode.reasons:
            return False, ""
        reasons |= mode.reasons
        for index, (a, b) in enumerate(zip(expected, other, strict=True)):
            if a.shape != b.shape:
                return False, ""
            open_[index] &= ~far_elements(a, b)
        if not any(one.any() for one in open_):
            return True, " or ".join(sorted(reasons))
    return False, ""

"""What to do about the refusals that well-known modules of PyTorch cause."""

from __future__ import annotations

from torch import nn

from .errors import ExportError


def add_advice(error: ExportError, model: nn.Module) -> None:
    """Adds to the message what the model's own modules suggest."""
    modules = dict(model.named_modules())
    recurrent = [f"{name or 'model'} ({type(found).__name__})" for name, found in modules.items() if _unrolls(found)]
    nested = [name or "model" for name, found in modules.items() if _zeroes_masked_rows(found)]
    if error.code == "RANGE_CONTRADICTED" and recurrent:
        error.add(
            f"torch.export unrolls {', '.join(recurrent[:3])} over the example's time: leave the time axis out of "
            "`dynamic`, or export one step, with its state as an input and an output (`states`)"
        )
    if error.code == "REPLAY_MISMATCH" and nested:
        error.add(
            f"In eval mode {', '.join(nested[:3])} (nn.TransformerEncoder) takes a fast path that sets masked rows to "
            "zero, and an exported file does not: build it with enable_nested_tensor=False"
        )


def _unrolls(module: nn.Module) -> bool:
    return isinstance(module, nn.RNNBase)


def _zeroes_masked_rows(module: nn.Module) -> bool:
    return isinstance(module, nn.TransformerEncoder) and module.use_nested_tensor

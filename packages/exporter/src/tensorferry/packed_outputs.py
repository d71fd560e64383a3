"""Packed recurrent layers of which a model reads the last state alone, for PyTorch's older ONNX exporter.

That exporter moves the packing behind the layer, and fails where nobody unpacks the layer's output.
"""

from __future__ import annotations

import onnx
import onnxscript.optimizer
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from .tensors import flatten


class WithPackedOutputs(nn.Module):
    """A module that gives the unpacked output of each packed recurrent layer too, behind its own results."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.training = model.training
        self.added = 0
        """How many the last call gave."""

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        unpacked: list[Tensor] = []

        def keep(layer: nn.RNNBase, arguments: object, result: tuple[object, object]) -> None:
            if isinstance(result[0], PackedSequence):
                unpacked.append(pad_packed_sequence(result[0], layer.batch_first)[0])

        layers = [layer for layer in self.model.modules() if isinstance(layer, nn.RNNBase)]
        hooks = [layer.register_forward_hook(keep) for layer in layers]
        try:
            result = self.model(*inputs)
        finally:
            for hook in hooks:
                hook.remove()
        self.added = len(unpacked)
        return (*[value for _, value in flatten(result)], *unpacked)


def without_last_outputs(content: bytes, count: int) -> bytes:
    """The model without its last outputs, and without what only they needed."""
    model = onnx.load_model_from_string(content)
    del model.graph.output[-count:]
    onnxscript.optimizer.remove_unused_nodes(model)
    return model.SerializeToString(deterministic=True)

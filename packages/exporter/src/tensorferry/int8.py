"""ONNX in float32 -> ONNX whose matrix products are int8, with scales found anew at each run."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, numpy_helper

from .errors import ExportError

# Conv is left out: docs/decisions/lower-precisions.md
OPERATORS = ("MatMul", "Gather", "LSTM")


def to_int8(content: bytes) -> bytes:
    """Quantizes the weights of `OPERATORS`; a Gemm becomes a MatMul and an Add.

    Parameters
    ----------
    content : a serialized model in float32

    Raises
    ------
    ExportError
        `CAPTURE_FAILED` where no operator with constant weights can be quantized.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = _named(onnx.load_from_string(content))
    _fold_transposed_weights(model)
    found = sorted({node.op_type for node in model.graph.node})
    with tempfile.TemporaryDirectory(prefix="tensorferry.") as folder:
        path = Path(folder) / "model.onnx"
        # 7 bits of weight: on CPUs without VNNI the sums of 8-bit products saturate, and the numbers would differ
        quantize_dynamic(model, path, list(OPERATORS), per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)
        quantized = onnx.load(str(path))
    if not any(tensor.data_type == onnx.TensorProto.INT8 for tensor in quantized.graph.initializer):
        raise ExportError(
            "CAPTURE_FAILED",
            f"int8: expected a MatMul, Gemm, LSTM or embedding with constant weights, got {', '.join(found)}; dynamic "
            "quantization does nothing for the others",
        )
    return quantized.SerializeToString(deterministic=True)


def _named(model: ModelProto) -> ModelProto:
    """The model without functions, whose bodies quantization passes over, and with a name for every node."""
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    taken: set[str] = set()
    for index, node in enumerate(model.graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}_{index}"
        taken.add(node.name)
    return model


def _fold_transposed_weights(model: ModelProto) -> None:
    """Transposes constant weights here: quantization passes over a MatMul whose weight another node makes."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in [node for node in model.graph.node if node.op_type == "Transpose" and node.input[0] in constants]:
        axes = next((list(attribute.ints) for attribute in node.attribute if attribute.name == "perm"), None)
        turned = np.ascontiguousarray(np.transpose(numpy_helper.to_array(constants[node.input[0]]), axes))
        model.graph.initializer.append(numpy_helper.from_array(turned, node.output[0]))
        model.graph.node.remove(node)
    used = {name for node in model.graph.node for name in node.input} | {value.name for value in model.graph.output}
    for tensor in [tensor for tensor in model.graph.initializer if tensor.name not in used]:
        model.graph.initializer.remove(tensor)

"""ONNX in float32 -> ONNX whose matrix products are int8, with scales found anew at each run."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
from onnx import ModelProto

from .capture import LARGEST_MODEL
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

    whole = onnx.load_from_string(content)
    model = _prepared(whole)
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
    quantized.producer_name, quantized.producer_version = whole.producer_name, whole.producer_version
    return quantized.SerializeToString(deterministic=True)


def _prepared(model: ModelProto) -> ModelProto:
    """The model without functions and with weights that no node makes, as quantization wants them; every node has a
    name.
    """
    import onnxscript.optimizer

    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    # such as transposed weights, and the gates of an LSTM put in ONNX's order; other sizes are limited by default
    model = onnxscript.optimizer.optimize(model, input_size_limit=LARGEST_MODEL, output_size_limit=LARGEST_MODEL)
    taken: set[str] = set()
    for index, node in enumerate(model.graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}_{index}"
        taken.add(node.name)
    return model

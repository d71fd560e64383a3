"""ONNX in float32 -> ONNX whose weights are float16: half the size, and the sums stay in float32.

Sums in float16 are left out: docs/decisions/lower-precisions.md.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .errors import ExportError

LARGEST = float(np.finfo(np.float16).max)
# smaller ones take more room as a node of their own than they save
FEWEST_ELEMENTS = 64


def to_float16(content: bytes) -> tuple[bytes, list[str]]:
    """Stores weights as float16; a Cast, which runtimes fold away when they load the file, gives them back as float32.

    Parameters
    ----------
    content : a serialized model in float32

    Returns
    -------
    the model, and the names of weights that stay because float16 ends at 65504

    Raises
    ------
    ExportError
        `CAPTURE_FAILED` where no weight can be converted.
    """
    model = onnx.load_from_string(content)
    taken = {tensor.name for tensor in model.graph.initializer}
    casts, kept = [], []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        value = numpy_helper.to_array(tensor)
        if value.size < FEWEST_ELEMENTS:
            continue
        if np.abs(value[np.isfinite(value)]).max(initial=0.0) > LARGEST:
            kept.append(tensor.name)
            continue
        name, stored = tensor.name, f"{tensor.name}_float16"
        while stored in taken:
            stored += "_"
        tensor.CopyFrom(numpy_helper.from_array(value.astype(np.float16), stored))
        casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT, name=f"{stored}_to_float32"))
    if not casts:
        raise ExportError(
            "CAPTURE_FAILED",
            f"float16: expected weights of {FEWEST_ELEMENTS} elements and more, not over {LARGEST:g}, got none",
        )
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])
    return model.SerializeToString(deterministic=True), kept

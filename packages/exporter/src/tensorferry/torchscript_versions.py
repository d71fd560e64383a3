"""The oldest PyTorch that has every operator of a TorchScript file."""

from __future__ import annotations

from typing import Any

import torch

OLDEST = "1.13"
"""Found by comparing the operators that PyTorch 2.13 registers with those of 1.13.1, schema by schema."""
KNOWN_NAMESPACES = ("aten::", "prim::", "quantized::")
NEWER = frozenset(
    [
        "aten::_assert_scalar",
        "aten::_convert_weight_to_int4pack",
        "aten::_grouped_mm",
        "aten::_int_mm",
        "aten::_is_all_true",
        "aten::_is_any_true",
        "aten::_native_batch_norm_legit",
        "aten::_native_batch_norm_legit_no_training",
        "aten::_prelu_kernel",
        "aten::_print",
        "aten::_safe_softmax",
        "aten::_scaled_dot_product_efficient_attention",
        "aten::_scaled_dot_product_flash_attention",
        "aten::_scaled_dot_product_flash_attention_for_cpu",
        "aten::_scaled_mm",
        "aten::_unsafe_index",
        "aten::_unsafe_index_put",
        "aten::_unsafe_masked_index",
        "aten::_weight_int4pack_mm",
        "aten::_weight_int8pack_mm",
        "aten::addmm.dtype",
        "aten::all.dims",
        "aten::any.dims",
        "aten::baddbmm.dtype",
        "aten::bmm.dtype",
        "aten::broadcast_shapes",
        "aten::device.with_index",
        "aten::empty_permuted",
        "aten::hash_tensor",
        "aten::linalg__powsum",
        "aten::linspace.Scalar_Tensor",
        "aten::linspace.Tensor_Scalar",
        "aten::linspace.Tensor_Tensor",
        "aten::logspace.Scalar_Tensor",
        "aten::logspace.Tensor_Scalar",
        "aten::logspace.Tensor_Tensor",
        "aten::mm.dtype",
        "aten::nonzero_static",
        "aten::quantized_max_pool3d",
        "aten::rms_norm",
        "aten::rrelu_with_noise_functional",
        "aten::scaled_dot_product_attention",
        "aten::slice_inverse",
        "aten::squeeze.dims",
        "aten::squeeze_.dims",
        "aten::sym_constrain_range",
        "aten::sym_constrain_range_for_size",
        "prim::is_maia",
        "prim::is_mtia",
        "prim::is_xla",
        "prim::itemsize",
        "prim::nbytes",
        "quantized::conv2d_add",
        "quantized::conv2d_add_relu",
        "quantized::linear_leaky_relu",
        "quantized::linear_tanh",
    ]
)
"""Operators for inference that 1.13 lacks; without an overload, all of them."""


def operators(module: Any) -> set[str]:
    """`namespace::name.overload` of every operator that any method of a script module calls."""
    found: set[str] = set()
    for part in module.modules():
        for name in part._c._method_names():
            # blocks and nodes are only views: the graph must outlive them
            graph = part._c._get_method(name).inlined_graph
            blocks = [graph]
            while blocks:
                for node in blocks.pop().nodes():
                    blocks += node.blocks()
                    schema = node.schema()
                    if schema != "(no schema)":
                        found.add(schema.split("(", 1)[0])
    return found


def required_torch(module: Any) -> str:
    """`">=1.13"`, or this PyTorch's own version where an operator is newer than that or comes from elsewhere."""
    used = operators(module)
    newer = {name for name in used if name in NEWER or name.split(".")[0] in NEWER}
    foreign = {name for name in used if not name.startswith(KNOWN_NAMESPACES)}
    oldest = ".".join(torch.__version__.split(".")[:2]) if newer or foreign else OLDEST
    return f">={oldest}"

"""Weights of convolutions in oneDNN's own layout, for AOTInductor.

PyTorch's freezing packs them where every size is a number; where one is a symbol, such as the batch, oneDNN would
convert the weights again in each run.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import torch
from torch.fx import Graph
from torch.fx.experimental.symbolic_shapes import optimization_hint


def pack_convolutions(graph: Graph) -> None:
    """Packs the weights of a frozen graph's convolutions in place.

    For `post_grad_custom_pre_pass`: after freezing has made them oneDNN's and before activations are fused into them.
    A packed weight is right for every size: oneDNN converts it where it wants another layout.
    """
    module = graph.owning_module
    convolutions = graph.find_nodes(op="call_function", target=torch.ops.mkldnn._convolution_pointwise.default)
    for index, node in enumerate(convolutions):
        x, weight = node.args[:2]
        if weight.op != "get_attr" or (held := attrgetter(weight.target)(module)).is_mkldnn:
            continue
        name = f"packed_convolution_{index}"
        module.register_buffer(name, _pack(held, node.args[3:7], x.meta["val"].shape))
        with graph.inserting_before(node):
            packed = graph.get_attr(name)
        packed.meta.update(weight.meta)
        node.replace_input_with(weight, packed)
        if not weight.users:
            graph.erase_node(weight)


def _pack(weight: torch.Tensor, options: Any, sizes: torch.Size) -> torch.Tensor:
    """`options`: padding, stride, dilation, groups of the convolution; `sizes`: of what it takes."""
    likely = [optimization_hint(size) for size in sizes]
    return torch.ops.mkldnn._reorder_convolution_weight(weight.detach(), *options, likely)

"""Writes native/torchscript/operators.h: the operators that a TorchScript file may use without `trust`.

`--check` compares instead. Wants the torch that requirements.txt pins.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

HEADER = Path(__file__).parents[1] / "native" / "torchscript" / "operators.h"

# tensors in, tensors out, by what the namespace is for
NAMESPACES = ("aten", "quantized", "_quantized")

# what reaches beyond the values that a run is given
OUTSIDE = {
    # files
    "aten::from_file",
    "aten::save",
    # other processes and machines
    "aten::confirmed_by_owner",
    "aten::is_owner",
    "aten::local_value",
    "aten::owner",
    "aten::owner_name",
    "aten::to_here",
    # settings of the whole process
    "aten::_cufft_clear_plan_cache",
    "aten::_cufft_set_plan_cache_max_size",
    "aten::manual_seed",
    "aten::seed",
    "aten::set_num_threads",
    # addresses, and tensors whose parts are not checked against each other
    "aten::_nested_view_from_buffer",
    "aten::_nested_view_from_buffer_copy",
    "aten::data_ptr",
    "aten::_fill_mem_eff_dropout_mask_",
    # PyTorch's own debugging and tests
    "aten::_foobar",
    "aten::_print",
    "aten::_torch_cuda_cu_linker_symbol_op",
}
OUTSIDE_PREFIXES = ("aten::_test_", "aten::_autocast_", "aten::set_autocast", "aten::_get_tracing")
OUTSIDE_SUFFIXES = ("_tensor_unsafe",)

# of PyTorch 1.13, and gone since
GONE = """
aten::_flash_scaled_dot_product_attention aten::_native_decoder_only_multi_head_attention
aten::_nested_tensor_layer_norm aten::_scaled_dot_product_attention aten::_scaled_dot_product_attention_forward
aten::_symeig_helper aten::_transformer_decoder_only_layer_fwd aten::align_as aten::align_tensors aten::align_to
aten::diag_backward aten::prelu_backward aten::refine_names aten::rename aten::rename_ aten::symeig
"""

# the language itself: torch/csrc/jit/ir/ir.h, frontend/ir_emitter.cpp
LANGUAGE = """
BroadcastSizes CallFunction CallMethod Closure ConstantChunk Constant CreateObject DictConstruct Enter EnumName
EnumValue Exit GetAttr If IfThenElse ListConstruct ListUnpack LoadString Load Loop ModuleContainerIndex NumToTensor
Param Print RaiseException Return SetAttr Store StringIndex TupleConstruct TupleIndex TupleSlice TupleUnpack
Uninitialized abs add_optional annotate cpu data device dtype fork forkClosure grad hasattr id index is_cpu is_cuda
is_ipu is_maia is_meta is_mkldnn is_mps is_mtia is_nested is_ort is_quantized is_sparse is_sparse_csr is_vulkan
is_xla is_xpu isinstance itemsize layout max min name nbytes ops rangelist requires_grad shape tolist type
unchecked_cast unchecked_unwrap_optional
"""

# quantized weights as PyTorch packs them, registered by libtorch itself
CLASSES = """
quantized.Conv2dPackedParamsBase quantized.Conv3dPackedParamsBase quantized.EmbeddingPackedParamsBase
quantized.LinearPackedParamsBase rnn.CellParamsBase sparse.LinearPackedParamsBase
"""


def operators() -> list[str]:
    found = {schema.name for schema in torch._C._jit_get_all_schemas()} | set(GONE.split())
    tensors = {
        name
        for name in found
        if name.split("::")[0] in NAMESPACES
        and name not in OUTSIDE
        and not name.startswith(OUTSIDE_PREFIXES)
        and not name.endswith(OUTSIDE_SUFFIXES)
    }
    language = {f"prim::{name}" for name in LANGUAGE.split()}
    classes = {f"__torch__.torch.classes.{name}" for name in CLASSES.split()}
    return sorted(tensors | language | classes)


def header() -> str:
    names = "\n".join(f'    "{name}",' for name in operators())
    version = torch.__version__.split("+")[0]
    return f"""// Made by scripts/make_operators.py of PyTorch {version} and 1.13: what a TorchScript file may use
// without `trust`. Operators on the values that a run is given, the language itself, and packed quantized weights.
#pragma once

namespace tensorferry {{

inline constexpr const char* OPERATORS[] = {{
{names}
}};

}}  // namespace tensorferry
"""


def main() -> None:
    text = header()
    if "--check" not in sys.argv:
        HEADER.write_text(text)
    elif HEADER.read_text() != text:
        sys.exit(f"{HEADER.name} is not what this torch says; run {Path(__file__).name} and look at what changed")


main()

"""Writes every-dtype.safetensors with the safetensors library: one tensor of each dtype that core reads."""

from pathlib import Path

import torch
from safetensors.torch import save_file

values = [0, 1, 2, 100]
dtypes = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
]
tensors = {str(dtype).removeprefix("torch."): torch.tensor(values, dtype=dtype).reshape(2, 2) for dtype in dtypes}
tensors["bool"] = torch.tensor([True, False, True])
tensors["scalar"] = torch.tensor(7.5)
tensors["empty"] = torch.zeros(0, 3)
save_file(tensors, Path(__file__).parent / "every-dtype.safetensors", metadata={"made_by": "safetensors"})

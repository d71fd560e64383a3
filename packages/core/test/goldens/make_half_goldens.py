"""Writes half.json: hashes of PyTorch's float16 and bfloat16 rounding over a million float32 bit patterns.

The patterns are ``i * 2654435761 mod 2**32``: every exponent, both signs, subnormals, infinities and NaNs.
Run with ``--check`` to compare with the committed file instead of writing it.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import torch

COUNT = 1_000_000
PATH = Path(__file__).parent / "half.json"


def hashes() -> dict[str, object]:
    """Hash the raw bits of both roundings; NaNs are set to one pattern, as their payload is not specified."""
    bits = (np.arange(COUNT, dtype=np.uint64) * 2654435761 % 2**32).astype(np.uint32)
    values = torch.from_numpy(bits.view(np.float32).copy())
    result: dict[str, object] = {"count": COUNT, "torch": torch.__version__.split("+")[0]}
    for name, dtype, nan in (("float16", torch.float16, 0x7E00), ("bfloat16", torch.bfloat16, 0x7FC0)):
        rounded = values.to(dtype).view(torch.int16).numpy().view(np.uint16).copy()
        rounded[np.isnan(values.numpy())] = nan
        result[name] = hashlib.sha256(rounded.astype("<u2").tobytes()).hexdigest()
    return result


def main() -> int:
    text = json.dumps(hashes(), indent=2) + "\n"
    if "--check" in sys.argv:
        if PATH.read_text() == text:
            return 0
        print(f"{PATH.name} differs from what PyTorch gives now:\n{text}")
        return 1
    PATH.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

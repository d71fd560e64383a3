"""Pillow and PyTorch's arithmetic as torchvision puts it together: python python_side.py JSON.

A line {"calls": n} on stdin gives milliseconds of n runs; the first line on stdout is the sha256 of the tensor."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path

import torch
from PIL import Image

torch.set_num_threads(1)
asked = json.loads(sys.argv[1])
size = (asked["width"], asked["height"])
channels = 1 if asked["mode"] == "L" else 3
image = Image.frombytes(asked["mode"], size, Path(asked["file"]).read_bytes())
resampling = Image.Resampling[asked["interpolation"].upper()]
mean = torch.tensor([0.485, 0.456, 0.406][:channels]).view(-1, 1, 1)
std = torch.tensor([0.229, 0.224, 0.225][:channels]).view(-1, 1, 1)


def once() -> torch.Tensor:
    width, height = (256 * side // min(size) for side in size)
    left, top = round((width - 224) / 2), round((height - 224) / 2)
    resized = image.resize((width, height), resampling).crop((left, top, left + 224, top + 224))
    pixels = torch.frombuffer(bytearray(resized.tobytes()), dtype=torch.uint8).view(224, 224, channels)
    return (pixels.permute(2, 0, 1).contiguous().float().div(255) - mean) / std


print(json.dumps({"sha256": hashlib.sha256(once().contiguous().numpy().tobytes()).hexdigest()}), flush=True)
for line in sys.stdin:
    samples = []
    for _ in range(json.loads(line)["calls"]):
        start = time.perf_counter_ns()
        once()
        samples.append((time.perf_counter_ns() - start) / 1e6)
    print(json.dumps(samples), flush=True)

"""Writes FOLDER/inputs.json: each model's input, and its output's shape, for the side that is not Python."""

import json
import sys
from pathlib import Path

import torch

import models

DTYPES = {torch.float32: "float32", torch.int64: "int64"}

facts = {}
for name in models.MODELS:
    x = models.example(name)
    with torch.no_grad():
        y = models.build(name)(x)
    facts[name] = {
        "dtype": DTYPES[x.dtype],
        "shape": list(x.shape),
        "data": x.flatten().tolist(),
        "output": list(y.shape),
    }
(Path(sys.argv[1]) / "inputs.json").write_text(json.dumps(facts))

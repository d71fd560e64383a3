"""What PyTorch's tutorial on Flask does with a picture; its transforms are written by hand, without torchvision."""

import io
import os
import sys
from pathlib import Path

import numpy as np
import torch
from flask import Flask, jsonify, request
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2] / "libtorch"))

from models import build

torch.set_num_threads(int(os.environ["THREADS"]))
model = build("resnet18")
MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
STD = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
app = Flask(__name__)


def transform(content: bytes) -> torch.Tensor:
    """Resize(255), CenterCrop(224), ToTensor(), Normalize(): float32 [1, 3, 224, 224]."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    width, height = image.size
    short = min(width, height)
    image = image.resize((255 * width // short, 255 * height // short), Image.Resampling.BILINEAR)
    left, top = (image.width - 224) // 2, (image.height - 224) // 2
    image = image.crop((left, top, left + 224, top + 224))
    x = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().div(255)
    return ((x - MEAN) / STD).unsqueeze(0)


@app.post("/predict/resnet18")
def predict():
    content = request.files["file"].read()
    # The tutorial leaves no_grad out.
    with torch.set_grad_enabled(os.environ["GRADIENTS"] == "1"):
        _, best = model(transform(content)).max(1)
    return jsonify({"class_id": str(best.item()), "class_name": f"class {best.item()}"})

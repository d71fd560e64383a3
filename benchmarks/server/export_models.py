"""Bundles of this benchmark: a tiny MLP, an ESPCN whose JSON reply is large, a ResNet-18 with its pictures' steps.

python export_models.py FOLDER   (with photo.jpg in it)
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1] / "libtorch"))
sys.path.insert(0, str(Path(__file__).parents[2] / "packages" / "exporter" / "src"))

from models import build
from tensorferry import export_bundle


class Espcn(nn.Module):
    """Super-resolution by two. Shapes: float32 [1, 1, 64, 64] -> [1, 1, 128, 128]: 16,384 numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 4, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def main(folder: Path) -> None:
    torch.manual_seed(0)
    batch = {"x": {0: "batch[1:64]"}}
    # (module, size of an input, what the bundle has beside it)
    pictures = {
        "preprocess": [
            {
                "raw": "image",
                "steps": [
                    {"op": "decode_image", "mode": "RGB"},
                    {"op": "resize", "size": 255, "interpolation": "bilinear"},
                    {"op": "center_crop", "size": 224},
                    {"op": "to_tensor"},
                    {"op": "normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
                ],
                "to": ["x"],
            }
        ],
        "postprocess": [{"from": ["y"], "steps": [{"op": "softmax"}, {"op": "top_k", "k": 1}], "to": "labels"}],
        "labels": [f"class {index}" for index in range(1000)],
        "task": "image-classification",
        "raw_examples": {"photo": folder / "photo.jpg"},
        "formats": ["onnx", "torchscript", "aot-inductor"],
    }
    models = {
        "mlp": (build("mlp"), (10,), {}),
        "espcn": (Espcn(), (1, 64, 64), {}),
        "resnet18": (build("resnet18"), (3, 224, 224), pictures),
    }
    for name, (module, size, others) in models.items():
        examples = [(torch.rand(rows, *size),) for rows in (1, 2)]
        export_bundle(
            module.eval(), examples, folder / name, inputs=["x"], outputs=["y"], dynamic=batch, name=name, **others
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

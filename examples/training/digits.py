"""Trains the digits classifier and exports it as a bundle.

    pip install -r packages/exporter/requirements.txt -e packages/exporter
    python examples/training/digits.py              # train (about 2 minutes on one core), then export
    python examples/training/digits.py --export     # export the committed weights again

The data are scikit-learn's 1,797 digits: 8x8 counts (0 to 16) of the black pixels in 4x4 blocks of a 32x32 bitmap. A
bitmap shrunk with Pillow's box filter gives the same numbers, so the bundle takes pictures of any size. Training digits
are also redrawn at 32x32, moved, turned, scaled and made thicker or thinner, so that brush strokes on a canvas
work too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from safetensors.torch import load_file, save_file
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

from tensorferry import export_bundle

SEED = 7
HELD_OUT = 450
EPOCHS = 300
BATCH = 64
MEAN, STD = 0.3, 0.38  # of the training pixels, rounded

EXAMPLES = Path(__file__).resolve().parents[1]
WEIGHTS = Path(__file__).resolve().parent / "weights" / "digits.safetensors"


class Digits(nn.Module):
    """Shapes: float32 [batch, 1, 8, 8], normalised -> float32 [batch, 10], logits."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 24, 3, padding=1),
            nn.BatchNorm2d(24),
            nn.ReLU(),
            nn.Conv2d(24, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 48, 3, padding=1),
            nn.BatchNorm2d(48),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classify = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(192, 10))

    def forward(self, image: Tensor) -> Tensor:
        return self.classify(self.features(image))


def split() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(training counts [1347, 8, 8], labels, held-out counts [450, 8, 8], labels); the same split always."""
    digits = load_digits()
    # RandomState's stream is frozen by NumPy, default_rng's is not
    order = np.random.RandomState(0).permutation(len(digits.images))
    held, rest = order[:HELD_OUT], order[HELD_OUT:]
    counts = digits.images.astype(np.uint8)
    return counts[rest], digits.target[rest], counts[held], digits.target[held]


def to_pixels(counts: np.ndarray) -> np.ndarray:
    """Counts 0 to 16 as 8-bit gray, rounded as Pillow's box filter rounds a 4x4 block of 0 and 255."""
    return np.floor(counts * (255 / 16) + 0.5).astype(np.uint8)


def normalize(pixels: np.ndarray) -> Tensor:
    """uint8 [count, 8, 8] -> float32 [count, 1, 8, 8], as the bundle's to_tensor and normalize do."""
    scaled = torch.from_numpy(pixels).float().div(255)
    return scaled.sub(MEAN).div(STD)[:, None]


def redraw(counts: Tensor, generator: torch.Generator) -> Tensor:
    """Digits as somebody else might have drawn them.

    Parameters
    ----------
    counts : float32 [count, 8, 8], 0 to 1

    Returns
    -------
    float32 [count, 1, 8, 8], 0 to 1
    """
    count = len(counts)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count, generator=generator) * (high - low) + low

    large = functional.interpolate(counts[:, None], size=(32, 32), mode="bicubic", align_corners=False)
    angle = torch.deg2rad(uniform(-14, 14))
    width, height, shear = uniform(0.66, 1.2), uniform(0.66, 1.1), uniform(-0.15, 0.15)
    cos, sin = torch.cos(angle), torch.sin(angle)
    # the matrix maps the new picture's coordinates (-1 to 1) to the old one's
    rows = [
        torch.stack([cos / width, (shear - sin) / width, uniform(-0.17, 0.17)], 1),
        torch.stack([sin / height, cos / height, uniform(-0.17, 0.17)], 1),
    ]
    grid = functional.affine_grid(torch.stack(rows, 1), [count, 1, 32, 32], align_corners=False)
    moved = functional.grid_sample(large, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    # a low threshold draws thicker
    threshold, softness = uniform(0.15, 0.62)[:, None, None, None], uniform(0.03, 0.2)[:, None, None, None]
    drawn = ((moved - threshold) / softness + 0.5).clamp(0, 1)
    return functional.avg_pool2d(drawn, 4)


def train() -> Digits:
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    generator = torch.Generator().manual_seed(SEED)
    counts, labels, _, _ = split()
    plain, targets = normalize(to_pixels(counts)), torch.from_numpy(labels).long()
    smooth = torch.from_numpy(counts).float() / 16
    model = Digits()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    steps = EPOCHS * (len(targets) // BATCH + 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=6e-3, total_steps=steps)
    started = time.monotonic()
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for rows in torch.randperm(len(targets), generator=generator).split(BATCH):
            redrawn = (redraw(smooth[rows], generator).mul(255).round().div(255) - MEAN) / STD
            images, wanted = torch.cat([plain[rows], redrawn]), targets[rows].repeat(2)
            loss = functional.cross_entropy(model(images), wanted, label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
        seconds = time.monotonic() - started
        left = seconds / epoch * (EPOCHS - epoch)
        state = f"epoch {epoch}/{EPOCHS}  loss {total / len(targets):.4f}  {left:.0f} s left"
        print(f"\r{state}   ", end="", file=sys.stderr)
    print(file=sys.stderr)
    return model.eval()


def accuracy(model: nn.Module) -> float:
    """Share of the held-out digits that are named right, 0 to 1."""
    _, _, counts, labels = split()
    with torch.no_grad():
        named = model(normalize(to_pixels(counts))).argmax(1).numpy()
    return float((named == labels).mean())


# Centre lines of digits in a unit square, y down: an ellipse (cx, cy, rx, ry, from, to in degrees) or a polyline.
STROKES: dict[int, list] = {
    0: [(0.5, 0.5, 0.26, 0.4, 0, 360)],
    1: [[(0.36, 0.26), (0.53, 0.1), (0.53, 0.9)]],
    2: [(0.5, 0.32, 0.24, 0.22, 190, 390), [(0.7, 0.43), (0.26, 0.9), (0.78, 0.9)]],
    3: [(0.47, 0.3, 0.24, 0.2, 200, 450), (0.47, 0.7, 0.26, 0.2, -90, 160)],
    4: [[(0.42, 0.1), (0.24, 0.58), (0.78, 0.58)], [(0.62, 0.35), (0.58, 0.92)]],
    5: [[(0.74, 0.1), (0.34, 0.1), (0.3, 0.46)], (0.48, 0.66, 0.26, 0.24, -130, 150)],
    6: [[(0.62, 0.1), (0.4, 0.32), (0.28, 0.66)], (0.5, 0.69, 0.22, 0.21, 0, 360)],
    7: [[(0.24, 0.1), (0.76, 0.1), (0.44, 0.9)], [(0.32, 0.5), (0.7, 0.5)]],
    8: [(0.5, 0.3, 0.2, 0.2, 0, 360), (0.5, 0.7, 0.24, 0.2, 0, 360)],
    9: [(0.5, 0.31, 0.22, 0.21, 0, 360), [(0.72, 0.3), (0.68, 0.6), (0.56, 0.9)]],
}


def brush(digit: int, rng: np.random.Generator, size: int = 280) -> Image.Image:
    """A digit drawn with a round brush, white on black, a little different each time."""
    picture = Image.new("L", (size, size))
    draw = ImageDraw.Draw(picture)
    radius = rng.uniform(0.045, 0.075) * size
    angle, shear = np.deg2rad(rng.uniform(-10, 10)), rng.uniform(-0.12, 0.12)
    scale, shift = rng.uniform([0.75, 0.85], [1.1, 1.05]), rng.uniform(-0.05, 0.05, 2)
    for stroke in STROKES[digit]:
        if isinstance(stroke, tuple):
            cx, cy, rx, ry, start, end = stroke
            turn = np.deg2rad(np.linspace(start, end, 120))
            points = np.stack([cx + rx * np.cos(turn), cy + ry * np.sin(turn)], 1)
        else:
            points = np.concatenate([np.linspace(a, b, 60) for a, b in pairwise(stroke)])
        points = points - 0.5
        points[:, 0] += shear * points[:, 1]
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        for x, y in ((points @ rotation.T) * scale + shift + 0.5) * size:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return picture


def brush_accuracy(model: nn.Module, per_digit: int = 50) -> float:
    """Share of brush-drawn digits that are named right, 0 to 1. The network has seen none of them."""
    rng = np.random.default_rng(SEED)
    labels = np.repeat(np.arange(10), per_digit)
    pictures = [brush(int(digit), rng).resize((8, 8), Image.Resampling.BOX) for digit in labels]
    with torch.no_grad():
        named = model(normalize(np.stack([np.asarray(picture) for picture in pictures]))).argmax(1).numpy()
    return float((named == labels).mean())


def sample(counts: np.ndarray) -> Image.Image:
    """A held-out digit as a 32x32 picture that the box filter shrinks back to exactly the same 8x8 pixels."""
    return Image.fromarray(to_pixels(counts)).resize((32, 32), Image.Resampling.NEAREST)


def write_samples() -> None:
    """The first held-out digit of each class, for the demo."""
    folder = EXAMPLES / "digits" / "samples"
    folder.mkdir(parents=True, exist_ok=True)
    _, _, counts, labels = split()
    for digit in range(10):
        sample(counts[labels == digit][0]).save(folder / f"{digit}.png", optimize=True)


def export(model: nn.Module) -> None:
    _, _, counts, labels = split()
    images = normalize(to_pixels(counts))
    with tempfile.TemporaryDirectory() as folder:
        held_out, drawn = Path(folder) / "held-out.png", Path(folder) / "drawn.png"
        sample(counts[labels == 3][0]).save(held_out, optimize=True)
        # 100 is no multiple of 8: the box filter has to weigh edges
        brush(7, np.random.default_rng(SEED), size=100).save(drawn, optimize=True)
        report = export_bundle(
            model,
            examples=[(images[:1],), (images[1:6],)],
            out=EXAMPLES / "bundles" / "digits",
            inputs=["image"],
            outputs=["logits"],
            dynamic={"image": {0: "batch[1:1024]"}},
            preprocess=[
                {
                    "raw": "image",
                    "steps": [
                        {"op": "decode_image", "mode": "L"},
                        {"op": "resize", "size": [8, 8], "interpolation": "box", "reference": "pillow"},
                        {"op": "to_tensor"},
                        {"op": "normalize", "mean": [MEAN], "std": [STD]},
                    ],
                    "to": ["image"],
                }
            ],
            postprocess=[
                {"from": ["logits"], "steps": [{"op": "softmax"}, {"op": "top_k", "k": 3}], "to": "labels"},
            ],
            labels=[str(digit) for digit in range(10)],
            raw_examples={"held-out": held_out, "drawn": drawn},
            formats=["onnx", "torchscript", "aot-inductor"],
            name="digits",
            version="1.0.0",
            license="MIT",
            task="image-classification",
            docs={"image": "a white digit on black, normalised", "logits": "one score for each digit, before softmax"},
        )
    print(report)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train and export the digits bundle.")
    parser.add_argument("--export", action="store_true", help="skip training, export the saved weights")
    arguments = parser.parse_args()
    if not arguments.export:
        trained = train()
        WEIGHTS.parent.mkdir(exist_ok=True)
        save_file({name: value.contiguous() for name, value in trained.state_dict().items()}, WEIGHTS)
    model = Digits()
    model.load_state_dict(load_file(WEIGHTS))
    model.eval()
    print(f"held-out digits: {accuracy(model):.2%} of {HELD_OUT}, brush-drawn: {brush_accuracy(model):.1%} of 500")
    write_samples()
    export(model)


if __name__ == "__main__":
    main()

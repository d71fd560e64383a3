"""Trains the x3 super-resolution network on luma and exports it as a bundle.

    pip install -r packages/exporter/requirements.txt -e packages/exporter
    python examples/training/super_resolution.py              # train (about 4 minutes on one core), then export
    python examples/training/super_resolution.py --export     # export the committed weights again

The network is ESPCN (Shi et al., 2016, https://arxiv.org/abs/1609.05158): convolutions at the small size, then one
pixel shuffle. Beside them runs a single 5x5 convolution that starts out as bicubic interpolation, so the deep branch
only learns what bicubic misses. Colour is not its business: Cb and Cr are enlarged by bicubic interpolation, as in
PyTorch's ONNX Runtime tutorial.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import skimage.data
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from tensorferry import export_bundle

FACTOR = 3
SEED = 20240517
STEPS = 7000
BATCH = 16
PATCH = 24  # pixels of the small picture

# Licences as scikit-image states them: CC0; astronaut, hubble (NASA) and rocket (SpaceX) are in the public domain.
TRAINING_PHOTOS = ["astronaut", "brick", "camera", "coffee", "grass", "gravel", "hubble_deep_field", "retina", "rocket"]
HELD_OUT = "chelsea"

EXAMPLES = Path(__file__).resolve().parents[1]
WEIGHTS = Path(__file__).resolve().parent / "weights" / "super_resolution.safetensors"


def bicubic_kernels(a: float = -0.5) -> Tensor:
    """Keys' cubic interpolation by 3 as convolution kernels.

    Returns
    -------
    float32 [9, 1, 5, 5], one kernel for each of the 3x3 pixels that replace one pixel, in pixel-shuffle order.
    """

    def weight(distance: float) -> float:
        x = abs(distance)
        if x < 1:
            return (a + 2) * x**3 - (a + 3) * x**2 + 1
        return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0

    offsets = [(phase + 0.5) / FACTOR - 0.5 for phase in range(FACTOR)]
    rows = torch.tensor([[weight(tap - offset) for tap in range(-2, 3)] for offset in offsets], dtype=torch.float64)
    kernels = torch.einsum("iy,jx->ijyx", rows, rows).reshape(FACTOR**2, 1, 5, 5)
    return kernels.float()


class SuperResolution(nn.Module):
    """Enlarges luma three times.

    Shapes: float32 [batch, 1, height, width], 0 to 1 -> float32 [batch, 1, 3*height, 3*width], not clamped.
    """

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        self.pad = nn.ReplicationPad2d(2)
        self.linear = nn.Conv2d(1, FACTOR**2, 5, bias=False)
        self.linear.weight = nn.Parameter(bicubic_kernels())
        last = nn.Conv2d(channels, FACTOR**2, 3, padding=1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.deep = nn.Sequential(
            nn.Conv2d(1, channels, 5),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            last,
        )
        self.shuffle = nn.PixelShuffle(FACTOR)

    def forward(self, luma: Tensor) -> Tensor:
        padded = self.pad(luma)
        return self.shuffle(self.linear(padded) + self.deep(padded))


def luma(picture: Image.Image) -> np.ndarray:
    """Y of Pillow's YCbCr, uint8 [height, width]."""
    return np.asarray(picture.convert("RGB").convert("YCbCr").getchannel("Y"))


def load_photo(name: str) -> Image.Image:
    """A photo of scikit-image's wheel as RGB, cut so that both sides are multiples of 3 pixels."""
    picture = Image.fromarray(getattr(skimage.data, name)()).convert("RGB")
    width, height = (side // FACTOR * FACTOR for side in picture.size)
    return picture.crop((0, 0, width, height))


def shrink(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width // FACTOR, picture.height // FACTOR), Image.Resampling.BICUBIC)


def training_pairs() -> list[tuple[Tensor, Tensor]]:
    """(small, large) luma planes, float32 [height, width], of every photo at three sizes."""
    pairs = []
    for name in TRAINING_PHOTOS:
        original = load_photo(name)
        for scale in (1.0, 0.75, 0.5):
            width, height = (int(side * scale) // FACTOR * FACTOR for side in original.size)
            large = original if scale == 1 else original.resize((width, height), Image.Resampling.LANCZOS)
            planes = (torch.from_numpy(luma(image) / np.float32(255)) for image in (shrink(large), large))
            pairs.append(tuple(planes))
    return pairs


def sample_batch(
    pairs: list[tuple[Tensor, Tensor]], areas: np.ndarray, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Random patches, flipped and turned: float32 [BATCH, 1, PATCH, PATCH] and three times that."""
    small_patches, large_patches = [], []
    for index in rng.choice(len(pairs), BATCH, p=areas):
        small, large = pairs[index]
        top = int(rng.integers(0, small.shape[0] - PATCH + 1))
        left = int(rng.integers(0, small.shape[1] - PATCH + 1))
        size = PATCH * FACTOR
        a = small[top : top + PATCH, left : left + PATCH]
        b = large[top * FACTOR : top * FACTOR + size, left * FACTOR : left * FACTOR + size]
        turns, flip = int(rng.integers(4)), bool(rng.integers(2))
        a, b = torch.rot90(a, turns), torch.rot90(b, turns)
        if flip:
            a, b = a.flip(1), b.flip(1)
        small_patches.append(a)
        large_patches.append(b)
    return torch.stack(small_patches)[:, None], torch.stack(large_patches)[:, None]


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two uint8 planes, in dB."""
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return float(10 * np.log10(255**2 / error))


def enlarge_luma(model: nn.Module, small: np.ndarray) -> np.ndarray:
    """The network's answer as the bundle gives it: clamped and truncated to uint8 [3*height, 3*width]."""
    with torch.no_grad():
        output = model(torch.from_numpy(small / np.float32(255))[None, None])[0, 0].numpy()
    return np.uint8((output * np.float32(255)).clip(0, 255))


def evaluate(model: nn.Module) -> tuple[float, float]:
    """PSNR on the held-out photo's luma in dB: (Pillow's bicubic, network), no border cut off."""
    large = load_photo(HELD_OUT)
    small = luma(shrink(large))
    bicubic = np.asarray(Image.fromarray(small).resize(large.size, Image.Resampling.BICUBIC))
    return psnr(bicubic, luma(large)), psnr(enlarge_luma(model, small), luma(large))


def train(steps: int = STEPS) -> SuperResolution:
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    rng = np.random.default_rng(SEED)
    pairs = training_pairs()
    areas = np.array([small.numel() for small, _ in pairs], dtype=np.float64) ** 0.5
    areas /= areas.sum()
    model = SuperResolution()
    optimizer = torch.optim.Adam(model.parameters(), lr=1.5e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.5e-3, total_steps=steps, pct_start=0.05)
    started = time.monotonic()
    running = 0.0
    for step in range(1, steps + 1):
        small, large = sample_batch(pairs, areas, rng)
        loss = functional.mse_loss(model(small), large)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
        schedule.step()
        running = loss.item() if step == 1 else 0.99 * running + 0.01 * loss.item()
        if step % 100 == 0 or step == steps:
            seconds = time.monotonic() - started
            left = seconds / step * (steps - step)
            state = f"step {step}/{steps}  training PSNR {-10 * np.log10(running):.2f} dB  {left:.0f} s left"
            print(f"\r{state}   ", end="", file=sys.stderr)
    print(file=sys.stderr)
    return model.eval()


def write_demo_photos() -> None:
    """The held-out photo and its third, which the demo enlarges and compares."""
    folder = EXAMPLES / "super-resolution"
    folder.mkdir(exist_ok=True)
    original = load_photo(HELD_OUT)
    original.save(folder / "photo-original.png", optimize=True)
    shrink(original).save(folder / "photo.png", optimize=True)


def export(model: nn.Module) -> None:
    generator = torch.Generator().manual_seed(SEED)
    small = torch.from_numpy(luma(shrink(load_photo(HELD_OUT))) / np.float32(255))
    photo_part = small[None, None, 20:68, 40:104]
    noise = torch.rand(3, 1, 14, 17, generator=generator)
    with tempfile.TemporaryDirectory() as folder:
        # an eye and some fur: small enough for a golden case with all its stages
        picture = Path(folder) / "photo.png"
        shrink(load_photo(HELD_OUT)).crop((52, 26, 92, 56)).save(picture, optimize=True)
        report = export_bundle(
            model,
            examples=[(photo_part,), (noise,)],
            out=EXAMPLES / "bundles" / "super-resolution-x3",
            inputs=["input"],
            outputs=["output"],
            dynamic={"input": {0: "batch[1:64]", 2: "height[1:4096]", 3: "width[1:4096]"}},
            preprocess=[
                {
                    "raw": "image",
                    "steps": [
                        {"op": "decode_image", "mode": "RGB"},
                        {"op": "split_ycbcr", "keep": ["Cb", "Cr"]},
                        {"op": "to_tensor"},
                    ],
                    "to": ["input"],
                }
            ],
            postprocess=[
                {
                    "from": ["output"],
                    "steps": [
                        {"op": "clamp", "min": 0, "max": 1},
                        {"op": "merge_ycbcr", "upscale": "bicubic", "quantize": "truncate"},
                    ],
                    "to": "image",
                }
            ],
            raw_examples={"photo": picture},
            formats=["onnx", "torchscript", "aot-inductor"],
            name="super-resolution-x3",
            version="1.0.0",
            license="MIT",
            task="image-to-image",
            docs={"input": "luma (Y of YCbCr), 0 to 1", "output": "luma, about 0 to 1, not clamped"},
        )
    print(report)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train and export the x3 super-resolution bundle.")
    parser.add_argument("--export", action="store_true", help="skip training, export the saved weights")
    arguments = parser.parse_args()
    if not arguments.export:
        trained = train()
        WEIGHTS.parent.mkdir(exist_ok=True)
        save_file({name: value.contiguous() for name, value in trained.state_dict().items()}, WEIGHTS)
    model = SuperResolution()
    model.load_state_dict(load_file(WEIGHTS))
    model.eval()
    bicubic, network = evaluate(model)
    gain = network - bicubic
    print(f"{HELD_OUT}, luma PSNR: bicubic {bicubic:.2f} dB, network {network:.2f} dB, gain {gain:+.2f} dB")
    write_demo_photos()
    export(model)


if __name__ == "__main__":
    main()

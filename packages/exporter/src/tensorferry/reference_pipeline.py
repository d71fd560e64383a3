"""What each pipeline step means: real Pillow and PyTorch arithmetic, one small function a step.

An image is uint8 [height, width, channels], 0 to 255; a tensor is a torch tensor. Planes that `split_ycbcr` puts aside
travel in `context` until `merge_ycbcr` takes them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import PIL
import torch
from PIL import Image
from torch import Tensor

from .errors import ExportError

Context = dict[str, np.ndarray]
PASS_ORDER = "13" if int(PIL.__version__.split(".")[0]) >= 13 else "legacy"
FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
PLANES = ("Y", "Cb", "Cr")


def to_picture(image: np.ndarray) -> Image.Image:
    """uint8 [height, width, 1 or 3] -> Pillow's L or RGB."""
    return Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)


def from_picture(picture: Image.Image) -> np.ndarray:
    array = np.asarray(picture)
    return array[:, :, None].copy() if array.ndim == 2 else array.copy()


def decode_image(content: bytes, mode: str) -> np.ndarray:
    """PNG, JPEG or WebP bytes -> uint8 [height, width, 3 or 1 for L]; EXIF rotation and colour profiles are ignored."""
    with Image.open(io.BytesIO(content)) as picture:
        if picture.mode not in ("RGB", "L", "RGBA", "LA", "P", "1"):
            raise ExportError(
                "PIPELINE_INVALID",
                f"decode_image: a picture of mode {picture.mode} is not supported; give 8-bit gray or RGB",
            )
        return from_picture(picture.convert(mode))


def convert_image(image: np.ndarray, mode: str) -> np.ndarray:
    """RGB <-> L by Pillow's own weights (not the Y of YCbCr)."""
    return from_picture(to_picture(image).convert(mode))


def split_ycbcr(image: np.ndarray, keep: Sequence[str], context: Context) -> np.ndarray:
    """RGB -> the Y plane, uint8 [height, width, 1]; the planes in `keep` are put aside."""
    planes = to_picture(image).convert("YCbCr").split()
    for name in keep:
        context[name] = from_picture(planes[PLANES.index(name)])
    return from_picture(planes[0])


def resize(
    image: np.ndarray, size: int | Sequence[int], interpolation: str, reference: str, pillow_pass_order: str
) -> np.ndarray:
    """Pillow's `Image.resize`. `size`: [height, width], or the shorter edge, the longer one cut to whole pixels."""
    if reference != "pillow":
        raise ExportError("NOT_YET", f"resize: reference {reference!r} is not supported yet; use 'pillow'")
    if pillow_pass_order != PASS_ORDER:
        raise ExportError(
            "PIPELINE_INVALID",
            f"resize: pillow_pass_order is {pillow_pass_order!r}, but Pillow {PIL.__version__} is {PASS_ORDER!r}; "
            "leave it out to take the installed one's",
        )
    height, width = image.shape[:2]
    if isinstance(size, int):
        short, long = min(height, width), max(height, width)
        longer = int(size * long / short)
        size = (longer, size) if height > width else (size, longer)
    target = (size[1], size[0])
    return from_picture(to_picture(image).resize(target, FILTERS[interpolation]))


def center_crop(image: np.ndarray, size: int | Sequence[int], rounding: str) -> np.ndarray:
    """The middle of the image; an odd rest goes where torchvision (half to even) or transformers (floor) puts it."""
    crop_height, crop_width = (size, size) if isinstance(size, int) else size
    height, width = image.shape[:2]
    if crop_height > height or crop_width > width:
        raise ExportError(
            "PIPELINE_INVALID", f"center_crop: {crop_height}x{crop_width} does not fit into {height}x{width}"
        )
    if rounding == "torchvision":
        top, left = round((height - crop_height) / 2), round((width - crop_width) / 2)
    else:
        top, left = (height - crop_height) // 2, (width - crop_width) // 2
    return image[top : top + crop_height, left : left + crop_width].copy()


def to_tensor(image: np.ndarray) -> Tensor:
    """uint8 [height, width, channels] -> float32 [channels, height, width], divided by 255."""
    return torch.from_numpy(image).permute(2, 0, 1).contiguous().to(torch.float32).div(255)


def normalize(value: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """float32 [channels, height, width]: `(value - mean) / std`, each op rounded to float32."""
    shape = (-1, 1, 1)
    means = torch.tensor(mean, dtype=torch.float32).view(shape)
    deviations = torch.tensor(std, dtype=torch.float32).view(shape)
    return value.sub(means).div(deviations)


def clamp(value: Tensor, min: float, max: float) -> Tensor:
    return value.clamp(min, max)


def quantize_plane(value: Tensor, quantize: str) -> np.ndarray:
    """float32 0 to 1 -> uint8: cut off as the ONNX Runtime tutorial does, or rounded half to even."""
    scaled = value.numpy() * np.float32(255.0)
    if quantize == "round":
        scaled = scaled.round()
    return np.uint8(scaled.clip(0, 255))


def to_image(value: Tensor, quantize: str = "truncate") -> np.ndarray:
    """float32 [channels, height, width] or [1, channels, height, width], 0 to 1 -> uint8 [height, width, channels]."""
    return quantize_plane(first(value, 3), quantize).transpose(1, 2, 0).copy()


def merge_ycbcr(value: Tensor, upscale: str, quantize: str, context: Context) -> np.ndarray:
    """Luma float32 [1, 1, height, width], 0 to 1, with the planes put aside, enlarged to its size -> RGB image."""
    luma = Image.fromarray(quantize_plane(first(value, 3)[0], quantize))
    planes = [to_picture(context[name]).resize(luma.size, FILTERS[upscale]) for name in ("Cb", "Cr")]
    return from_picture(Image.merge("YCbCr", [luma, *planes]).convert("RGB"))


def softmax(value: Tensor, axis: int = -1) -> Tensor:
    return value.softmax(axis)


def top_k(value: Tensor, k: int) -> dict[str, np.ndarray]:
    """float32 [classes] or [1, classes] -> `indices` int64 [k] and `scores` float32 [k], best first, ties by index."""
    scores = first(value, 1)
    order = torch.argsort(scores, descending=True, stable=True)[:k]
    return {"indices": order.numpy().astype(np.int64), "scores": scores[order].numpy()}


def first(value: Tensor, rank: int) -> Tensor:
    """The value without its batch axis of 1."""
    if value.dim() == rank + 1 and value.shape[0] == 1:
        value = value[0]
    if value.dim() != rank:
        raise ExportError(
            "PIPELINE_INVALID", f"expected {rank} dimensions after a batch of one, got {list(value.shape)}"
        )
    return value


MODES = ("RGB", "L")
QUANTIZE = ("truncate", "round")
NEEDS_CONTEXT = ("split_ycbcr", "merge_ycbcr")
PREPROCESS: dict[str, Callable[..., Any]] = {
    "decode_image": decode_image,
    "convert_image": convert_image,
    "split_ycbcr": split_ycbcr,
    "resize": resize,
    "center_crop": center_crop,
    "to_tensor": to_tensor,
    "normalize": normalize,
}
POSTPROCESS: dict[str, Callable[..., Any]] = {
    "clamp": clamp,
    "to_image": to_image,
    "merge_ycbcr": merge_ycbcr,
    "softmax": softmax,
    "top_k": top_k,
}


def apply_step(table: Mapping[str, Callable[..., Any]], step: Mapping[str, Any], value: Any, context: Context) -> Any:
    """One step of a checked pipeline (see `pipeline.py`)."""
    options = {key: option for key, option in step.items() if key != "op"}
    if step["op"] in NEEDS_CONTEXT:
        options["context"] = context
    return table[step["op"]](value, **options)

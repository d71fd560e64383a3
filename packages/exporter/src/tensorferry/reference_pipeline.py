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
from .picture_file import MOST_PIXELS

Context = dict[str, np.ndarray]
PASS_ORDER = "13" if int(PIL.__version__.split(".")[0]) >= 13 else "legacy"
# these two alone swap the passes of very high pictures, which TypeScript's "legacy" does not
SWAPS_HIGH_PICTURES = PASS_ORDER == "legacy" and tuple(map(int, PIL.__version__.split(".")[:2])) >= (12, 2)
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
    if image.shape[2] != 3:
        raise ExportError("PIPELINE_INVALID", "split_ycbcr: expected an image of mode RGB, got L; decode it as RGB")
    planes = to_picture(image).convert("YCbCr").split()
    for name in keep:
        context[name] = from_picture(planes[PLANES.index(name)])
    return from_picture(planes[0])


def resize(
    image: np.ndarray, size: int | Sequence[int], interpolation: str, reference: str, pillow_pass_order: str
) -> np.ndarray:
    """Pillow's `Image.resize`. `size`: [height, width], or the shorter edge, the longer one cut to whole pixels."""
    require_pass_order("resize", pillow_pass_order)
    height, width = image.shape[:2]
    if isinstance(size, int):
        short, long = min(height, width), max(height, width)
        longer = int(size * long / short)
        size = (longer, size) if height > width else (size, longer)
    target = (size[1], size[0])
    if target[0] * target[1] > MOST_PIXELS:
        raise ExportError(
            "PIPELINE_INVALID",
            f"resize: {width} x {height} would become {target[0]} x {target[1]}, more than {MOST_PIXELS} pixels",
        )
    if SWAPS_HIGH_PICTURES and height > 100 * width and size[0] < height:
        raise ExportError(
            "PIPELINE_INVALID",
            f"resize: {width} x {height} is over 100 times as high as wide, which Pillow {PIL.__version__} shrinks "
            "like no other version; install Pillow 13 or give another picture",
        )
    return from_picture(to_picture(image).resize(target, FILTERS[interpolation]))


def require_pass_order(op: str, pillow_pass_order: str) -> None:
    """Only the installed Pillow's order can be a reference."""
    if pillow_pass_order != PASS_ORDER:
        raise ExportError(
            "PIPELINE_INVALID",
            f"{op}: pillow_pass_order is {pillow_pass_order!r}, but Pillow {PIL.__version__} is {PASS_ORDER!r}; "
            "leave it out to take the installed one's",
        )


def center_crop(image: np.ndarray, size: int | Sequence[int], rounding: str) -> np.ndarray:
    """The middle of the image, with zeros around one that is smaller.

    An odd rest goes where torchvision (half to even) or transformers (floor) puts it; torchvision pads the smaller half
    before the image, transformers the larger one.
    """

    def start(length: int, crop: int) -> int:
        if rounding == "transformers":
            return (length - crop) // 2
        return -((crop - length) // 2) if crop > length else round((length - crop) / 2)

    crop_height, crop_width = (size, size) if isinstance(size, int) else size
    height, width, channels = image.shape
    top, left = start(height, crop_height), start(width, crop_width)
    kept = image[max(top, 0) : top + crop_height, max(left, 0) : left + crop_width]
    cropped = np.zeros((crop_height, crop_width, channels), np.uint8)
    first_row, first_column = max(-top, 0), max(-left, 0)
    cropped[first_row : first_row + kept.shape[0], first_column : first_column + kept.shape[1]] = kept
    return cropped


def to_tensor(image: np.ndarray) -> Tensor:
    """uint8 [height, width, channels] -> float32 [channels, height, width], divided by 255."""
    return torch.from_numpy(image).permute(2, 0, 1).contiguous().to(torch.float32).div(255)


def to_uint8(image: np.ndarray, layout: str = "chw") -> Tensor:
    """uint8 [height, width, channels] -> the same as [channels, height, width] (`chw`) or as it is (`hwc`)."""
    value = torch.from_numpy(image)
    return value.clone() if layout == "hwc" else value.permute(2, 0, 1).contiguous()


def normalize(value: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """float32 [channels, height, width]: `(value - mean) / std`, each op rounded to float32; one of each a channel."""
    channels = value.shape[-3]
    if {len(mean), len(std)} != {channels}:
        raise ExportError(
            "PIPELINE_INVALID",
            f"normalize: expected {channels} means and {channels} stds, one a channel, got {list(mean)} and "
            f"{list(std)}; write a value out for each channel",
        )
    shape = (-1, 1, 1)
    means = torch.tensor(mean, dtype=torch.float32).view(shape)
    deviations = torch.tensor(std, dtype=torch.float32).view(shape)
    return value.sub(means).div(deviations)


def clamp(value: Tensor, min: float, max: float) -> Tensor:
    return value.clamp(min, max)


def quantize_plane(value: Tensor, quantize: str) -> np.ndarray:
    """float32 0 to 1 -> uint8: cut off as the ONNX Runtime tutorial does, or rounded half to even; NaN becomes 0."""
    scaled = value.numpy() * np.float32(255.0)
    if quantize == "round":
        scaled = scaled.round()
    return np.uint8(np.nan_to_num(scaled.clip(0, 255)))


def to_image(value: Tensor, quantize: str = "truncate") -> np.ndarray:
    """float32 [channels, height, width] or [1, channels, height, width], 0 to 1 -> uint8 [height, width, channels]."""
    value = first("to_image", value, 3)
    if value.shape[0] not in (1, 3, 4):
        raise ExportError(
            "PIPELINE_INVALID", f"to_image: expected 1, 3 or 4 channels, height and width, got {list(value.shape)}"
        )
    return quantize_plane(value, quantize).transpose(1, 2, 0).copy()


def merge_ycbcr(
    value: Tensor, upscale: str, quantize: str, context: Context, pillow_pass_order: str = "13"
) -> np.ndarray:
    """Luma float32 [1, 1, height, width], 0 to 1, with the planes put aside, resized to its size -> RGB image."""
    require_pass_order("merge_ycbcr", pillow_pass_order)
    luma = Image.fromarray(quantize_plane(first("merge_ycbcr", value, 2), quantize))
    planes = [to_picture(context[name]).resize(luma.size, FILTERS[upscale]) for name in ("Cb", "Cr")]
    return from_picture(Image.merge("YCbCr", [luma, *planes]).convert("RGB"))


def softmax(value: Tensor, axis: int = -1) -> Tensor:
    return value.softmax(axis)


def top_k(value: Tensor, k: int) -> dict[str, np.ndarray]:
    """float32 [classes] or [1, classes] -> `indices` int64 [k] and `scores` float32 [k], best first, ties by index."""
    scores = first("top_k", value, 1)
    order = torch.argsort(scores, descending=True, stable=True)[:k]
    return {"indices": order.numpy().astype(np.int64), "scores": scores[order].numpy()}


def first(op: str, value: Tensor, rank: int) -> Tensor:
    """The value without its leading axes of 1."""
    shape = list(value.shape)
    if len(shape) < rank or any(size != 1 for size in shape[: len(shape) - rank]):
        raise ExportError(
            "PIPELINE_INVALID",
            f"{op}: expected one result of {rank} dimensions (leading ones of size 1 are dropped), got {shape}",
        )
    return value.reshape(shape[len(shape) - rank :])


MODES = ("RGB", "L")
LAYOUTS = ("chw", "hwc")
QUANTIZE = ("truncate", "round")
NEEDS_CONTEXT = ("split_ycbcr", "merge_ycbcr")
# op -> what it takes and gives
KINDS = {
    "decode_image": ("file", "image"),
    "convert_image": ("image", "image"),
    "split_ycbcr": ("image", "image"),
    "resize": ("image", "image"),
    "center_crop": ("image", "image"),
    "to_tensor": ("image", "tensor"),
    "normalize": ("tensor", "tensor"),
    "to_uint8": ("image", "uint8 tensor"),
    "clamp": ("tensor", "tensor"),
    "to_image": ("tensor", "image"),
    "merge_ycbcr": ("tensor", "image"),
    "softmax": ("tensor", "tensor"),
    "top_k": ("tensor", "labels"),
}
PREPROCESS: dict[str, Callable[..., Any]] = {
    "decode_image": decode_image,
    "convert_image": convert_image,
    "split_ycbcr": split_ycbcr,
    "resize": resize,
    "center_crop": center_crop,
    "to_tensor": to_tensor,
    "normalize": normalize,
    "to_uint8": to_uint8,
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

"""What each reference gives for the cases. Each function runs in a process of its own, with its version of Pillow."""

import ast
import base64
import io
import math
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
from pipeline_cases import (
    INTERPOLATIONS,
    center_crop_cases,
    clamp_cases,
    convert_cases,
    decode_cases,
    merge_cases,
    normalize_cases,
    rare_cases,
    resize_cases,
    resize_rule_cases,
    softmax_cases,
    split_cases,
    tensor_cases,
    to_image_cases,
    to_uint8_cases,
    top_k_cases,
)
from pipeline_files import read_container
from pipeline_pictures import CHANNELS, digest, floats, picture

CACHE = Path(__file__).resolve().parents[4] / ".cache"
TORCHVISION = "0.28.0"
TRANSFORMERS = "4.57.6"


def quantized(values, quantize):
    """uint8 of 0..1 values as the super-resolution tutorial (truncate) or numpy's round (half to even) gives them."""
    with np.errstate(invalid="ignore"):
        scaled = values * np.float32(255.0)
        if quantize == "round":
            scaled = scaled.round()
        return np.uint8(scaled.clip(0, 255))


def pillow_worker(folder):
    from PIL import Image

    filters = {name: getattr(Image.Resampling, name.upper()) for name in INTERPOLATIONS}

    def image_of(kind, seed, height, width, mode):
        pixels = picture(kind, seed, height, width, CHANNELS[mode])
        return Image.frombytes(mode, (width, height), pixels.tobytes())

    def merge(kind, seed, height, width, values, out_height, out_width, upscale, quantize):
        luma = quantized(floats(values, seed, out_height * out_width), quantize)
        y = Image.frombytes("L", (out_width, out_height), luma.tobytes())
        chroma = picture(kind, seed, height, width, 2)
        cb, cr = (
            Image.frombytes("L", (width, height), plane.tobytes()).resize(y.size, filters[upscale])
            for plane in (chroma[:, :, 0].copy(), chroma[:, :, 1].copy())
        )
        return Image.merge("YCbCr", [y, cb, cr]).convert("RGB").tobytes()

    # Pillow advises RGBA for palettes with alpha; convert("RGB") is what image loaders do.
    warnings.filterwarnings("ignore", message="Palette images with Transparency")

    def decode(data, mode):
        with Image.open(io.BytesIO(data)) as image:
            converted = image.convert(mode)
        return digest(str(list(converted.size)).encode(), converted.tobytes())

    results = {
        "resize": [
            digest(image_of(*row[:5]).resize((row[6], row[5]), filters[row[7]]).tobytes()) for row in resize_cases()
        ],
        "convert_image": [digest(image_of(*row[:5]).convert(row[5]).tobytes()) for row in convert_cases()],
        "split_ycbcr": [
            digest(*(band.tobytes() for band in image_of(*row, "RGB").convert("YCbCr").split()))
            for row in split_cases()
        ],
        "merge_ycbcr": [digest(merge(*row)) for row in merge_cases()],
        "all_colors": all_colors(Image),
        "versions": Image.__version__,
    }
    folder = Path(folder)
    files = zip(decode_cases(), read_container(folder / "decode.bin"), strict=True)
    results["decode_image"] = [decode(data, row[5]) for row, data in files]
    rare = zip(rare_cases(), read_container(folder / "decode_rare.bin"), strict=True)
    results["decode_rare"] = [decode(data, row[5]) for row, data in rare]
    results["photo"] = {
        name: [decode((folder / name).read_bytes(), mode) for mode in ("RGB", "L")]
        for name in ("photo.jpg", "photo.png", "photo.webp")
    }
    return results


def all_colors(image_class):
    """Return digests over every 5th of the 2**24 colours: each level of each channel is among them."""
    codes = np.arange(0, 1 << 24, 5, dtype=np.uint32)
    pixels = np.stack([codes & 255, (codes >> 8) & 255, codes >> 16], axis=1).astype(np.uint8)
    size = (len(codes), 1)
    rgb = image_class.frombytes("RGB", size, pixels.tobytes())
    ycc = image_class.frombytes("YCbCr", size, pixels.tobytes())
    return {
        "luma": digest(rgb.convert("L").tobytes()),
        "to_ycbcr": digest(rgb.convert("YCbCr").tobytes()),
        "to_rgb": digest(ycc.convert("RGB").tobytes()),
    }


def transformers_center_crop():
    """Return transformers' own center_crop for channel-first arrays, without importing the package's dependencies."""
    (wheel,) = (CACHE / "transformers").glob(f"transformers-{TRANSFORMERS}-*.whl")
    source = zipfile.ZipFile(wheel).read("transformers/image_transforms.py").decode()
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "center_crop"]
    tree.body[0].returns = None
    for argument in tree.body[0].args.args:
        argument.annotation = None
    from collections.abc import Iterable

    class ChannelDimension:
        FIRST = "channels_first"

    names = {
        "np": np, "ceil": math.ceil, "Iterable": Iterable, "ChannelDimension": ChannelDimension,
        "infer_channel_dimension_format": lambda image: ChannelDimension.FIRST,
        "to_channel_dimension_format": lambda image, *_: image,
        "get_image_size": lambda image, _: image.shape[-2:],
        "requires_backends": lambda *_: None,
    }  # fmt: skip
    exec(compile(tree, "image_transforms.py", "exec"), names)
    return names["center_crop"]


def torch_worker():
    import torch

    torch.set_num_threads(1)
    # torchvision's compiled part wants the other build of torch; its Python transforms do not need it.
    torch.library.register_fake = lambda *_, **__: lambda function: function
    sys.path.append(str(CACHE / "torchvision"))
    import torchvision
    from PIL import Image
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms import functional as transforms

    assert torchvision.__version__.split("+")[0] == TORCHVISION
    hf_center_crop = transformers_center_crop()

    def image_of(kind, seed, height, width, mode):
        pixels = picture(kind, seed, height, width, CHANNELS[mode])
        return Image.frombytes(mode, (width, height), pixels.tobytes())

    def rule(row):
        resized = transforms.resize(image_of(*row[:5]), row[5], InterpolationMode(row[6]))
        return digest(str(list(resized.size)).encode(), resized.tobytes())

    def crop(row):
        if row[6] == "torchvision":
            return digest(transforms.center_crop(image_of(*row[:5]), row[5]).tobytes())
        pixels = picture(*row[:4], CHANNELS[row[4]]).transpose(2, 0, 1)
        size = row[5] if isinstance(row[5], list) else [row[5], row[5]]
        return digest(hf_center_crop(pixels, size).transpose(1, 2, 0))

    def normalize(row):
        values, seed, height, width, channels, mean, std = row
        if values == "pixels":
            image = image_of("noise", seed, height, width, "RGB" if channels == 3 else "L")
            tensor = transforms.to_tensor(image)
        else:
            count = channels * height * width
            tensor = torch.from_numpy(floats(values, seed, count).reshape(channels, height, width))
        return digest(transforms.normalize(tensor, mean, std).numpy())

    def clamp(values, seed, count, low, high):
        # NaN has many bit patterns; torch and JavaScript agree on which elements are NaN.
        result = torch.from_numpy(floats(values, seed, count)).clamp(low, high).numpy()
        return digest(np.where(np.isnan(result), np.float32(7), result))

    def softmax(values, seed, shape, axis):
        source = torch.from_numpy(floats(values, seed, int(np.prod(shape))).reshape(shape))
        return base64.b64encode(source.softmax(axis).numpy().tobytes()).decode()

    def top_k(values, seed, classes, k):
        order = torch.from_numpy(floats(values, seed, classes)).sort(descending=True, stable=True).indices
        return order[:k].tolist()

    def to_image(values, seed, height, width, channels, quantize):
        planes = quantized(floats(values, seed, channels * height * width), quantize)
        return digest(planes.reshape(channels, height, width).transpose(1, 2, 0))

    def to_uint8(*row):
        image = image_of(*row[:5])
        value = np.asarray(image) if row[5] == "hwc" else transforms.pil_to_tensor(image).numpy()
        return digest(np.ascontiguousarray(value))

    return {
        "resize_rule": [rule(row) for row in resize_rule_cases()],
        "center_crop": [crop(row) for row in center_crop_cases()],
        "to_tensor": [digest(transforms.to_tensor(image_of(*row)).numpy()) for row in tensor_cases()],
        "normalize": [normalize(row) for row in normalize_cases()],
        "clamp": [clamp(*row) for row in clamp_cases()],
        "to_image": [to_image(*row) for row in to_image_cases()],
        "to_uint8": [to_uint8(*row) for row in to_uint8_cases()],
        "softmax": [softmax(*row) for row in softmax_cases()],
        "top_k": [top_k(*row) for row in top_k_cases()],
        "versions": f"torch {torch.__version__.split('+')[0]}, torchvision {TORCHVISION}, transformers {TRANSFORMERS}",
    }

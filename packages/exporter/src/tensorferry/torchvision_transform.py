"""A torchvision transform as pipeline steps, read by the names of its classes and attributes: nothing is imported.

What it does to a PIL picture is what counts: there `Resize` is Pillow's. On a tensor it would be torch's own, which no
step does yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import torch

from .errors import ExportError

Step = dict[str, Any]
# by InterpolationMode's values; for a picture both kinds of nearest are Pillow's
FILTERS = ("nearest", "bilinear", "bicubic", "box", "hamming", "lanczos")
# what leaves a picture's numbers as they are
NOTHING = ("Identity", "ToPureTensor", "ToPILImage")
CONTAINERS = ("Compose", "Sequential", "ModuleList")


def is_transform(value: object) -> bool:
    """Something that is called with a picture, in place of a list of entries."""
    return callable(value) and not isinstance(value, (str, bytes, Mapping, list, tuple))


def read_transform(transform: object, channels: int | None = None, notes: list[str] | None = None) -> list[Step]:
    """The steps from a picture's file to the model's input.

    Parameters
    ----------
    transform : of `torchvision.transforms` or `.v2`: a Compose, one of its parts, or what `weights.transforms()` gives
    channels : of the model's input; 1 decodes to gray where the transform itself does not
    notes : gets what is not equal to the last bit

    Raises
    ------
    ExportError
        `PIPELINE_INVALID` naming the part that no step does exactly.
    """
    reader = _Reader()
    for where, part in _parts(transform, "preprocess"):
        reader.read(where, part)
    if notes is not None:
        notes += reader.notes
    is_gray = channels == 1 and not reader.is_gray
    return [{"op": "decode_image", "mode": "L" if is_gray else "RGB"}, *reader.finished()]


def _parts(transform: object, where: str) -> Iterable[tuple[str, object]]:
    """Every transform inside, with where it stands."""
    name = type(transform).__name__
    inner = getattr(transform, "transforms", None)
    if inner is None and name in CONTAINERS and isinstance(transform, Iterable):
        inner = list(transform)
    if inner is None:
        yield where, transform
        return
    for index, part in enumerate(inner):
        yield from _parts(part, f"{where}.transforms[{index}]")


class _Reader:
    """Follows the picture from PIL to uint8 tensor to float32."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.kind = "picture"
        """Then `uint8`, then `float32`."""
        self.is_gray = False
        self.notes: list[str] = []

    def read(self, where: str, part: Any) -> None:
        name = type(part).__name__
        self.where = f"{where} ({name})"
        if name in NOTHING and (name != "ToPILImage" or self.kind == "picture"):
            return
        if name.startswith(("Random", "AutoAugment", "TrivialAugment", "AugMix", "ColorJitter", "GaussianNoise")):
            self._refuse("it is random, for training; give the transform of the evaluation")
        method: Callable[[Any], None] | None = getattr(self, f"_{name}", None)
        if method is None:
            self._refuse(
                "no step does that; write the steps out: preprocess=[{'raw': 'image', 'to': […], 'steps': […]}]"
            )
        method(part)

    def finished(self) -> list[Step]:
        if self.kind == "picture":
            self._refuse("the transform ends in a picture; add ToTensor() or PILToTensor() at its end")
        if self.kind == "uint8":
            self.steps.append({"op": "to_uint8", "layout": "chw"})
        return self.steps

    def _refuse(self, reason: str) -> NoReturn:
        raise ExportError("PIPELINE_INVALID", f"{self.where}: {reason}")

    def _require_picture(self) -> None:
        if self.kind != "picture":
            self._refuse(
                "on a tensor it is torch's own arithmetic, not Pillow's, and no step does that yet; put it before the "
                "conversion to a tensor, as far as the model was trained so"
            )

    def _resize(self, size: Any, interpolation: Any, max_size: Any = None) -> None:
        self._require_picture()
        if max_size is not None:
            self._refuse(f"max_size={max_size}: resize has none")
        mode = str(getattr(interpolation, "value", interpolation)).removesuffix("-exact")
        if mode not in FILTERS:
            self._refuse(f"interpolation {mode!r} is none of {', '.join(FILTERS)}")
        self.steps.append({"op": "resize", "size": self._size(size, edge=True), "interpolation": mode})

    def _size(self, size: Any, edge: bool = False) -> int | list[int]:
        sizes = [size] if isinstance(size, int) else list(size or ())
        if len(sizes) not in (1, 2) or not all(isinstance(one, int) for one in sizes):
            self._refuse(f"size {size!r}: expected a number of pixels, or height and width")
        # one number is the shorter edge of a resize, and both edges of a crop
        return sizes if len(sizes) == 2 else sizes[0] if edge else [sizes[0], sizes[0]]

    def _crop(self, size: Any) -> None:
        if self.kind == "float32" and any(step["op"] == "normalize" for step in self.steps):
            self._refuse("behind normalize the border of a small picture is no black; put it before")
        steps = [step for step in self.steps if step["op"] != "to_tensor"]
        crop = {"op": "center_crop", "size": self._size(size), "rounding": "torchvision"}
        self.steps = [*steps, crop, *(step for step in self.steps if step["op"] == "to_tensor")]

    def _to_float(self) -> None:
        if self.kind != "float32":
            self.steps.append({"op": "to_tensor"})
        self.kind = "float32"

    def _convert(self, dtype: Any, scale: bool, is_v2: bool) -> None:
        if self.kind == "picture":
            self._refuse("it leaves a PIL picture as it is; put ToImage() or PILToTensor() before it")
        if dtype == torch.uint8 and self.kind == "uint8":
            return
        if dtype != torch.float32:
            self._refuse(f"dtype {dtype}: steps give float32 or uint8")
        if not scale and self.kind == "uint8":
            self._refuse("float32 of 0 to 255: steps scale to 0 to 1 (scale=True), or leave uint8 to the model")
        if is_v2 and self.kind == "uint8":
            self.notes.append(
                f"{self.where}: torchvision multiplies by 1/255 there and to_tensor divides by 255, as ToTensor does: "
                "at most 6e-8 apart"
            )
        self._to_float()

    def _normalize(self, mean: Any, std: Any) -> None:
        if self.kind != "float32":
            self._refuse("it takes floats; put ToTensor(), or ToDtype(torch.float32, scale=True), before it")
        self.steps.append({"op": "normalize", "mean": _numbers(mean), "std": _numbers(std)})

    def _ImageClassification(self, part: Any) -> None:
        self._resize(part.resize_size, part.interpolation)
        self._crop(part.crop_size)
        self._to_float()
        self._normalize(part.mean, part.std)

    def _Resize(self, part: Any) -> None:
        self._resize(part.size, part.interpolation, part.max_size)

    def _CenterCrop(self, part: Any) -> None:
        self._crop(part.size)

    def _ToTensor(self, part: Any) -> None:
        self._to_float()

    def _PILToTensor(self, part: Any) -> None:
        self.kind = "uint8" if self.kind == "picture" else self.kind

    _ToImage = _PILToTensor

    def _ConvertImageDtype(self, part: Any) -> None:
        self._convert(part.dtype, True, ".v2." in type(part).__module__)

    def _ToDtype(self, part: Any) -> None:
        if isinstance(part.dtype, Mapping):
            self._refuse("a dtype for each kind of input; give the one of pictures: ToDtype(torch.float32, scale=True)")
        self._convert(part.dtype, bool(part.scale), True)

    def _Normalize(self, part: Any) -> None:
        self._normalize(part.mean, part.std)

    def _Grayscale(self, part: Any) -> None:
        self._require_picture()
        self.is_gray = True
        self.steps.append({"op": "convert_image", "mode": "L"})
        if part.num_output_channels == 3:
            self.steps.append({"op": "convert_image", "mode": "RGB"})

    def _RGB(self, part: Any) -> None:
        self._require_picture()


def _numbers(values: Any) -> list[float]:
    return [float(value) for value in values] if isinstance(values, Iterable) else [float(values)]


def with_transforms(preprocess: Any, inputs: list[str], shapes: Mapping[str, tuple[int, ...]], notes: list[str]) -> Any:
    """`preprocess` with a transform's steps in the transform's place: of the whole argument, or of an entry's `steps`.

    Parameters
    ----------
    shapes : of the inputs in the first example
    notes : gets what is not equal to the last bit

    Raises
    ------
    ExportError
        `PIPELINE_INVALID`.
    """

    def steps_for(transform: object, name: object) -> list[Step]:
        shape = shapes.get(name, ()) if isinstance(name, str) else ()
        return read_transform(transform, shape[-3] if len(shape) >= 3 else None, notes)

    if is_transform(preprocess):
        pictures = [name for name in inputs if len(shapes[name]) in (3, 4)]
        if len(inputs) == 1 or len(pictures) == 1:
            name = pictures[0] if pictures else inputs[0]
            return [{"raw": "image", "to": [name], "steps": steps_for(preprocess, name)}]
        raise ExportError(
            "PIPELINE_INVALID",
            f"preprocess: which of {', '.join(inputs)} is the picture's? Give a list of an entry: "
            f"{{'raw': 'image', 'to': ['{inputs[0]}'], 'steps': transform}}",
        )
    entries = []
    for entry in preprocess:
        if isinstance(entry, Mapping) and is_transform(entry.get("steps")):
            to = entry.get("to")
            name = to[0] if isinstance(to, (list, tuple)) and len(to) == 1 else to
            entry = {**entry, "steps": steps_for(entry["steps"], name)}
        entries.append(entry)
    return entries

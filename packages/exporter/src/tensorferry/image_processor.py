"""A Hugging Face `preprocessor_config.json` as pipeline steps, where core's steps do exactly what it says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NoReturn

from .errors import ExportError

# type without its suffix -> whether a bare number in `size` is a square; what else differs is said below
PROCESSORS = {
    "ViT": True,
    "DeiT": True,
    "Siglip": True,
    "CLIP": False,
    "Bit": False,
    "ConvNext": False,
}
CROPPING = ("DeiT", "CLIP", "Bit")
SUFFIXES = ("ImageProcessor", "FeatureExtractor", "ImageProcessorPil")
# what a folder does not say: the same name is another class since transformers 5
PILLOW_NOTE = (
    "the steps resize as {name} of transformers 4 does, with Pillow. transformers 5 gives that name to a class that "
    "resizes with torchvision where that is installed: pixels are up to a level apart there, and no step does that. "
    "{name}Pil of transformers 5 is Pillow's"
)
# by Pillow's own numbers
FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
READ = (
    "do_resize",
    "size",
    "resample",
    "do_center_crop",
    "crop_size",
    "crop_pct",
    "do_rescale",
    "rescale_factor",
    "do_normalize",
    "image_mean",
    "image_std",
    "do_convert_rgb",
)
# what changes no number of a picture's tensor
SILENT = (
    "image_processor_type",
    "feature_extractor_type",
    "processor_class",
    "_processor_class",
    "_valid_processor_keys",
    "default_to_square",
    "return_tensors",
    "device",
    "disable_grouping",
    "name_or_path",
    "num_labels",
    "patch_size",
)
# ConvNext crops what is smaller than this only
CONVNEXT_WHOLE = 384

Step = dict[str, Any]


def read_image_processor(config: Mapping[str, Any]) -> list[Step]:
    """The steps from the picture's file to the model's input.

    Raises
    ------
    ExportError
        `PIPELINE_INVALID` naming the key that no step says exactly.
    """
    name = config.get("image_processor_type") or config.get("feature_extractor_type") or ""
    kind = _kind(name, config)
    for key, value in config.items():
        if key not in READ and key not in SILENT and value not in (None, False, "", [], {}):
            if (key, value) in (("data_format", "channels_first"), ("use_fast", False)):
                continue
            _refuse(key, value, "no step does that")
    steps: list[Step] = [{"op": "decode_image", "mode": "RGB"}]
    if _need(config, "do_resize"):
        steps += _resize(config, kind)
    if _crops(config, kind):
        steps.append({"op": "center_crop", "size": _edges(config, "crop_size"), "rounding": "transformers"})
    if not config.get("do_rescale", True):
        _refuse("do_rescale", False, "to_tensor divides by 255")
    factor = config.get("rescale_factor")
    if factor is not None and not math.isclose(factor, 1 / 255, rel_tol=1e-6):
        _refuse("rescale_factor", factor, "to_tensor divides by 255")
    steps.append({"op": "to_tensor"})
    if _need(config, "do_normalize"):
        steps.append(
            {"op": "normalize", "mean": _channels(config, "image_mean"), "std": _channels(config, "image_std")}
        )
    return steps


def pillow_note(config: Mapping[str, Any]) -> str | None:
    """Whose resizing the steps are, where the folder's processor has one by another library too."""
    name = str(config.get("image_processor_type") or config.get("feature_extractor_type") or "")
    if not config.get("do_resize") or name.endswith("Pil"):
        return None
    return PILLOW_NOTE.format(name=name.replace("FeatureExtractor", "ImageProcessor"))


def _kind(name: str, config: Mapping[str, Any]) -> str:
    key = "image_processor_type" if config.get("image_processor_type") else "feature_extractor_type"
    if name.endswith("Fast") or config.get("use_fast"):
        _refuse(
            key if name.endswith("Fast") else "use_fast",
            name or True,
            "it resizes with torchvision, up to a level apart from Pillow, and no step does that yet; {}Pil of "
            "transformers 5, or the one without Fast of transformers 4, is Pillow's".format(
                name.removesuffix("Fast") or "the class"
            ),
        )
    kind = next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), "")
    if kind not in PROCESSORS:
        _refuse(key, name or None, f"known are {', '.join(f'{known}ImageProcessor' for known in PROCESSORS)}")
    return kind


def _crops(config: Mapping[str, Any], kind: str) -> bool:
    given = config.get("do_center_crop")
    if kind in CROPPING:
        return bool(_need(config, "do_center_crop"))
    if given:
        _refuse("do_center_crop", given, f"{kind} does not crop that way")
    return False


def _resize(config: Mapping[str, Any], kind: str) -> list[Step]:
    resample = _need(config, "resample")
    if resample not in FILTERS:
        _refuse("resample", resample, "it is none of Pillow's filters")
    step = {"op": "resize", "interpolation": FILTERS[resample]}
    size = _need(config, "size")
    if isinstance(size, Mapping) and set(size) - {"height", "width", "shortest_edge"}:
        key = sorted(set(size) - {"height", "width", "shortest_edge"})[0]
        _refuse(f"size.{key}", size[key], "resize takes height and width, or the shortest edge")
    is_edge = "shortest_edge" in size if isinstance(size, Mapping) else not PROCESSORS[kind]
    if kind == "ConvNext":
        edge = size["shortest_edge"] if isinstance(size, Mapping) and is_edge else size
        if not isinstance(edge, int):
            _refuse("size", size, "ConvNext takes the shortest edge")
        if edge >= CONVNEXT_WHOLE:
            return [{**step, "size": [edge, edge]}]
        larger = int(edge / _need(config, "crop_pct"))
        return [{**step, "size": larger}, {"op": "center_crop", "size": edge, "rounding": "transformers"}]
    if config.get("crop_pct") is not None:
        _refuse("crop_pct", config["crop_pct"], f"{kind} knows none")
    if is_edge:
        if PROCESSORS[kind]:
            _refuse("size.shortest_edge", size, f"{kind} takes height and width")
        return [{**step, "size": size["shortest_edge"] if isinstance(size, Mapping) else size}]
    return [{**step, "size": _edges(config, "size")}]


def _edges(config: Mapping[str, Any], key: str) -> list[int]:
    """[height, width] of a number or a mapping."""
    value = _need(config, key)
    if isinstance(value, Mapping) and set(value) == {"height", "width"}:
        return [value["height"], value["width"]]
    if not isinstance(value, int) or isinstance(value, bool):
        _refuse(key, value, "expected a number of pixels, or height and width")
    return [value, value]


def _channels(config: Mapping[str, Any], key: str) -> list[float]:
    value = _need(config, key)
    return [float(value)] * 3 if isinstance(value, (int, float)) else [float(number) for number in value]


def _need(config: Mapping[str, Any], key: str) -> Any:
    if config.get(key) is None:
        _refuse(key, None, "it is not there, and what it is then depends on the version of transformers")
    return config[key]


def _refuse(key: str, value: object, reason: str) -> NoReturn:
    shown = "" if value is None else f" is {value!r}"
    raise ExportError(
        "PIPELINE_INVALID",
        f"preprocessor_config.json: {key}{shown}: {reason}. Give the steps yourself (--preprocess), or leave them out "
        "(--no-preprocess)",
        key=key,
    )

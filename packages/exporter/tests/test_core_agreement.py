"""The exporter's steps are those of `packages/core`: same names and options, and the same bits on its goldens."""

from __future__ import annotations

import base64
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tensorferry import ExportError, pipeline
from tensorferry import reference_pipeline as steps

CORE = Path(__file__).resolve().parents[2] / "core"
GOLDENS = CORE / "test" / "goldens"
SCHEMA = json.loads((CORE / "schema" / "bundle.schema.json").read_text(encoding="utf-8"))["properties"]
TABLES = {"preprocess": steps.PREPROCESS, "postprocess": steps.POSTPROCESS}
# a value of each option that has no list of them
VALID = {"size": 8, "keep": ["Cb"], "mean": [0.5], "std": [0.5], "min": 0, "max": 1, "axis": 0, "k": 1}
ORDER = steps.PASS_ORDER


def schema_of(half: str) -> dict[str, dict[str, Any]]:
    """op -> its JSON Schema."""
    variants = SCHEMA[half]["items"]["properties"]["steps"]["items"]["oneOf"]
    return {variant["properties"]["op"]["const"]: variant for variant in variants}


OPS = [(half, op) for half in TABLES for op in schema_of(half)]


def core_module(name: str) -> Any:
    sys.path.insert(0, str(GOLDENS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(GOLDENS))


PICTURES = core_module("pipeline_pictures")
FILES = core_module("pipeline_files")


@pytest.mark.parametrize("half", TABLES)
def test_the_ops_are_those_of_the_schema(half: str) -> None:
    assert list(TABLES[half]) == list(schema_of(half))
    assert set(TABLES[half]) <= set(pipeline.OPTIONS)
    assert set(TABLES[half]) <= set(steps.KINDS)


@pytest.mark.parametrize(("half", "op"), OPS)
def test_the_options_are_those_of_the_schema(half: str, op: str) -> None:
    schema = schema_of(half)[op]
    properties = {key: value for key, value in schema["properties"].items() if key != "op"}
    options, defaults = pipeline.OPTIONS[op], pipeline.DEFAULTS.get(op, {})
    assert set(options) == set(properties)
    for key, declared in properties.items():
        assert set(options[key].values) == set(declared.get("enum", [])), key
        # the exporter writes the installed Pillow's order, TypeScript takes the newest one's
        if key != "pillow_pass_order" and "default" in declared:
            assert defaults[key] == declared["default"], key
    required = {key: VALID.get(key, options[key].values[:1]) for key in properties if key not in defaults}
    required = {key: value[0] if isinstance(value, tuple) else value for key, value in required.items()}
    assert set(schema["required"]) - {"op"} >= set(required)
    assert set(pipeline.read_step({"op": op, **required}, TABLES[half], "steps[0]")) == {"op", *properties}
    for key in required:
        rest = {other: value for other, value in required.items() if other != key}
        with pytest.raises(ExportError, match=f"{op}.{key}: expected .*, got nothing"):
            pipeline.read_step({"op": op, **rest}, TABLES[half], "steps[0]")


def different(name: str, compute: Callable[..., object], count: int) -> list[Any]:
    """Golden cases whose last column is not what `compute` gives for the columns before."""
    cases = json.loads((GOLDENS / "pipeline" / f"{name}.json").read_text(encoding="utf-8"))["cases"]
    assert len(cases) >= count
    return [row for row in cases if compute(*row[:-1]) != row[-1]]


def ordered_cases(name: str) -> list[list[Any]]:
    """Golden cases with one digest each, that of the installed Pillow's pass order."""
    document = json.loads((GOLDENS / "pipeline" / f"{name}.json").read_text(encoding="utf-8"))
    assert document["fields"][-2:] == ["legacy", "13"]
    return [[*row[:-2], row[document["fields"].index(ORDER)]] for row in document["cases"]]


def image_of(kind: str, seed: int, height: int, width: int, mode: str) -> np.ndarray:
    return PICTURES.picture(kind, seed, height, width, PICTURES.CHANNELS[mode])


def floats(kind: str, seed: int, *shape: int) -> torch.Tensor:
    return torch.from_numpy(PICTURES.floats(kind, seed, int(np.prod(shape)))).reshape(shape)


def digest(*parts: object) -> str:
    return PICTURES.digest(*(part.numpy() if isinstance(part, torch.Tensor) else part for part in parts))


@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
def test_decode_image() -> None:
    files = FILES.read_container(GOLDENS / "pipeline" / "decode.bin")

    def decode(_file: str, _kind: str, _seed: int, _height: int, _width: int, mode: str) -> str:
        image = steps.decode_image(next(files), mode)
        return digest(str([image.shape[1], image.shape[0]]).encode(), image)

    assert different("decode_image", decode, 320) == []


def test_convert_image() -> None:
    def convert(kind: str, seed: int, height: int, width: int, source: str, mode: str) -> str:
        image = image_of(kind, seed, height, width, source)
        # decode_image gives no alpha, so none comes to the exporter's step
        return digest(steps.convert_image(image[:, :, :3], mode))

    assert different("convert_image", convert, 400) == []


def test_split_ycbcr() -> None:
    def split(kind: str, seed: int, height: int, width: int) -> str:
        context: dict[str, np.ndarray] = {}
        luma = steps.split_ycbcr(image_of(kind, seed, height, width, "RGB"), ["Cb", "Cr"], context)
        return digest(luma, context["Cb"], context["Cr"])

    assert different("split_ycbcr", split, 320) == []


def test_resize() -> None:
    compared = 0
    for row in ordered_cases("resize"):
        kind, seed, height, width, mode, *size, interpolation, golden = row
        # no step of the exporter's makes alpha
        if mode != "RGBA":
            image = image_of(kind, seed, height, width, mode)
            assert digest(steps.resize(image, size, interpolation, "pillow", ORDER)) == golden, row
            compared += 1
    assert compared == 480


def test_resize_of_the_shorter_edge() -> None:
    def resize(kind: str, seed: int, height: int, width: int, mode: str, size: int, interpolation: str) -> str:
        image = steps.resize(image_of(kind, seed, height, width, mode), size, interpolation, "pillow", ORDER)
        return digest(str([image.shape[1], image.shape[0]]).encode(), image)

    if ORDER != "13":
        pytest.skip("these goldens are Pillow 13's")
    assert different("resize_rule", resize, 320) == []


def test_center_crop() -> None:
    def crop(kind: str, seed: int, height: int, width: int, mode: str, size: Any, rounding: str) -> str:
        return digest(steps.center_crop(image_of(kind, seed, height, width, mode), size, rounding))

    assert different("center_crop", crop, 640) == []


def test_to_tensor() -> None:
    assert different("to_tensor", lambda *row: digest(steps.to_tensor(image_of(*row))), 320) == []


def test_to_uint8() -> None:
    assert different("to_uint8", lambda *row: digest(steps.to_uint8(image_of(*row[:5]), row[5])), 320) == []


def test_normalize() -> None:
    def normalize(values: str, seed: int, height: int, width: int, channels: int, mean: list, std: list) -> str:
        mode = "RGB" if channels == 3 else "L"
        tensor = (
            steps.to_tensor(image_of("noise", seed, height, width, mode))
            if values == "pixels"
            else floats(values, seed, channels, height, width)
        )
        return digest(steps.normalize(tensor, mean, std))

    assert different("normalize", normalize, 320) == []


def test_clamp() -> None:
    def clamp(values: str, seed: int, count: int, low: float, high: float) -> str:
        result = steps.clamp(floats(values, seed, count), low, high).numpy()
        return digest(np.where(np.isnan(result), np.float32(7), result))

    assert different("clamp", clamp, 320) == []


def test_to_image() -> None:
    def to_image(values: str, seed: int, height: int, width: int, channels: int, quantize: str) -> str:
        return digest(steps.to_image(floats(values, seed, channels, height, width), quantize))

    assert different("to_image", to_image, 400) == []


def test_merge_ycbcr() -> None:
    cases = ordered_cases("merge_ycbcr")
    assert len(cases) == 480
    for row in cases:
        kind, seed, height, width, values, out_height, out_width, upscale, quantize, golden = row
        chroma = PICTURES.picture(kind, seed, height, width, 2)
        context = {"Cb": chroma[:, :, :1], "Cr": chroma[:, :, 1:]}
        luma = floats(values, seed, 1, 1, out_height, out_width)
        assert digest(steps.merge_ycbcr(luma, upscale, quantize, context, ORDER)) == golden, row


def test_softmax() -> None:
    cases = json.loads((GOLDENS / "pipeline" / "softmax.json").read_text(encoding="utf-8"))["cases"]
    assert len(cases) >= 320
    for values, seed, shape, axis, golden in cases:
        got = steps.softmax(floats(values, seed, *shape), axis).numpy()
        # torch's own vector widths differ in the last bit
        expected = np.frombuffer(base64.b64decode(golden), np.float32).reshape(shape)
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=4e-7)


def test_top_k() -> None:
    def top_k(values: str, seed: int, classes: int, k: int) -> list[int]:
        return steps.top_k(floats(values, seed, classes), k)["indices"].tolist()

    assert different("top_k", top_k, 320) == []

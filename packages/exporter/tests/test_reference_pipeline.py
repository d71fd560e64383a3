"""Spot checks of the reference steps against numbers worked out by hand."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from tensorferry import ExportError
from tensorferry import reference_pipeline as steps
from tensorferry.pipeline import read_pipeline

RED = np.array([[[255, 0, 0]]], np.uint8)


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "png")
    return buffer.getvalue()


def test_decode_keeps_pixels_and_gives_gray_one_channel() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    np.testing.assert_array_equal(steps.decode_image(png(pixels), "RGB"), pixels)
    assert steps.decode_image(png(pixels), "L").shape == (2, 4, 1)


def test_red_has_known_gray_and_ycbcr() -> None:
    # 0.299 * 255 = 76.2
    assert steps.convert_image(RED, "L").ravel().tolist() == [76]
    context: dict[str, np.ndarray] = {}
    assert steps.split_ycbcr(RED, ["Cb", "Cr"], context).ravel().tolist() == [76]
    assert {name: int(plane[0, 0, 0]) for name, plane in context.items()} == {"Cb": 84, "Cr": 255}


def test_resize_box_is_the_mean_of_blocks() -> None:
    image = np.array([[0, 255, 10, 10], [255, 255, 10, 10]], np.uint8)[:, :, None]
    small = steps.resize(image, [1, 2], "box", "pillow", steps.PASS_ORDER)
    # not 765 / 4 = 191.25: each pass is rounded, (127.5 -> 128, 255), then their mean 191.5 -> 192
    assert small.ravel().tolist() == [192, 10]


def test_resize_of_the_shorter_edge_cuts_the_longer_one_to_whole_pixels() -> None:
    # int(4 * 10 / 7) = 5
    assert steps.resize(np.zeros((7, 10, 3), np.uint8), 4, "bilinear", "pillow", steps.PASS_ORDER).shape == (4, 5, 3)
    other = "legacy" if steps.PASS_ORDER == "13" else "13"
    with pytest.raises(ExportError, match="pillow_pass_order"):
        steps.resize(np.zeros((7, 10, 3), np.uint8), 4, "bilinear", "pillow", other)


def test_center_crop_puts_an_odd_rest_where_the_library_does() -> None:
    row = np.arange(7, dtype=np.uint8)[None, :, None]
    # 1.5 rounds to the even 2, and floors to 1
    assert steps.center_crop(row, [1, 4], "torchvision").ravel().tolist() == [2, 3, 4, 5]
    assert steps.center_crop(row, [1, 4], "transformers").ravel().tolist() == [1, 2, 3, 4]


def test_center_crop_pads_a_smaller_image_as_the_library_does() -> None:
    row = np.array([[[7], [8], [9]]], np.uint8)
    assert steps.center_crop(row, [1, 6], "torchvision").ravel().tolist() == [0, 7, 8, 9, 0, 0]
    assert steps.center_crop(row, [1, 6], "transformers").ravel().tolist() == [0, 0, 7, 8, 9, 0]
    # smaller in one direction, larger in the other
    assert steps.center_crop(row, [3, 1], "torchvision").ravel().tolist() == [0, 8, 0]


def test_to_tensor_and_normalize_round_after_every_operation() -> None:
    value = steps.to_tensor(np.array([[[10]], [[255]]], np.uint8))
    assert value.shape == (1, 2, 1)
    assert value.ravel().tolist() == [float(np.float32(10) / np.float32(255)), 1.0]
    got = steps.normalize(value, [0.3], [0.38])[0, 0, 0].item()
    assert got == float((np.float32(10) / np.float32(255) - np.float32(0.3)) / np.float32(0.38))


def test_quantizing_truncates_or_rounds_half_to_even() -> None:
    levels = torch.tensor([[[-0.5, 0.999, 2.0, 0.5]]])
    # 0.999 * 255 = 254.745; 0.5 * 255 = 127.5, whose even neighbour is 128
    assert steps.to_image(levels, "truncate").ravel().tolist() == [0, 254, 255, 127]
    assert steps.to_image(levels, "round").ravel().tolist() == [0, 255, 255, 128]


def test_split_and_merge_give_gray_back() -> None:
    gray = np.full((2, 2, 3), 90, np.uint8)
    context: dict[str, np.ndarray] = {}
    luma = steps.to_tensor(steps.split_ycbcr(gray, ["Cb", "Cr"], context))
    large = luma.repeat_interleave(3, 1).repeat_interleave(3, 2)[None]
    merged = steps.merge_ycbcr(large, "bicubic", "round", context)
    np.testing.assert_array_equal(merged, np.full((6, 6, 3), 90, np.uint8))


def test_top_k_takes_the_lower_index_of_a_tie() -> None:
    best = steps.top_k(torch.tensor([[0.1, 0.4, 0.4, 0.1]]), 3)
    assert best["indices"].tolist() == [1, 2, 0]
    assert best["indices"].dtype == np.int64
    assert best["scores"].tolist() == pytest.approx([0.4, 0.4, 0.1])


def test_defaults_are_spelled_out() -> None:
    pipeline = read_pipeline(
        [
            {
                "raw": "image",
                "steps": [{"op": "decode_image"}, {"op": "resize", "size": (8, 8)}, {"op": "to_tensor"}],
                "to": ["x"],
            }
        ],
        [],
        ["x"],
        ["y"],
    )
    assert pipeline.preprocess[0]["steps"] == [
        {"op": "decode_image", "mode": "RGB"},
        {
            "op": "resize",
            "size": [8, 8],
            "interpolation": "bilinear",
            "reference": "pillow",
            "pillow_pass_order": steps.PASS_ORDER,
        },
        {"op": "to_tensor"},
    ]

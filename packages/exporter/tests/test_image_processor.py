"""`preprocessor_config.json` as steps, compared with Pillow's and numpy's own arithmetic."""

import io

import numpy as np
import pytest
from PIL import Image

from tensorferry import ExportError
from tensorferry import reference_pipeline as reference
from tensorferry.image_processor import read_image_processor

MEAN, STD = [0.48, 0.46, 0.41], [0.27, 0.26, 0.28]
COMMON = {
    "do_resize": True,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": MEAN,
    "image_std": STD,
}
VIT = {**COMMON, "image_processor_type": "ViTImageProcessor", "size": {"height": 24, "width": 32}, "resample": 2}
CLIP = {
    **COMMON,
    "feature_extractor_type": "CLIPFeatureExtractor",
    "size": 30,
    "resample": 3,
    "do_center_crop": True,
    "crop_size": {"height": 25, "width": 22},
    "do_convert_rgb": True,
}
DEIT = {
    **COMMON,
    "image_processor_type": "DeiTImageProcessor",
    "size": 40,
    "resample": 3,
    "do_center_crop": True,
    "crop_size": 31,
}
CONVNEXT = {
    **COMMON,
    "image_processor_type": "ConvNextImageProcessor",
    "size": {"shortest_edge": 28},
    "crop_pct": 0.875,
    "resample": 3,
}


def picture(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def run(config: dict, source: Image.Image) -> np.ndarray:
    buffer = io.BytesIO()
    source.save(buffer, "PNG")
    value = buffer.getvalue()
    for step in read_image_processor(config):
        options = {"reference": "pillow", "pillow_pass_order": reference.PASS_ORDER} if step["op"] == "resize" else {}
        value = reference.apply_step(reference.PREPROCESS, {**step, **options}, value, {})
    return value.numpy()


def standardized(pixels: np.ndarray) -> np.ndarray:
    """What transformers computes: rescale, then standardize, channels first."""
    scaled = (pixels.astype(np.float64) * (1 / 255)).astype(np.float32)
    values = (scaled - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    return values.transpose(2, 0, 1)


def middle(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width]


def shortest(source: Image.Image, edge: int, resample: int) -> np.ndarray:
    width, height = source.size
    short, long = min(width, height), max(width, height)
    longer = int(edge * long / short)
    return np.asarray(source.resize((edge, longer) if width <= height else (longer, edge), resample))


@pytest.mark.parametrize("size", [(61, 47), (40, 71), (33, 33)])
def test_the_steps_are_pillows_arithmetic(size: tuple[int, int]) -> None:
    source = picture(*size)
    expected = {
        "ViT": (VIT, np.asarray(source.resize((32, 24), 2))),
        "CLIP": (CLIP, middle(shortest(source, 30, 3), 25, 22)),
        "DeiT": (DEIT, middle(np.asarray(source.resize((40, 40), 3)), 31, 31)),
        "ConvNext": (CONVNEXT, middle(shortest(source, 32, 3), 28, 28)),
        "ConvNext, large": ({**CONVNEXT, "size": {"shortest_edge": 384}}, np.asarray(source.resize((384, 384), 3))),
    }
    for name, (config, pixels) in expected.items():
        got = run(config, source)
        assert got.shape == (3, *pixels.shape[:2]), name
        # multiplied by 1/255 there, divided by 255 here
        assert np.abs(got - standardized(pixels)).max() < 1e-6, name


def test_what_is_switched_off_has_no_step() -> None:
    config = {**VIT, "do_resize": False, "do_normalize": False}
    assert read_image_processor(config) == [{"op": "decode_image", "mode": "RGB"}, {"op": "to_tensor"}]


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({**VIT, "do_rescale": False}, "do_rescale"),
        ({**VIT, "rescale_factor": 1 / 127.5}, "rescale_factor"),
        ({**VIT, "rescale_offset": True}, "rescale_offset"),
        ({**VIT, "do_pad": True}, "do_pad"),
        ({**VIT, "do_center_crop": True, "crop_size": 20}, "do_center_crop"),
        ({**VIT, "size": {"shortest_edge": 20}}, "size.shortest_edge"),
        ({**VIT, "size": {"longest_edge": 20}}, "size.longest_edge"),
        ({**CLIP, "size": {"shortest_edge": 20, "longest_edge": 40}}, "size.longest_edge"),
        ({**VIT, "resample": 9}, "resample"),
        ({key: value for key, value in VIT.items() if key != "resample"}, "resample"),
        ({key: value for key, value in VIT.items() if key != "do_normalize"}, "do_normalize"),
        ({key: value for key, value in CLIP.items() if key != "do_center_crop"}, "do_center_crop"),
        ({key: value for key, value in CONVNEXT.items() if key != "crop_pct"}, "crop_pct"),
        ({**DEIT, "crop_pct": 0.9}, "crop_pct"),
        ({**VIT, "image_processor_type": "ViTImageProcessorFast"}, "image_processor_type"),
        ({**VIT, "image_processor_type": "DetrImageProcessor"}, "image_processor_type"),
        ({**VIT, "use_fast": True}, "use_fast"),
        ({**VIT, "image_processor_type": None}, "feature_extractor_type"),
    ],
)
def test_what_no_step_says_exactly_is_refused_by_its_key(config: dict, key: str) -> None:
    with pytest.raises(ExportError) as caught:
        read_image_processor(config)
    assert caught.value.code == "PIPELINE_INVALID"
    assert caught.value.details == {"key": key}
    assert f"preprocessor_config.json: {key}" in caught.value.message
    assert "--no-preprocess" in caught.value.message


def test_keys_that_change_no_number_are_passed_over() -> None:
    more = {"processor_class": "CLIPProcessor", "_valid_processor_keys": ["size"], "do_pad": False, "do_flip": None}
    assert read_image_processor({**VIT, **more}) == read_image_processor(VIT)

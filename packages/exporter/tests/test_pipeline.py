"""Pictures from file to result: stages in the goldens, and pipelines that do not fit the model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import rand

import models
from bundle_files import BundleFiles
from tensorferry import ExportError

EXAMPLES = [(rand(2, 1, 4, 4),), (rand(3, 1, 4, 4),)]


def pipeline(*steps: dict[str, Any]) -> dict[str, Any]:
    return {
        "preprocess": [{"raw": "image", "steps": [{"op": "decode_image", "mode": "L"}, *steps], "to": ["image"]}],
        "postprocess": [{"from": ["logits"], "steps": [{"op": "softmax"}, {"op": "top_k", "k": 2}], "to": "labels"}],
    }


@pytest.fixture
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "checks.png"
    Image.fromarray((np.indices((8, 8)).sum(0) % 2 * 200).astype(np.uint8)).save(path)
    return path


def test_every_stage_is_in_the_goldens(export, tmp_path: Path, picture: Path) -> None:
    model = models.Classifier().eval()
    export(
        model,
        EXAMPLES,
        ["image"],
        ["logits"],
        {"image": {0: "batch[1:8]"}},
        **pipeline({"op": "resize", "size": [4, 4], "interpolation": "box"}, {"op": "to_tensor"}),
        labels=["a", "b", "c"],
        raw_examples={"checks": picture},
        task="image-classification",
    )
    files = BundleFiles(tmp_path / "bundle")
    case = files.manifest["goldens"]["cases"][-1]
    assert case["name"] == "checks"
    assert case["raw"]["path"] == "checks.png"
    assert case["stages"] == ["decoded", "inputs", "outputs", "result"]
    assert (tmp_path / "bundle" / "checks.png").read_bytes() == picture.read_bytes()
    assert files.manifest["labels"] == ["a", "b", "c"]
    decoded = files.goldens["checks/decoded"]
    assert (decoded.shape, decoded.dtype) == ((8, 8, 1), np.uint8)
    # every block of 2x2 holds two pixels of 200
    image = files.goldens["checks/inputs.image"]
    np.testing.assert_array_equal(image, np.full((1, 1, 4, 4), np.float32(100) / np.float32(255)))
    with torch.no_grad():
        logits = model(torch.from_numpy(image))
    np.testing.assert_array_equal(files.goldens["checks/outputs.logits"], logits.numpy())
    scores = logits.softmax(-1)[0]
    assert files.goldens["checks/result.indices"].tolist() == scores.argsort(descending=True)[:2].tolist()
    np.testing.assert_array_equal(files.goldens["checks/result.scores"], scores.sort(descending=True)[0][:2].numpy())


BOX = {"op": "resize", "size": [4, 4], "interpolation": "box"}
TENSOR = {"op": "to_tensor"}


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([TENSOR], "preprocess makes float32[1, 1, 8, 8] of checks.png"),
        ([BOX], "the last step must give a tensor, resize gives an image; add {'op': 'to_tensor'}"),
        ([{**BOX, "antialias": True}, TENSOR], "no option 'antialias'"),
        ([{"op": "resize", "size": 0}, TENSOR], "resize.size: expected a number of pixels"),
        ([{**BOX, "reference": "torch_uint8"}, TENSOR], "resize.reference: expected pillow, got 'torch_uint8'"),
        (
            [BOX, {"op": "normalize", "mean": [0.5], "std": [0.5]}, TENSOR],
            "preprocess[0].steps[2] (normalize): takes tensor, and resize before it gives image; "
            "put to_tensor between them",
        ),
        ([TENSOR, BOX], "preprocess[0].steps[2] (resize): takes image, and to_tensor before it gives tensor"),
        ([{"op": "decode_image"}, TENSOR], "(decode_image): takes file, and decode_image before it gives image"),
        ([{"op": "split_ycbcr", "keep": []}, TENSOR], "(split_ycbcr): takes an image of mode RGB, and gets L"),
        ([{"op": "split_ycbcr", "keep": [["Cb"]]}, TENSOR], "split_ycbcr.keep: expected a list of Cb and Cr"),
        (
            [BOX, TENSOR, {"op": "normalize", "mean": [0.5] * 3, "std": [0.5] * 3}],
            "(normalize): expected 1 means and 1 stds, one a channel, got [0.5, 0.5, 0.5]",
        ),
        (
            [BOX, TENSOR, {"op": "normalize", "mean": [0.5], "std": [1e-60]}],
            "normalize.std: expected a list of a number",
        ),
        ([BOX, TENSOR, {"op": "normalize", "mean": [float("nan")], "std": [1]}], "normalize.mean: expected a list"),
    ],
)
def test_steps_that_do_not_fit(export, tmp_path: Path, picture: Path, steps: list, says: str) -> None:
    error = refused(export, picture, **pipeline(*steps))
    assert error.code == "PIPELINE_INVALID"
    assert says in error.message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        (
            [{"op": "top_k", "k": 1}, {"op": "softmax"}],
            "postprocess[0].steps[1] (softmax): takes tensor, and top_k before it gives labels; put it elsewhere",
        ),
        ([{"op": "merge_ycbcr"}], "(merge_ycbcr): needs the planes Cb and Cr, preprocess keeps none"),
        ([{"op": "softmax", "axis": 5}], "postprocess step 0 (softmax) fails: Dimension out of range"),
        ([{"op": "to_image"}], "to_image: expected one result of 3 dimensions"),
        ([{"op": "clamp", "min": 0, "max": float("inf")}], "clamp.max: expected a finite number, got inf"),
    ],
)
def test_results_that_do_not_fit(export, picture: Path, steps: list, says: str) -> None:
    fitting = pipeline(BOX, TENSOR)
    error = refused(export, picture, **{**fitting, "postprocess": [{**fitting["postprocess"][0], "steps": steps}]})
    assert error.code == "PIPELINE_INVALID"
    assert says in error.message


def test_one_value_for_three_channels_is_refused_as_in_typescript(export, picture: Path) -> None:
    steps = [{"op": "decode_image", "mode": "RGB"}, BOX, TENSOR, {"op": "normalize", "mean": [0.5], "std": [0.5]}]
    error = refused(export, picture, preprocess=[{"raw": "image", "steps": steps, "to": ["image"]}])
    assert "normalize): expected 3 means and 3 stds" in error.message
    assert "write a value out for each channel" in error.message


def test_a_picture_smaller_than_the_crop_gets_zeros_around_it(export, tmp_path: Path, picture: Path) -> None:
    dims = {"image": {0: "batch[1:8]"}}
    examples = [(rand(2, 1, 9, 9),), (rand(3, 1, 9, 9),)]
    steps = [{"op": "decode_image", "mode": "L"}, {"op": "center_crop", "size": 9}, TENSOR]
    export(
        torch.nn.Flatten(),
        examples,
        ["image"],
        ["flat"],
        dims,
        preprocess=[{"raw": "image", "steps": steps, "to": ["image"]}],
        raw_examples={"checks": picture},
    )
    prepared = BundleFiles(tmp_path / "bundle").goldens["checks/inputs.image"][0, 0]
    # 9 - 8 is odd: torchvision pads the smaller half, none, before the picture
    assert prepared[8].tolist() == [0] * 9
    assert prepared[:, 8].tolist() == [0] * 9
    np.testing.assert_array_equal(prepared[:8, :8], np.float32(np.indices((8, 8)).sum(0) % 2 * 200) / np.float32(255))


def refused(export, picture: Path, **options: Any) -> ExportError:
    with pytest.raises(ExportError) as caught:
        export(
            models.Classifier(),
            EXAMPLES,
            ["image"],
            ["logits"],
            {"image": {0: "batch[1:8]"}},
            **options,
            raw_examples={"checks": picture},
        )
    return caught.value

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


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([{"op": "to_tensor"}], "preprocess makes float32[1, 1, 8, 8] of checks.png"),
        ([{"op": "resize", "size": [4, 4]}], "ends with an image"),
        ([{"op": "resize", "size": [4, 4], "antialias": True}, {"op": "to_tensor"}], "no option 'antialias'"),
        ([{"op": "resize", "size": 0}, {"op": "to_tensor"}], "resize.size: expected a number of pixels"),
        ([{"op": "center_crop", "size": 9}, {"op": "to_tensor"}], "9x9 does not fit into 8x8"),
        ([{"op": "normalize", "mean": [0.5], "std": [0.5]}], "step 1 (normalize) fails"),
    ],
)
def test_steps_that_do_not_fit(export, tmp_path: Path, picture: Path, steps: list, says: str) -> None:
    with pytest.raises(ExportError) as caught:
        export(
            models.Classifier(),
            EXAMPLES,
            ["image"],
            ["logits"],
            {"image": {0: "batch[1:8]"}},
            **pipeline(*steps),
            raw_examples={"checks": picture},
        )
    assert caught.value.code == "PIPELINE_INVALID"
    assert says in caught.value.message
    assert list(tmp_path.iterdir()) == []

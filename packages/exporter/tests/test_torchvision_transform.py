"""torchvision's own transforms, read into steps that give the same bits; what no step does is refused by its name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from tensorferry import ExportError

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[2] / ".cache" / "torchvision"
# the one that core's goldens are made with
VERSION = "0.28.0"


@pytest.fixture(scope="module")
def found() -> dict:
    if not (FOLDER.is_dir() and any(FOLDER.iterdir())):
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(FOLDER)]
        subprocess.run([*pip, f"torchvision=={VERSION}"], check=True)
    paths = os.pathsep.join([str(HERE.parent / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, str(HERE / "torchvision_transforms.py"), str(FOLDER)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_every_transform_that_is_taken_gives_the_same_bits(found: dict) -> None:
    assert len(found["right"]) == 11
    # torchvision's newer conversion multiplies by 1/255 where the older one divides
    newer = ("v2", "sequential")
    off = {name: one["off"] for name, one in found["right"].items()}
    assert {name: value for name, value in off.items() if name not in newer} == dict.fromkeys(off.keys() - newer, 0)
    # an ulp or two, of 1 and of values up to 2.7
    assert all(0 < off[name] < 6e-7 for name in newer)
    assert {name for name, one in found["right"].items() if "1/255" in "".join(one["notes"])} == set(newer)
    classification = ["decode_image", "resize", "center_crop", "to_tensor", "normalize"]
    for name in ("preset", "v1", "v2"):
        assert found["right"][name]["ops"] == classification
    assert found["right"]["v1 pixels"]["ops"] == ["decode_image", "resize", "to_uint8"]
    assert found["gray by the input"] == "L"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("random", "preprocess.transforms[0] (RandomHorizontalFlip): it is random, for training"),
        ("resize of a tensor", "preprocess.transforms[1] (Resize): on a tensor it is torch's own arithmetic"),
        ("longest edge", "preprocess.transforms[0] (Resize): max_size=40: resize has none"),
        ("lambda", "preprocess.transforms[0] (Lambda): no step does that"),
        ("picture", "(Resize): the transform ends in a picture; add ToTensor()"),
        ("levels", "preprocess.transforms[1] (ToDtype): float32 of 0 to 255"),
        ("normalized pixels", "preprocess.transforms[1] (Normalize): it takes floats"),
        ("half", "(ToDtype): dtype torch.float16: steps give float32 or uint8"),
        ("jitter", "preprocess (ColorJitter): it is random"),
    ],
)
def test_what_no_step_does_is_refused_by_its_name(found: dict, name: str, says: str) -> None:
    assert found["wrong"][name].startswith("PIPELINE_INVALID: ")
    assert says in found["wrong"][name]


class Normalize:
    """Called and built as torchvision's."""

    def __init__(self, mean: list[float], std: list[float]) -> None:
        self.mean, self.std = mean, std

    def __call__(self, value: object) -> object:
        return value


class ToTensor(Normalize):
    def __init__(self) -> None:
        return


class Compose(Normalize):
    def __init__(self, transforms: list) -> None:
        self.transforms = transforms


def test_a_transform_stands_for_the_whole_preprocess(export, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (6, 5), (255, 0, 51)).save(tmp_path / "red.png")
    transform = Compose([ToTensor(), Normalize([0.5] * 3, [0.25] * 3)])
    examples = [(torch.rand(n, 3, 5, 6),) for n in (1, 2)]
    report = export(nn.Conv2d(3, 2, 3), examples, preprocess=transform, raw_examples={"red": tmp_path / "red.png"})
    assert report.goldens[-1] == "red"
    manifest = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert manifest["preprocess"] == [
        {
            "raw": "image",
            "steps": [
                {"op": "decode_image", "mode": "RGB"},
                {"op": "to_tensor"},
                {"op": "normalize", "mean": [0.5] * 3, "std": [0.25] * 3},
            ],
            "to": ["input"],
        }
    ]
    two = [(torch.rand(n, 3, 5, 6), torch.rand(n, 3, 5, 6)) for n in (1, 2)]
    with pytest.raises(ExportError, match="which of a, b is the picture's") as caught:
        export(Both(), two, preprocess=transform, raw_examples={"red": tmp_path / "red.png"})
    assert caught.value.code == "PIPELINE_INVALID"


class Both(nn.Module):
    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a + b

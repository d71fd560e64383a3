"""The committed bundles: whole, right on their goldens, and as good as their cards say."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import PIL
import pytest
import torch
from PIL import Image

from bundle_files import BundleFiles
from tensorferry import reference_pipeline
from tensorferry.dims import DynamicDims
from tensorferry.pipeline import Pipeline, run_postprocess
from tensorferry.raw_cases import read_raw_cases

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = [
    ROOT / "examples" / "bundles" / "super-resolution-x3",
    ROOT / "examples" / "bundles" / "digits",
    ROOT / "packages" / "core" / "test" / "fixtures" / "bundles" / "recurrent",
    ROOT / "packages" / "core" / "test" / "fixtures" / "bundles" / "two-inputs",
]


def training(name: str) -> ModuleType:
    """A training script as a module; importing it trains nothing."""
    path = ROOT / "examples" / "training" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"training_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_files_are_the_listed_ones_and_reproduce_the_goldens(folder: Path) -> None:
    files = BundleFiles(folder)
    found = {path.name for path in folder.iterdir() if ".local." not in path.name} - {"README.md"}
    assert found == {"bundle.json", *(entry["path"] for entry in files.listed())}
    assert sum((folder / name).stat().st_size for name in found) < 500_000
    assert [artifact["name"] for artifact in files.manifest["artifacts"]] == ["onnx", "torchscript"]
    assert files.replay() < 2e-5
    assert files.replay(files.torchscript()) < 2e-5
    for path in folder.iterdir():
        content = path.read_bytes()
        for place in (ROOT, Path.home(), Path(torch.__file__).parents[1]):
            assert str(place).encode() not in content, path


@pytest.mark.parametrize("folder", FOLDERS[:2], ids=lambda folder: folder.name)
def test_the_reference_pipeline_reproduces_every_stage(folder: Path) -> None:
    files = BundleFiles(folder)
    manifest = files.manifest
    if manifest["producer"]["pillow"] != PIL.__version__:
        pytest.skip(f"made with Pillow {manifest['producer']['pillow']}, here is {PIL.__version__}")
    pipeline = Pipeline(manifest["preprocess"], manifest["postprocess"])
    name, output = manifest["inputs"][0]["name"], manifest["outputs"][0]["name"]
    for case in manifest["goldens"]["cases"]:
        if "raw" not in case:
            continue
        prepared = files.goldens[f"{case['name']}/inputs.{name}"]
        picture = {case["name"]: folder / case["raw"]["path"]}
        (raw,) = read_raw_cases(pipeline, picture, set(), [name], [torch.from_numpy(prepared)], DynamicDims({}, {}))
        np.testing.assert_array_equal(raw.pictures["image"].decoded, files.goldens[f"{case['name']}/decoded"])
        np.testing.assert_array_equal(raw.inputs[0].numpy(), prepared)
        logits = torch.from_numpy(files.goldens[f"{case['name']}/outputs.{output}"])
        for key, value in run_postprocess(pipeline, logits, raw.context).items():
            np.testing.assert_allclose(value, files.goldens[f"{case['name']}/{key}"], rtol=1e-6)


def test_digits_names_at_least_99_of_100_held_out_digits() -> None:
    digits = training("digits")
    files = BundleFiles(FOLDERS[1])
    _, _, counts, labels = digits.split()
    assert len(labels) == 450
    images = digits.normalize(digits.to_pixels(counts)).numpy()
    named = files.run({"image": images})["logits"].argmax(1)
    assert (named == labels).mean() >= 0.99


def test_digits_names_brush_strokes() -> None:
    digits = training("digits")
    files = BundleFiles(FOLDERS[1])

    class Committed(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(files.run({"image": image.numpy()})["logits"])

    assert digits.brush_accuracy(Committed()) >= 0.95


def test_digit_samples_shrink_to_the_data_set_exactly() -> None:
    digits = training("digits")
    _, _, counts, labels = digits.split()
    for digit in range(10):
        with Image.open(ROOT / "examples" / "digits" / "samples" / f"{digit}.png") as picture:
            assert picture.size == (32, 32)
            small = reference_pipeline.resize(
                np.asarray(picture)[:, :, None], [8, 8], "box", "pillow", reference_pipeline.PASS_ORDER
            )
        np.testing.assert_array_equal(small[:, :, 0], digits.to_pixels(counts[labels == digit][0]))


def test_super_resolution_beats_bicubic_by_0_3_db_on_the_held_out_photo() -> None:
    training_script = training("super_resolution")
    files = BundleFiles(FOLDERS[0])

    class Committed(torch.nn.Module):
        def forward(self, luma: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(files.run({"input": luma.numpy()})["output"])

    bicubic, network = training_script.evaluate(Committed())
    assert bicubic == pytest.approx(31.63, abs=0.05)
    assert network - bicubic >= 0.3


def test_the_demo_photo_is_a_third_of_the_original() -> None:
    folder = ROOT / "examples" / "super-resolution"
    with Image.open(folder / "photo.png") as small, Image.open(folder / "photo-original.png") as original:
        assert (small.width * 3, small.height * 3) == original.size
        # Pillow versions differ in the last level of a resize
        shrunk = original.resize(small.size, Image.Resampling.BICUBIC)
        assert np.abs(np.asarray(shrunk, np.int16) - np.asarray(small, np.int16)).max() <= 1

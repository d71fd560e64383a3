"""What a newcomer gives by mistake: each message says what came and what to do."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn, rand

import models
from tensorferry import ExportError, goldens, goldens_size
from tensorferry.task import TASKS

BATCH = {"x": {0: "batch[1:64]"}}
CORE = Path(__file__).resolve().parents[2] / "core"
PICTURE = {
    "preprocess": [{"raw": "image", "steps": [{"op": "decode_image"}, {"op": "to_tensor"}], "to": ["x"]}],
    "dynamic": {"x": {0: "batch[1:8]", 2: "height[3:]", 3: "width[3:]"}},
}
PICTURES = [(rand(2, 3, 9, 9),), (rand(3, 3, 8, 7),)]


def two(dtype: torch.dtype = torch.float32) -> list[tuple[torch.Tensor]]:
    return [(rand(3, 8).to(dtype),), (rand(5, 8).to(dtype),)]


def refused(export, *args, **options) -> ExportError:
    with pytest.raises(ExportError) as caught:
        export(*args, **options)
    return caught.value


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (lambda x: x * 2, "got the function <lambda>; call it in the forward of a module"),
        (torch.relu, "got the function relu"),
        (nn.Linear, "got the class Linear; make one: Linear(...)"),
        (nn.Linear(8, 3).state_dict(), "load_state_dict"),
        (torch.jit.script(nn.Linear(8, 3)), "cannot be captured as ONNX or by torch.export; give the Python module"),
        ("model.pt", "got str"),
    ],
)
def test_no_module(export, model: object, says: str) -> None:
    error = refused(export, model, two(), ["x"], ["y"], BATCH)
    assert error.code == "OPTIONS_INVALID"
    assert error.message.startswith("model: ")
    assert says in error.message


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
def test_a_recurrent_layer_over_a_dynamic_time(export, kind: type) -> None:
    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = kind(4, 6, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x)[0]

    examples = [(rand(2, 7, 4),), (rand(3, 5, 4),)]
    dynamic = {"x": {0: "batch[1:8]", 1: "time[1:100]"}}
    error = refused(export, Layer(), examples, ["x"], ["y"], dynamic, capture="export")
    assert error.code == "RANGE_CONTRADICTED"
    assert f"unrolls layer ({kind.__name__}) over the example's time: leave the time axis out" in error.message
    assert "mark_dynamic" not in error.message
    # the advice works
    fixed = [(rand(2, 7, 4),), (rand(3, 7, 4),)]
    assert export(Layer(), fixed, ["x"], ["y"], {"x": {0: "batch[1:8]"}}).batch == "batch"


@pytest.mark.parametrize(
    ("examples", "says"),
    [
        (two(torch.float64), "(x: float64[3, 8]): RuntimeError: mat1 and mat2 must have the same dtype"),
        (two(torch.float64), "The weights are float32: give x as torch.float32"),
        ([(x.to("meta"),) for (x,) in two()], "expected a tensor on the CPU, got one on meta; give x.cpu()"),
        ([(x.numpy(),) for (x,) in two()], "expected a tensor, got ndarray; torch.from_numpy(array) makes one"),
        (
            [(1.5,), (2.5,)],
            "x is 2.5, and 1.5 in examples[0]; what is no tensor is bound into the file",
        ),
        ([("a",), ("b",)], "wrap the model"),
        ([(1.5,), (1.5,)], "no tensor among what forward gets"),
    ],
)
def test_examples_of_another_kind(export, examples: list, says: str) -> None:
    error = refused(export, models.Mlp(), examples, ["x"], ["y"], BATCH)
    assert error.code == "EXAMPLES_INVALID"
    assert says in error.message


def test_a_range_from_one_that_the_model_cannot_do_names_the_next(export) -> None:
    examples = [(rand(1, 1, 2, 9),), (rand(1, 1, 2, 12),)]
    error = refused(export, nn.MaxPool2d(2), examples, ["x"], ["y"], {"x": {3: "length"}})
    assert error.code == "RANGE_CONTRADICTED"
    assert 'narrow the range in `dynamic`, to "length[2:]" or less' in error.message
    assert export(nn.MaxPool2d(2), examples, ["x"], ["y"], {"x": {3: "length[2:]"}}).outputs["y"]


def test_a_model_in_train_mode_is_exported_in_eval_mode_and_told(export) -> None:
    model = models.Mlp().train()
    assert export(model, two(), ["x"], ["y"], BATCH).notes == [
        "the model was in train mode; it was exported in eval mode"
    ]
    assert model.training
    assert model.layers[2].training
    assert export(model.eval(), two(), ["x"], ["y"], BATCH).notes == []
    # a ReLU does the same in both
    assert export(nn.ReLU().train(), two(), ["x"], ["y"], BATCH).notes == []


def test_another_bundle_in_the_folder_is_named(export, tmp_path: Path) -> None:
    export(nn.ReLU(), two(), ["x"], ["y"], BATCH, name="first")
    assert export(nn.ReLU(), two(), ["x"], ["y"], BATCH, name="first").notes == []
    report = export(nn.Tanh(), two(), ["x"], ["y"], BATCH, name="second")
    assert report.notes == [f"replaced another bundle that was in {tmp_path / 'bundle'}: first"]
    assert json.loads((tmp_path / "bundle" / "bundle.json").read_text())["name"] == "second"


@pytest.mark.parametrize(
    ("content", "says"), [(b"a photo of a cat\n", "text that begins with 'a photo"), (b"", "an empty file")]
)
def test_a_file_that_is_no_picture(export, tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "photo.png").write_bytes(content)
    raw = {"photo": tmp_path / "photo.png"}
    error = refused(export, nn.Conv2d(3, 2, 3), PICTURES, ["x"], ["y"], **PICTURE, raw_examples=raw)
    assert error.code == "EXAMPLES_INVALID"
    assert f"got {says}" in error.message


def test_large_goldens_are_told_and_larger_ones_refused(
    export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(np.zeros((100, 100, 3), np.uint8)).save(tmp_path / "photo.png")
    options = {**PICTURE, "raw_examples": {"photo": tmp_path / "photo.png"}}
    # decoded 30 kB, input 120 kB, output 77 kB
    monkeypatch.setattr(goldens, "LARGE_GOLDENS", 200_000)
    report = export(nn.Conv2d(3, 2, 3), PICTURES, ["x"], ["y"], **options)
    assert report.notes == ["the goldens take 0.2 MB; smaller examples and pictures prove as much"]
    for limit in (200_000, 100_000):
        monkeypatch.setattr(goldens_size, "LARGEST_GOLDENS", limit)
        error = refused(export, nn.Conv2d(3, 2, 3), PICTURES, ["x"], ["y"], **options)
        assert error.code == "EXAMPLES_INVALID"
        assert "of them for photo" in error.message
        assert error.details["case"] == "photo"


def test_the_tasks_are_those_that_typescript_types() -> None:
    types = (CORE / "src" / "bundle" / "bundle-types.ts").read_text(encoding="utf-8")
    assert set(TASKS) == set(re.findall(r"'([\w]+-[\w-]+)'", types))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"task": ""}, "task: expected a text such as image-to-image"),
        ({"task": 3}, "task: expected a text"),
        ({"task": "image_classification"}, "did you mean 'image-classification'?"),
        (
            {"task": "image-to-image"},
            "promises that predict gives image, and postprocess gives labels; end postprocess",
        ),
        ({"task": "tagging"}, "TypeScript does not know 'tagging' and would type predict as tensors"),
        ({"labels": ["a", "b"]}, "labels: 2 for 3 classes of logits [2, 3]; give one for each"),
        ({"labels": []}, "labels: 0 for 3 classes"),
    ],
)
def test_a_task_or_labels_that_do_not_fit(export, tmp_path: Path, change: dict, says: str) -> None:
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "photo.png")
    steps = [{"op": "decode_image", "mode": "L"}, {"op": "to_tensor"}]
    options = {
        "preprocess": [{"raw": "image", "steps": steps, "to": ["image"]}],
        "postprocess": [{"from": ["logits"], "steps": [{"op": "top_k", "k": 1}], "to": "labels"}],
        "raw_examples": {"photo": tmp_path / "photo.png"},
        "labels": ["a", "b", "c"],
        "task": "image-classification",
        **change,
    }
    examples = [(rand(2, 1, 4, 4),), (rand(3, 1, 4, 4),)]
    error = refused(export, models.Classifier(), examples, ["image"], ["logits"], {"image": {0: "n[1:8]"}}, **options)
    assert error.code == "OPTIONS_INVALID"
    assert says in error.message


def test_labels_of_a_segmentation_and_a_task_of_ones_own(export, tmp_path: Path) -> None:
    dynamic = {"x": {0: "batch[1:8]", 2: "height[3:64]", 3: "width[3:64]"}}
    options = {"labels": ["sky", "sea"], "task": "image-segmentation"}
    assert export(nn.Conv2d(3, 2, 3), PICTURES, ["x"], ["y"], dynamic, **options).notes == []
    assert json.loads((tmp_path / "bundle" / "bundle.json").read_text())["labels"] == ["sky", "sea"]
    # two is the number of rows too, which are no classes
    error = refused(export, nn.Conv2d(3, 4, 3), PICTURES, ["x"], ["y"], dynamic, **options)
    assert "labels: 2, and no output has an axis of as many classes (y [2, 4, 7, 7])" in error.message


class KeepsItsMode(nn.Module):
    """A train() of its own: the norm never trains, and what dropout does is an attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.drops = nn.BatchNorm1d(8), True

    def train(self, mode: bool = True):
        super().train(mode)
        self.norm.eval()
        self.drops = mode
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.dropout(self.norm(x), 0.5, self.drops)


def test_a_train_of_its_own_is_called_and_called_back(export) -> None:
    model = KeepsItsMode().train()
    assert export(model, two(), ["x"], ["y"], BATCH).batch == "batch"
    assert (model.training, model.norm.training, model.drops) == (True, False, True)
    export(model.eval(), two(), ["x"], ["y"], BATCH)
    assert (model.training, model.norm.training, model.drops) == (False, False, False)


def test_a_model_on_another_device(export) -> None:
    error = refused(export, nn.BatchNorm1d(8, device="meta"), two(), ["x"], ["y"], BATCH)
    assert error.code == "OPTIONS_INVALID"
    assert "weight is on meta; export from the CPU: model.cpu()" in error.message

"""Hugging Face folders as bundles: files and configs as its tools write them, made here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from torch import Tensor, nn

from bundle_files import BundleFiles
from tensorferry import ExportError, import_bundle
from tensorferry.__main__ import main

LABELS = ["ant", "bee", "cat", "dog", "eel", "fox"]
CONFIG = {
    "architectures": ["ViTForImageClassification"],
    "image_size": 24,
    "id2label": {str(index): label for index, label in enumerate(LABELS)},
}
PROCESSOR = {
    "image_processor_type": "ViTImageProcessor",
    "do_resize": True,
    "size": {"height": 24, "width": 24},
    "resample": 2,
    "do_rescale": True,
    "rescale_factor": 0.00392156862745098,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}


class Patches(nn.Module):
    """What a vision transformer is from outside: one picture size, whatever its file says."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 8, stride=8)
        self.positions = nn.Parameter(torch.randn(9, 8))
        self.head = nn.Linear(8, len(LABELS))

    def forward(self, pixel_values: Tensor) -> Tensor:
        tokens = self.patches(pixel_values).flatten(2).transpose(1, 2) + self.positions
        return self.head(tokens.tanh().mean(1))


def exported(module: nn.Module, example: tuple, path: Path, inputs: list, outputs: list, axes: dict) -> None:
    torch.onnx.export(
        module.eval(), example, str(path), dynamo=False, opset_version=17, input_names=inputs, output_names=outputs,
        dynamic_axes=axes,
    )  # fmt: skip


def halved(source: Path, path: Path) -> None:
    """Weights in half precision, cast where they are used, as converters with kept input and output types do."""
    model = onnx.load(source)
    for tensor in list(model.graph.initializer):
        if tensor.data_type == TensorProto.FLOAT:
            values = numpy_helper.to_array(tensor).astype(np.float16)
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(values, f"{name}_half"))
            model.graph.node.insert(0, helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    onnx.save(model, path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An image classifier with a half-precision variant, and one that is wrong."""
    root = tmp_path / "tiny-vit"
    (root / "onnx").mkdir(parents=True)
    (root / "config.json").write_text(json.dumps(CONFIG))
    (root / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    (root / "README.md").write_text("---\nlicense: apache-2.0\ntags: [vision]\n---\n# A card\n")
    axes = {"pixel_values": {0: "batch_size", 1: "num_channels", 2: "height", 3: "width"}, "logits": {0: "batch_size"}}
    example = (torch.rand(2, 3, 24, 24),)
    exported(Patches(), example, root / "onnx" / "model.onnx", ["pixel_values"], ["logits"], axes)
    halved(root / "onnx" / "model.onnx", root / "onnx" / "model_fp16.onnx")
    exported(Patches(), example, root / "onnx" / "model_quantized.onnx", ["pixel_values"], ["logits"], axes)
    return root


def test_an_image_classifier(folder: Path, tmp_path: Path) -> None:
    report = import_bundle(folder, tmp_path / "bundle", progress=False)
    assert report.name == "tiny-vit"
    assert report.inputs == {"pixel_values": "float32[batch_size, 3, height, width]"}
    # a last patch that is not whole is cut off
    assert report.dims["height"] == report.dims["width"] == {"min": 24, "max": 31}
    assert report.outputs == {"logits": "float32[batch_size, 6]"}
    assert report.batch == "batch_size"
    written = BundleFiles(tmp_path / "bundle")
    assert written.replay() == 0
    manifest = written.manifest
    assert manifest["labels"] == LABELS
    assert manifest["license"] == "apache-2.0"
    assert manifest["task"] == "image-classification"
    assert [step["op"] for step in manifest["preprocess"][0]["steps"]] == [
        "decode_image",
        "resize",
        "to_tensor",
        "normalize",
    ]
    # the prepared picture is Pillow's, standardized as transformers does
    picture = Image.open(tmp_path / "bundle" / "generated.png")
    pixels = np.asarray(picture.resize((24, 24), Image.Resampling.BILINEAR)).astype(np.float32)
    expected = ((pixels / 255 - 0.5) / 0.5).transpose(2, 0, 1)[None]
    assert np.abs(written.goldens["generated/inputs.pixel_values"] - expected).max() < 1e-6
    assert "the picture is generated" in "\n".join(report.notes)


def test_variants_within_their_tolerance_are_artifacts(folder: Path, tmp_path: Path, capsys) -> None:
    arguments = ["import", str(folder), "--variant", "fp16", "--variant", "quantized", "--json", "--quiet"]
    Image.new("RGB", (30, 40), (200, 90, 10)).save(tmp_path / "photo.png")
    photo = ["--raw-examples", f"photo={tmp_path / 'photo.png'}"]
    assert main([*arguments, *photo, "--out", str(tmp_path / "bundle")]) == 3
    report = json.loads(capsys.readouterr().out)
    assert [artifact["name"] for artifact in report["artifacts"]] == ["onnx", "onnx-fp16"]
    assert 0 < report["artifacts"][1]["max_abs"] < 1e-2
    # other weights: the file is of another model
    assert report["refused"]["onnx-quantized"]["code"] == "REPLAY_MISMATCH"
    assert "--variant quantized=ATOL,RTOL" in report["refused"]["onnx-quantized"]["message"]
    manifest = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert [artifact["precision"] for artifact in manifest["artifacts"]] == ["float32", "float16"]
    assert manifest["goldens"]["tolerance"]["float16"] == {"atol": 1e-3, "rtol": 1e-2}
    assert sorted(path.name for path in (tmp_path / "bundle").iterdir()) == [
        "bundle.json",
        "goldens.safetensors",
        "model-fp16.onnx",
        "model.onnx",
        "photo.png",
    ]


def test_a_variant_in_a_stated_tolerance(folder: Path, tmp_path: Path) -> None:
    report = import_bundle(folder, tmp_path / "bundle", variants={"quantized": (100.0, 0.0)}, progress=False)
    assert [artifact.name for artifact in report.artifacts] == ["onnx", "onnx-quantized"]
    manifest = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert manifest["goldens"]["tolerance"]["int8"] == {"atol": 100.0, "rtol": 0.0}
    with pytest.raises(ExportError, match=r"there is no model_fp61\.onnx, but fp16, quantized; did you mean .fp16"):
        import_bundle(folder, tmp_path / "bundle", variants={"fp61": None}, progress=False)


def test_preprocessing_that_cannot_be_said_is_refused_or_left_out(folder: Path, tmp_path: Path, capsys) -> None:
    (folder / "preprocessor_config.json").write_text(json.dumps({**PROCESSOR, "do_pad": True}))
    arguments = ["import", str(folder), "--quiet", "--out", str(tmp_path / "bundle")]
    assert main(arguments) == 1
    assert "PIPELINE_INVALID: preprocessor_config.json: do_pad is True" in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()
    assert main([*arguments, "--no-preprocess"]) == 0
    manifest = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert manifest["preprocess"] == manifest["postprocess"] == []
    assert manifest["labels"] == LABELS
    assert "task" not in manifest


def test_token_ids_are_the_input(tmp_path: Path) -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(50, 4)
            self.places = nn.Embedding(32, 4)

        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
            values = self.words(input_ids) + self.places(torch.arange(input_ids.shape[1]))
            mask = attention_mask.unsqueeze(-1).float()
            return (values * mask).sum(1) / mask.sum(1).clamp(min=1)

    root = tmp_path / "tokens"
    (root / "onnx").mkdir(parents=True)
    (root / "config.json").write_text(json.dumps({"architectures": ["BertModel"], "id2label": {"0": "LABEL_0"}}))
    (root / "tokenizer.json").write_text("{}")
    axes = {
        "input_ids": {0: "batch", 1: "sequence"},
        "attention_mask": {0: "batch", 1: "sequence"},
        "sentence": {0: "batch"},
    }
    example = (torch.ones(2, 8, dtype=torch.int64), torch.ones(2, 8, dtype=torch.int64))
    exported(Tokens(), example, root / "onnx" / "model.onnx", list(axes)[:2], ["sentence"], axes)
    report = import_bundle(root, tmp_path / "bundle", progress=False)
    assert "the tokenizer is not part of the bundle: token ids are the input" in report.notes
    assert report.dims["sequence"] == {"min": 1, "max": 32}
    assert report.outputs == {"sentence": "float32[batch, 4]"}
    assert report.batch == "batch"
    assert BundleFiles(tmp_path / "bundle").manifest["labels"] is None

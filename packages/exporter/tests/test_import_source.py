"""What cannot be imported says what it is and what to do, and nothing of it is run."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

import models
from tensorferry import ExportError
from tensorferry.import_source import find_kind


class Trap:
    """Fails the test when it is unpickled."""

    def __reduce__(self) -> tuple:
        return exec, ("raise SystemExit('unpickled')",)


class Carrier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.trap = Trap()


def torch_file(value: object, **options: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def archive(**entries: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in entries.items():
            file.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


def program() -> bytes:
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(nn.ReLU(), (torch.rand(2),)), buffer)
    return buffer.getvalue()


STATE = models.Mlp().state_dict()
FILES = {
    "whole.pt": (lambda: torch_file(Carrier()), "is a pickled module (", "never done here"),
    "legacy.pt": (
        lambda: torch_file(Carrier(), _use_new_zipfile_serialization=False),
        "is a pickled module (",
        "torch.save(model.state_dict()",
    ),
    "state.pt": (lambda: torch_file(STATE), "is a state dict", "--factory pkg.module:NAME"),
    "checkpoint.ckpt": (
        lambda: torch_file({"epoch": 1, "model": STATE, "optimizer": {"lr": 0.1}}),
        "is a state dict",
        "--factory",
    ),
    "weights.safetensors": (lambda: safetensors.torch.save(STATE), "safetensors", "--factory"),
    "program.pt2": (program, "is a torch.export program", "python -m tensorferry export"),
    "compiled.pt2": (
        lambda: archive(model__data__aotinductor__a=b""),
        "is an AOTInductor package",
        "python -m tensorferry aoti",
    ),
    "model.keras": (lambda: archive(**{"config.json": b"{}", "model.weights.h5": b""}), "a Keras file", "tf2onnx"),
    "model.h5": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(20), "a Keras file", "tf2onnx"),
    "model.tflite": (lambda: b"\x1c\0\0\0TFL3" + bytes(20), "TensorFlow Lite", "tf2onnx"),
    "graph.pb": (lambda: b"\x0a\x10" + bytes(20), "TensorFlow graph", "tf2onnx"),
    "model.mlmodel": (lambda: b"\x08\x07\x12\x05" + bytes(20), "a Core ML model", "made from"),
    "model.gguf": (lambda: b"GGUF" + bytes(20), "a GGUF file", "PyTorch weights"),
    "pointer.onnx": (lambda: b"version https://git-lfs.github.com/spec/v1\n", "a Git-LFS pointer", "git lfs pull"),
    "page.onnx": (lambda: b"<!DOCTYPE html><html>", "an HTML page", "download"),
    "empty.onnx": (lambda: b"", "an empty file", "again"),
    "cut.pt": (lambda: torch_file(STATE)[:400], "a damaged zip archive", "again"),
    "other.zip": (lambda: archive(a=b""), "a zip archive with no model", "unpack"),
    "noise.bin": (lambda: bytes(range(200, 255)), "a file of an unknown kind", ".onnx"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_model(tmp_path: Path, name: str) -> None:
    make, found, advice = FILES[name]
    (tmp_path / name).write_bytes(make())
    with pytest.raises(ExportError) as caught:
        find_kind(tmp_path / name)
    assert caught.value.code == "FORMAT_UNSUPPORTED"
    assert found in caught.value.message
    assert advice in caught.value.message
    assert name in caught.value.message


@pytest.mark.parametrize(
    ("files", "found", "advice"),
    [
        (["bundle.json"], "a bundle already", "tensorferry verify"),
        (["saved_model.pb"], "a TensorFlow SavedModel", "tf2onnx"),
        (["config.json", "model.safetensors"], "a Hugging Face folder without ONNX", "optimum-cli export onnx"),
        (["a.onnx", "b.onnx"], "a folder of ONNX files without a config.json", "a.onnx, b.onnx"),
        (["notes.txt"], "a folder with no model", "config.json and onnx/model.onnx"),
    ],
)
def test_a_folder_that_is_no_model(tmp_path: Path, files: list[str], found: str, advice: str) -> None:
    for name in files:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(ExportError) as caught:
        find_kind(tmp_path)
    assert caught.value.code == "FORMAT_UNSUPPORTED"
    assert found in caught.value.message
    assert advice in caught.value.message


def test_a_pickle_names_its_classes_without_being_run(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(torch_file(Carrier()))
    with pytest.raises(ExportError, match=r"Carrier, __builtin__\.exec, torch\.nn"):
        find_kind(tmp_path / "model.pt")
    # it would have
    with pytest.raises(SystemExit):
        pickle.loads(pickle.dumps(Trap()))


def test_weights_are_for_a_factory_and_models_are_not(tmp_path: Path) -> None:
    for name, content in (("a.pt", torch_file(STATE)), ("a.safetensors", safetensors.torch.save(STATE))):
        (tmp_path / name).write_bytes(content)
        assert find_kind(tmp_path / name, has_factory=True) == "weights"
    torch.jit.save(torch.jit.script(nn.ReLU()), str(tmp_path / "b.pt"))
    assert find_kind(tmp_path / "b.pt") == "torchscript"
    with pytest.raises(ExportError, match="a whole model"):
        find_kind(tmp_path / "b.pt", has_factory=True)

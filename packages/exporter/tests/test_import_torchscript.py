"""Bare TorchScript files as bundles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from torch import Tensor, nn

import models
from tensorferry import ExportError, import_bundle
from tensorferry.__main__ import main


def saved(module: torch.jit.ScriptModule, path: Path) -> Path:
    torch.jit.save(module, str(path))
    return path


class Branches(nn.Module):
    """What only script keeps: a branch on values, a dict, an argument with a default."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x: Tensor, mask: Tensor, scale: float = 2.0) -> dict[str, Tensor]:
        y = self.linear(x)
        if bool(mask.any()):
            y = y * scale
        return {"scores": y, "best": y.argmax(-1)}


@pytest.fixture
def traced(tmp_path: Path) -> Path:
    model = models.Downscale().eval()
    return saved(torch.jit.trace(model, torch.rand(2, 3, 16, 20)), tmp_path / "downscale.pt")


def test_a_traced_file(traced: Path, tmp_path: Path) -> None:
    examples = [(torch.rand(2, 3, 16, 20),), (torch.rand(3, 3, 12, 9),)]
    report = import_bundle(traced, tmp_path / "bundle", examples=examples, progress=False)
    assert report.inputs == {"image": "float32[batch, 3, image_2, image_3]"}
    assert report.outputs == {"output": "float32[batch, 4, (image_2 + 1)//2, (image_3 + 1)//2]"}
    assert report.batch == "batch"
    assert report.artifacts[0].route == "imported"
    release = torch.__version__.split("+")[0]
    assert report.reference == f"torchscript {release}"
    goldens = safetensors.numpy.load_file(tmp_path / "bundle" / "goldens.safetensors")
    given, written = torch.jit.load(traced), torch.jit.load(tmp_path / "bundle" / "model.pt")
    for x in (example[0] for example in examples):
        name = "x".join(map(str, x.shape))
        for module in (given, written):
            with torch.no_grad():
                assert np.abs(module(x).numpy() - goldens[f"{name}/outputs.output"]).max() < 1e-6


def test_a_scripted_file_with_a_dict_and_a_default(tmp_path: Path) -> None:
    path = saved(torch.jit.script(Branches().eval()), tmp_path / "branches.pt")
    examples = [{"x": torch.rand(2, 4), "mask": torch.tensor([True, False])}]
    report = import_bundle(path, tmp_path / "bundle", examples=examples, progress=False)
    assert list(report.inputs) == ["x", "mask"]
    assert list(report.outputs) == ["scores", "best"]
    assert "forward's scale is left at its default" in report.notes


def test_no_path_of_the_machine_stays(tmp_path: Path) -> None:
    path = saved(torch.jit.script(Branches().eval()), tmp_path / "branches.pt")
    here = str(Path(__file__).parent).encode()
    assert here in b"".join(_entries(path))
    examples = [{"x": torch.rand(2, 4), "mask": torch.tensor([True, False])}]
    import_bundle(path, tmp_path / "bundle", examples=examples, progress=False)
    assert here not in b"".join(_entries(tmp_path / "bundle" / "model.pt"))


def _entries(path: Path) -> list[bytes]:
    import zipfile

    with zipfile.ZipFile(path) as archive:
        return [archive.read(name) for name in archive.namelist()]


def test_examples_of_a_file_by_the_command(traced: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tensors = {"a/image": torch.rand(2, 3, 16, 20), "b/image": torch.rand(3, 3, 12, 9)}
    safetensors.torch.save_file(tensors, tmp_path / "inputs.safetensors")
    np.savez(tmp_path / "one.npz", image=tensors["a/image"].numpy())
    for name in ("inputs.safetensors", "one.npz"):
        arguments = ["import", str(traced), "--examples", str(tmp_path / name), "--outputs", "features", "--quiet"]
        assert main([*arguments, "--out", str(tmp_path / name[:3])]) == 0
        assert "output features" in capsys.readouterr().out
    goldens = safetensors.torch.load_file(tmp_path / "inp" / "goldens.safetensors")
    assert torch.equal(goldens["3x3x12x9/inputs.image"], tensors["b/image"])


def test_without_examples_it_says_which_are_needed(traced: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        import_bundle(traced, tmp_path / "bundle", progress=False)
    assert caught.value.code == "EXAMPLES_INVALID"
    assert "does not say the dtypes and sizes of its inputs (image); give examples" in caught.value.message


def test_a_parameter_that_is_no_tensor(tmp_path: Path) -> None:
    class Repeats(nn.Module):
        def forward(self, x: Tensor, times: int) -> Tensor:
            return x * times

    path = saved(torch.jit.script(Repeats()), tmp_path / "repeats.pt")
    with pytest.raises(ExportError) as caught:
        import_bundle(path, tmp_path / "bundle", examples=[(torch.rand(2),)], progress=False)
    assert caught.value.code == "FORMAT_UNSUPPORTED"
    assert "forward takes times: int, and a bundle has tensors only" in caught.value.message


def test_a_frozen_file(tmp_path: Path) -> None:
    frozen = torch.jit.freeze(torch.jit.script(models.Mlp().eval()))
    path = saved(frozen, tmp_path / "frozen.pt")
    report = import_bundle(path, tmp_path / "bundle", examples=[(torch.rand(2, 8),)], progress=False)
    assert report.outputs == {"output": "float32[2, 4]"}

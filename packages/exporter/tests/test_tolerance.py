"""The tolerance comes from the difference that was measured between float32 and float64."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn, rand

import models
from bundle_files import BundleFiles
from tensorferry.goldens import round_up

BATCH = {"x": {0: "batch[1:8]"}}


class TwoOutputs(nn.Module):
    """One that float32 gives well, and one that it does not."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x * 2, (x.cumsum(-1) * 100 + 1000).cos(), x.argmax(-1)


def test_the_report_says_what_was_measured(export, tmp_path: Path) -> None:
    examples = [(rand(3, 8),), (rand(5, 8),)]
    model = TwoOutputs()
    report = export(model, examples, None, ["plain", "lossy", "index"], BATCH)
    with torch.no_grad():
        pairs = [(model(x)[1].double(), model(x.double())[1]) for (x,) in examples]
    own = max((a - b).abs().max().item() for a, b in pairs)
    assert report.tolerance["lossy"].float64_difference == pytest.approx(own)
    assert report.tolerance["plain"].float64_difference == 0
    assert list(report.tolerance) == ["plain", "lossy"]
    tolerance = BundleFiles(tmp_path / "bundle").manifest["goldens"]["tolerance"]["float32"]
    assert tolerance == {"atol": round_up(10 * own), "rtol": 1e-4}
    assert tolerance["atol"] > 1e-5
    assert report.tolerance["lossy"].atol == report.tolerance["plain"].atol == tolerance["atol"]
    assert json.loads(report.to_json())["tolerance"]["lossy"] == {**tolerance, "float64_difference": pytest.approx(own)}
    assert f"tolerance lossy  {tolerance['atol']:g} + 0.0001 * |expected|; PyTorch itself is at most {own:.2g} off" in (
        str(report)
    )


def test_a_stable_model_keeps_the_usual_tolerance(export) -> None:
    model = models.Mlp()
    x = rand(3, 8)
    report = export(model, [(x,), (rand(5, 8),)], None, ["y"], BATCH)
    found = report.tolerance["y"]
    assert (found.atol, found.rtol) == (1e-5, 1e-4)
    assert 0 < found.float64_difference < 1e-6


@pytest.mark.parametrize(
    ("dtype", "tolerance", "least", "most"),
    [
        (torch.float16, {"atol": 1e-3, "rtol": 1e-2}, 1e-5, 1e-2),
        (torch.float64, {"atol": 1e-9, "rtol": 1e-7}, 0, 0),
    ],
    ids=str,
)
def test_halves_and_doubles_have_their_own(export, tmp_path: Path, dtype, tolerance, least, most) -> None:
    model = nn.Linear(8, 4).to(dtype)
    report = export(model, [(rand(n, 8, dtype=dtype),) for n in (3, 5)], ["x"], ["y"], BATCH)
    manifest = BundleFiles(tmp_path / "bundle").manifest
    assert manifest["goldens"]["tolerance"] == {str(dtype).removeprefix("torch."): tolerance}
    assert least <= report.tolerance["y"].float64_difference <= most


@pytest.mark.parametrize(("value", "rounded"), [(1.2e-4, 2e-4), (1e-5, 1e-5), (9.01e-3, 1e-2), (0.3, 0.3)])
def test_round_up_keeps_one_digit(value: float, rounded: float) -> None:
    assert round_up(value) == pytest.approx(rounded)
    assert np.float64(round_up(value)) >= value * (1 - 1e-12)

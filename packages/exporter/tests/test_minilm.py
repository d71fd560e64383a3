"""The sentence encoder of examples/minilm with one layer and random weights; the examples' tests export its own."""

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from bundle_files import BundleFiles

FOLDER = Path(__file__).resolve().parents[3] / "examples" / "minilm"


@pytest.fixture
def minilm(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("minilm")


def padded(batch: int, tokens: int) -> tuple[Tensor, Tensor]:
    """Random ids; each row is a token shorter than the one before, the first is whole."""
    mask = (torch.arange(tokens) < tokens - torch.arange(batch)[:, None]).long()
    return torch.randint(1, 50, (batch, tokens)) * mask, mask


def test_the_factory_has_at_most_60_lines() -> None:
    lines = (FOLDER / "minilm.py").read_text(encoding="utf-8").splitlines()
    assert any(line.startswith("def minilm(") for line in lines)
    assert len(lines) <= 60


def test_every_format_is_proven_over_the_whole_range(export, minilm: ModuleType, tmp_path: Path) -> None:
    axes = {0: "batch[1:64]", 1: "tokens[1:32]"}
    report = export(
        minilm.MiniLm(layers=1, words=50, positions=32),
        [padded(3, 7), padded(1, 5), padded(5, 12)],
        ["input_ids", "attention_mask"],
        ["embedding"],
        {"input_ids": axes, "attention_mask": axes},
        formats=["onnx", "torchscript", "aot-inductor"],
    )
    assert report.refused == {}
    (note,) = report.notes
    assert "attention_mask: mask" in note, "and no NaN anywhere"
    assert [artifact.format for artifact in report.artifacts] == ["onnx", "torchscript", "aot-inductor"]
    # 3 examples, each of zeros and turned round, 4 more batches, 5 more lengths, the smallest of both
    assert [artifact.cases for artifact in report.artifacts] == [20] * 3
    assert max(artifact.max_abs for artifact in report.artifacts) < 1e-6
    assert report.batch == "batch"
    files = BundleFiles(tmp_path / "bundle")
    assert files.manifest["outputs"] == [{"name": "embedding", "dtype": "float32", "shape": ["batch", 384]}]
    ids, mask = (value.numpy() for value in padded(4, 9))
    for run in (files.run, files.torchscript()):
        embedding = run({"input_ids": ids, "attention_mask": mask})["embedding"]
        np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-6)
        for row in range(4):
            alone = {"input_ids": ids[row : row + 1, : 9 - row], "attention_mask": mask[row : row + 1, : 9 - row]}
            np.testing.assert_allclose(run(alone)["embedding"][0], embedding[row], atol=1e-6)
        # what stands under a zero of the mask does not count
        other = np.where(mask == 1, ids, 49)
        np.testing.assert_allclose(run({"input_ids": other, "attention_mask": mask})["embedding"], embedding, atol=1e-6)
        nothing = run({"input_ids": ids, "attention_mask": np.zeros_like(mask)})["embedding"]
        np.testing.assert_array_equal(nothing, np.zeros((4, 384), np.float32))

"""Models that give NaN in PyTorch too: the file must give it at the same places, and the report says so."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn, rand, randint

from bundle_files import BundleFiles
from tensorferry import ExportError
from tensorferry.tensors import compare

BATCH = {"x": {0: "batch[1:16]"}}
NAN = np.float32("nan")


class Encoder(nn.Module):
    """int64 [batch, length] -> float32 [batch, length, 4]; 0 is padding, a row of padding alone gives NaN."""

    def __init__(self, nested: bool) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.embedding = nn.Embedding(20, 8)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=nested)
        self.head = nn.Linear(8, 4)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.encoder(self.embedding(ids), src_key_padding_mask=ids == 0))


class Logarithm(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.log()


class Share(nn.Module):
    """Of the row's sum: 0 / 0 for a row of zeros."""

    def forward(self, x: Tensor) -> Tensor:
        return x / x.sum(-1, keepdim=True)


class NanBuffer(nn.Module):
    """A constant that holds NaN is no state."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.tensor([1.0, float("nan")]))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.table[0]


@pytest.mark.parametrize(
    ("expected", "got", "agrees"),
    [
        ([NAN, 1], [NAN, 1], True),
        ([NAN, 1], [NAN, 2], False),
        ([NAN, 1], [1, 1], False),
        ([1, 1], [NAN, 1], False),
        ([np.inf, -np.inf], [np.inf, -np.inf], True),
        ([np.inf, 1], [-np.inf, 1], False),
        ([np.inf, 1], [NAN, 1], False),
        ([np.inf, 1], [3e38, 1], False),
    ],
)
def test_nan_equals_nan_and_nothing_else(expected: list, got: list, agrees: bool) -> None:
    difference = compare(np.float32(expected), np.float32(got), "float32", allowance=0.1)
    assert difference.agrees is agrees


@pytest.mark.parametrize(
    ("model", "first"),
    [(Logarithm(), "3x8 negated (100% of the elements)"), (Share(), "3x8 of zeros (100% of the elements)")],
)
def test_nan_of_made_up_values_is_noted(export, model: nn.Module, first: str) -> None:
    report = export(model, [(rand(3, 8) + 0.1,), (rand(5, 8) + 0.1,)], ["x"], ["y"], BATCH)
    note = f"y: PyTorch itself gives NaN on {first} and on 1 more; the file gives NaN at the same places"
    assert report.notes == [note]
    assert note in str(report)


def test_an_encoder_whose_rows_are_all_padding(export, tmp_path: Path) -> None:
    examples = [(randint(1, 20, (2, 6)),), (torch.tensor([[3, 4, 0], [0, 0, 0], [5, 0, 0]]),)]
    report = export(Encoder(False), examples, ["ids"], ["y"], {"ids": {0: "batch[1:16]", 1: "length[1:32]"}})
    golden = BundleFiles(tmp_path / "bundle").goldens["3x3/outputs.y"]
    assert np.isnan(golden).all(axis=(1, 2)).tolist() == [False, True, False]
    assert any(note.startswith("y: PyTorch itself gives NaN on 3x3 (33% of the elements)") for note in report.notes)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_the_fast_path_of_an_encoder_is_refused_with_what_to_do(export) -> None:
    examples = [(randint(1, 20, (2, 6)),), (torch.tensor([[3, 4, 1], [2, 0, 0]]),)]
    with pytest.raises(ExportError, match=r"encoder .*enable_nested_tensor=False") as caught:
        export(Encoder(True), examples, ["ids"], ["y"], {"ids": {0: "batch[1:16]", 1: "length[1:32]"}})
    assert caught.value.code == "REPLAY_MISMATCH"


def test_a_buffer_of_nan_is_no_state(export) -> None:
    assert export(NanBuffer(), [(rand(3, 8),), (rand(5, 8),)], ["x"], ["y"], BATCH).notes == []

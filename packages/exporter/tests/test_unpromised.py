"""Results that PyTorch itself does not promise: ties and attention to nothing are left out, all else is compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn, rand, tensor
from torch.nn import functional

from bundle_files import BundleFiles
from tensorferry import ExportError
from tensorferry.eager import outputs_of
from tensorferry.unpromised import unpromised


class Detector(nn.Module):
    """The boxes of the best scores, without suppression."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 6, 8, stride=8)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        found = self.head(x).flatten(2).transpose(1, 2)
        places = torch.arange(found.shape[1], dtype=found.dtype)[None, :, None] * 8
        scores, best = found[..., 4:].sigmoid().amax(-1).topk(4, dim=1)
        return (places + found[..., :4]).gather(1, best[..., None].expand(-1, -1, 4)), scores


class Order(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sort(1, descending=True).indices


class Padding(nn.Module):
    """Reads its padding out of the ids: ids of zeros alone leave nothing to attend to."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.query = nn.Embedding(20, 8), nn.Linear(8, 8)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        kept = (ids != 0)[:, None, None]
        heads = [part[:, None] for part in (self.query(x), x, x)]
        return functional.scaled_dot_product_attention(*heads, attn_mask=kept)[:, 0, 0]


def test_a_detector_without_suppression_is_exported(export, tmp_path: Path) -> None:
    model = Detector().eval()
    examples = [(rand(1, 3, 48, 48),), (rand(2, 3, 48, 48),)]
    report = export(model, examples, ["x"], ["boxes", "scores"], {"x": {0: "batch[1:8]"}})
    notes = [note for note in report.notes if "left out of the comparison" in note]
    assert notes, "a picture of zeros has one score everywhere"
    assert all("of boxes" in note and "of scores" not in note and "a tie" in note for note in notes)
    files = BundleFiles(tmp_path / "bundle")
    picture = rand(3, 3, 48, 48)
    with torch.no_grad():
        boxes, scores = model(picture)
    got = files.run({"x": picture.numpy()})
    np.testing.assert_allclose(got["boxes"], boxes.numpy(), atol=1e-4)
    np.testing.assert_allclose(got["scores"], scores.numpy(), atol=1e-5)


def test_an_order_of_repeated_rows_is_exported(export, tmp_path: Path) -> None:
    export(Order(), [(rand(2, 6),), (rand(3, 9),)], ["x"], ["order"], {"x": {0: "batch[1:8]", 1: "n[2:32]"}})
    files = BundleFiles(tmp_path / "bundle")
    assert files.run({"x": np.array([[0.3, 0.1, 0.9]], np.float32)})["order"].tolist() == [[2, 0, 1]]


def test_ids_of_padding_alone_are_left_out(export) -> None:
    examples = [(tensor([[3, 5, 0], [7, 0, 0]]),), (tensor([[3, 5, 9, 2], [7, 1, 4, 0], [1, 1, 1, 1]]),)]
    report = export(Padding(), examples, ["ids"], ["y"], {"ids": {0: "batch[1:8]", 1: "time[1:16]"}})
    assert report.artifacts[0].cases > 8


def test_only_what_a_tie_decides_is_left_out() -> None:
    model = Detector().eval()
    with torch.no_grad():
        inputs = (torch.zeros(1, 3, 48, 48),)
        expected = outputs_of(model, inputs)
    all_boxes = [np.ones(expected[0].shape, bool), np.zeros(expected[1].shape, bool)]
    assert unpromised(model, inputs, expected, all_boxes) == (True, "a tie")
    a_score = [np.zeros(expected[0].shape, bool), np.ones(expected[1].shape, bool)]
    assert unpromised(model, inputs, expected, a_score)[0] is False
    other = (rand(1, 3, 48, 48),)
    assert unpromised(model, other, outputs_of(model, other), all_boxes)[0] is False


class OtherWhenExported(Detector):
    """A file of it is wrong in its scores, whatever the ties are."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        boxes, scores = super().forward(x)
        return boxes, scores + 0.1 if torch.compiler.is_exporting() else scores


def test_a_wrong_score_is_not_hidden_by_ties(export) -> None:
    examples = [(rand(1, 3, 48, 48),), (rand(2, 3, 48, 48),)]
    with pytest.raises(ExportError) as caught:
        export(OtherWhenExported(), examples, ["x"], ["boxes", "scores"], {"x": {0: "batch[1:8]"}}, capture="export")
    assert caught.value.code == "REPLAY_MISMATCH"
    assert caught.value.details["output"] == "scores"

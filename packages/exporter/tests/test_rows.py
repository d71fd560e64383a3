"""A dim is marked as batch where rows are shown to be independent, and nowhere else."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn, rand, randint

import models
from tensorferry.dims import DimRange, DynamicDims
from tensorferry.examples import Case
from tensorferry.rows import batch_dim, rows_independent


def eager(model: nn.Module):
    return lambda inputs: [value.detach().numpy() for value in _tuple(model(*inputs))]


def _tuple(result) -> tuple[Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)


def cases(*inputs: Tensor) -> list[Case]:
    """Two examples, the second one with the values in reverse."""
    return [Case("a", inputs), Case("b", tuple(value.flatten().flip(0).reshape(value.shape) for value in inputs))]


class AttendsOverRows(nn.Module):
    """An encoder that takes axis 0 for the time."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(4, 1, 4, batch_first=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class MixesManyRows(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0, keepdim=True) if x.shape[0] > 8 else x


class Counts(nn.Module):
    """Integers, compared with those of the other rows."""

    def forward(self, x: Tensor) -> Tensor:
        return (x.unsqueeze(0) == x.unsqueeze(1)).sum(1)


class Several(nn.Module):
    """Two inputs, two outputs of several axes."""

    def __init__(self, mixes: bool) -> None:
        super().__init__()
        self.mixes = mixes

    def forward(self, x: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        shift = ids.float().mean() if self.mixes else ids.float().mean((1,), keepdim=True)
        return x.unsqueeze(-1) * torch.ones(2), (x + shift).cumsum(1)


@pytest.mark.parametrize(
    ("model", "inputs", "says"),
    [
        (models.Mlp(), [rand(2, 8)], None),
        (models.Downscale(), [rand(2, 3, 5, 6)], None),
        (nn.BatchNorm1d(4), [rand(2, 4)], None),
        (nn.BatchNorm1d(4, track_running_stats=False), [rand(2, 4)], "a row alone"),
        (AttendsOverRows(), [rand(2, 3, 4)], "a row alone"),
        (nn.TransformerEncoderLayer(4, 1, 4, batch_first=True), [rand(2, 3, 4)], None),
        (MixesManyRows(), [rand(2, 4)], "a row among 32"),
        (Several(False), [rand(2, 3), randint(0, 9, (2, 5))], None),
        (Several(True), [rand(2, 3), randint(0, 9, (2, 5))], "a row alone"),
        (models.Recurrent(), [rand(2, 3), rand(2, 4)], None),
    ],
)  # fmt: skip
def test_rows(model: nn.Module, inputs: list[Tensor], says: str | None) -> None:
    if isinstance(model, nn.BatchNorm1d) and not model.track_running_stats:
        # it refuses a single row of one value, not one of several
        inputs = [rand(2, 4, 3)]
    found = rows_independent(eager(model.eval()), cases(*inputs))
    assert found is None if says is None else says in found


@pytest.mark.parametrize("ids", [[[5, 2, 4, 4, 4], [5, 3, 3, 8, 0]], [[7, 7, 0, 0, 0]], [[True, True, False, False]]])
def test_rows_of_one_sum_are_told_apart(ids: list[list[int | bool]]) -> None:
    # the rows of each have one sum, so shifting leaves their mean
    inputs = [rand(len(ids), 3), torch.tensor(ids)]
    assert "a row alone" in rows_independent(eager(Several(True)), cases(*inputs))
    assert rows_independent(eager(Several(False)), cases(*inputs)) is None


def test_rows_come_from_all_examples() -> None:
    # one row of one number in each: shifting makes no other
    assert rows_independent(eager(Counts()), [Case("a", (torch.tensor([3]),)), Case("b", (torch.tensor([3]),))]) == (
        "the examples' rows are all alike, which shows nothing"
    )
    found = rows_independent(eager(Counts()), [Case("a", (torch.tensor([3]),)), Case("b", (torch.tensor([4]),))])
    assert found.startswith("a row alone gives another result")
    # other sizes are cut to the first example's
    several = [Case("a", (rand(1, 3),)), Case("b", (rand(2, 5),))]
    assert rows_independent(eager(nn.Linear(3, 2)), several) is None


def test_many_rows_stay_inside_the_range() -> None:
    seen = []

    def run(inputs):
        seen.append(len(inputs[0]))
        return [inputs[0].numpy()]

    assert rows_independent(run, cases(rand(2, 4)), largest=6) is None
    assert max(seen) == 6


def test_ten_times_the_models_own_error_is_allowed() -> None:
    def run(inputs):
        # as if another kernel ran for a batch
        return [inputs[0].numpy() + (4e-5 if len(inputs[0]) > 1 else 0)]

    assert "a row alone" in rows_independent(run, cases(rand(2, 4) * 1e-3))
    assert rows_independent(run, cases(rand(2, 4)), error=lambda inputs, outputs: [1e-5]) is None


def test_which_dim_can_be_the_batch() -> None:
    dims = DynamicDims({"n": DimRange(1, 8), "m": DimRange(1, 8)}, {"x": {0: "n", 1: "m"}, "ids": {0: "n"}})
    assert batch_dim(dims, ["x", "ids"], [["n", 3], ["n", "m"]]) == "n"
    assert batch_dim(dims, ["x", "ids"], [["n", 3], []]) is None
    assert batch_dim(dims, ["x", "ids"], [["n", "2*n"]]) is None
    # an input without the dim
    assert batch_dim(dims, ["x", "scale"], [["n", 3]]) is None


@pytest.mark.parametrize(
    ("model", "shape"), [(AttendsOverRows(), (3, 4)), (nn.BatchNorm1d(4, track_running_stats=False), (4, 3))]
)
def test_mixed_rows_are_exported_without_the_mark(export, tmp_path: Path, model: nn.Module, shape: tuple) -> None:
    report = export(
        model, [(rand(2, *shape),), (rand(3, *shape),)], ["x"], ["y"], {"x": {0: "batch[1:8]"}}, formats=["torchscript"]
    )
    assert report.batch is None
    assert any("not marked as batch: " in note for note in report.notes)
    assert json.loads((tmp_path / "bundle" / "bundle.json").read_text())["dims"] == {"batch": {"min": 1, "max": 8}}


def test_a_stateful_model_whose_streams_are_independent(export) -> None:
    examples = [(rand(n, 3), rand(n, 4)) for n in (2, 3)]
    dynamic = {"x": {0: "batch[1:8]"}, "h": {0: "batch"}}
    options = {"states": [("h", "h_out")], "formats": ["torchscript"]}
    report = export(models.Recurrent(), examples, None, ["y", "h_out"], dynamic, **options)
    assert report.batch == "batch"

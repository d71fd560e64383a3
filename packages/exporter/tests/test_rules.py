"""What inputs keep: learned from the examples or told, and kept by every input that is made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn, rand, tensor
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from bundle_files import BundleFiles
from tensorferry import ExportError
from tensorferry.dims import read_dynamic
from tensorferry.examples import Case, replay_cases
from tensorferry.rules import read_rules

TEXT = {"ids": {0: "batch[1:8]", 1: "time[1:32]"}, "mask": {0: "batch", 1: "time"}}
SEQUENCES = {"x": {0: "batch[1:16]", 1: "time[1:32]"}, "lengths": {0: "batch"}}


def ids(batch: int, time: int, seed: int = 0) -> Tensor:
    return torch.randint(1, 50, (batch, time), generator=torch.Generator().manual_seed(seed))


def padded(batch: int, time: int, padding: int = 2) -> Tensor:
    mask = torch.ones(batch, time, dtype=torch.long)
    mask[0, time - padding :] = 0
    return mask


def made_up(examples, dynamic, names, rules=None) -> list[Case]:
    """Every input that a replay makes of the examples, and they themselves."""
    dims = read_dynamic(dynamic, names, {name: value.dim() for name, value in zip(names, examples[0], strict=True)})
    cases = [Case(str(index), example, is_example=True) for index, example in enumerate(examples)]
    found, _ = replay_cases(cases, names, dims, {}, read_rules(rules, names, examples, dims))
    assert len(found) > len(examples) + 4
    return found


def test_every_row_of_a_made_up_mask_keeps_a_token_at_the_start() -> None:
    examples = [(ids(2, 7), padded(2, 7)), (ids(3, 12), padded(3, 12, 4))]
    for case in made_up(examples, TEXT, ["ids", "mask"]):
        words, mask = case.inputs
        assert words.shape == mask.shape
        assert int(words.min()) >= 1
        assert int(words.max()) < 50
        assert set(mask.unique().tolist()) <= {0, 1}
        # five in the shorter row of the first example
        assert bool((mask.sum(1) >= min(5, mask.shape[1])).all()), case.name
        assert bool((mask[:, 1:] <= mask[:, :-1]).all()), case.name


def test_a_mask_of_ones_is_tried_with_padding_too() -> None:
    examples = [(ids(2, 8), torch.ones(2, 8)), (ids(3, 8), torch.ones(3, 8))]
    examples = [(words, mask.long()) for words, mask in examples]
    masks = [
        case.inputs[1] for case in made_up(examples, {"ids": {0: "batch[1:8]"}, "mask": {0: "batch"}}, ["ids", "mask"])
    ]
    assert any(bool((mask == 0).any()) for mask in masks)
    assert all(bool((mask.sum(1) >= 4).all()) for mask in masks)


@pytest.mark.parametrize("side", ["left", "right"])
def test_scores_that_are_added_are_a_mask(side: str) -> None:
    kept = padded(2, 6).flip(1) if side == "left" else padded(2, 6)
    bias = torch.zeros(2, 6).masked_fill(kept == 0, torch.finfo(torch.float32).min)
    other = torch.zeros(3, 9)
    other[0, 0 if side == "left" else 8] = torch.finfo(torch.float32).min
    for case in made_up([(ids(2, 6), bias), (ids(3, 9), other)], TEXT, ["ids", "mask"]):
        found = case.inputs[1]
        assert set(found.unique().tolist()) <= {0.0, torch.finfo(torch.float32).min}
        assert bool(((found == 0).sum(1) >= min(4, found.shape[1])).all()), case.name


def test_a_mask_of_booleans_may_lie_anywhere() -> None:
    kept = tensor([[True, False, True, True], [False, True, True, False]])
    other = tensor([[True, True, False, True, True], [False, False, True, True, False]])
    for case in made_up([(ids(2, 4), kept), (ids(2, 5), other)], TEXT, ["ids", "mask"]):
        assert case.inputs[1].dtype == torch.bool
        assert bool((case.inputs[1].sum(1) >= min(2, case.inputs[1].shape[1])).all()), case.name


def test_lengths_follow_the_axis_that_they_count_along() -> None:
    examples = [(rand(3, 6, 5), tensor([6, 4, 2])), (rand(2, 9, 5), tensor([9, 3]))]
    sizes = set()
    for case in made_up(examples, SEQUENCES, ["x", "lengths"]):
        x, lengths = case.inputs
        sizes.add(x.shape[1])
        assert int(lengths.max()) == x.shape[1], case.name
        assert int(lengths.min()) >= 1
        assert lengths.dtype == torch.long
    assert {1, 2, 5, 7, 32} <= sizes


def test_an_index_stays_below_its_axis() -> None:
    examples = [(rand(3, 6, 5), tensor([5, 0, 2])), (rand(2, 9, 5), tensor([8, 1]))]
    for case in made_up(examples, SEQUENCES, ["x", "lengths"]):
        x, last = case.inputs
        # the input of zeros reads the first step everywhere
        assert int(last.max()) in (0, x.shape[1] - 1), case.name
        assert int(last.min()) >= 0


def test_sorted_inputs_stay_sorted_and_probabilities_sum_to_one() -> None:
    first = (tensor([0.1, 0.4, 0.7, 0.9]), rand(2, 3).softmax(1))
    second = (tensor([0.2, 0.3, 0.5, 0.6, 0.8]), rand(4, 3).softmax(1))
    dynamic = {"times": {0: "steps[2:20]"}, "weights": {0: "batch[1:8]"}}
    for case in made_up([first, second], dynamic, ["times", "weights"]):
        times, weights = case.inputs
        assert bool((times[1:] >= times[:-1]).all()), case.name
        assert bool((weights >= 0).all())
        np.testing.assert_allclose(weights.sum(1).numpy(), 1, rtol=1e-5)


def test_pixels_and_plain_numbers_keep_no_rule() -> None:
    pictures = [
        (torch.randint(3, 200, (1, 4, 4, 3), dtype=torch.uint8),),
        (torch.randint(3, 200, (2, 4, 4, 3), dtype=torch.uint8),),
    ]
    cases = made_up(pictures, {"x": {0: "batch[1:4]"}}, ["x"])
    assert any(int(case.inputs[0].max()) == 0 for case in cases), "a black picture"
    floats = made_up([(rand(2, 4) - 0.5,), (rand(3, 4) - 0.5,)], {"x": {0: "batch[1:4]"}}, ["x"])
    assert any(float(case.inputs[0].abs().max()) > 1 for case in floats), "ten times as large"
    ink = torch.zeros(2, 1, 6, 6)
    ink[:, :, 2:4, 1:5] = 1
    grey = made_up([(ink[:1],), (ink,)], {"x": {0: "batch[1:4]"}}, ["x"])
    assert any(float(case.inputs[0].max()) > 1 for case in grey), "no mask"


def test_told_rules() -> None:
    examples = [(rand(3, 6, 5), tensor([4, 2, 2])), (rand(2, 9, 5), tensor([3, 3]))]
    told = {"lengths": "<= time and sorted descending", "x": "as given"}
    for case in made_up(examples, SEQUENCES, ["x", "lengths"], told):
        x, lengths = case.inputs
        assert int(lengths.max()) <= x.shape[1]
        assert bool((lengths[1:] <= lengths[:-1]).all())
        assert float(x.min()) >= 0, "the examples' own values"
    small = [(example[0] * 0.1, example[1]) for example in examples]
    for case in made_up(small, SEQUENCES, ["x", "lengths"], {"x": ">= 0 and <= 0.1"}):
        assert float(case.inputs[0].min()) >= 0
        assert float(case.inputs[0].max()) <= np.float32(0.1)


def test_inputs_may_come_from_a_function_for_the_sizes() -> None:
    asked: list[dict[str, int]] = []

    def make(sizes: dict[str, int]) -> tuple[Tensor, Tensor]:
        asked.append(sizes)
        return rand(sizes["batch"], sizes["time"], 5), torch.full((sizes["batch"],), sizes["time"])

    examples = [(rand(3, 6, 5), tensor([6, 6, 6])), (rand(2, 9, 5), tensor([9, 9]))]
    cases = made_up(examples, SEQUENCES, ["x", "lengths"], make)
    assert all(bool((case.inputs[1] == case.inputs[0].shape[1]).all()) for case in cases)
    assert {"batch": 3, "time": 32} in asked
    assert [case.name for case in cases].count("0 made anew") == 3


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"lengths": "below time"}, "'below time' is none of"),
        ({"lengths": "<= tim"}, "no dim is called 'tim'; dims are batch, time"),
        ({"lengths": "sorted"}, "'sorted' does not hold in examples[0]"),
        ({"length": "mask"}, "no input is called length; inputs are x, lengths"),
        ({"lengths": 3}, "expected a text such as"),
        ({"x": "<= time"}, "a dim bounds whole numbers from above"),
        ("mask", "expected a dict such as"),
        (lambda sizes: (rand(1, 2, 5), tensor([1])), "expected inputs of these sizes"),
        (lambda sizes: sizes["height"], "the function fails for"),
    ],
)
def test_rules_that_cannot_be_kept_are_refused(rules: object, message: str) -> None:
    examples = [(rand(3, 6, 5), tensor([6, 2, 4])), (rand(2, 9, 5), tensor([3, 9]))]
    with pytest.raises(ExportError, match="rules") as caught:
        made_up(examples, SEQUENCES, ["x", "lengths"], rules)
    assert caught.value.code == "OPTIONS_INVALID"
    assert message in caught.value.message


class Encoder(nn.Module):
    """Attention with a mask of booleans: a row without a token has no answer that runtimes agree on."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.query, self.key = nn.Embedding(50, 16), nn.Linear(16, 16), nn.Linear(16, 16)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        x = self.embed(ids)
        heads = [part.unflatten(-1, (2, 8)).transpose(1, 2) for part in (self.query(x), self.key(x), x)]
        found = functional.scaled_dot_product_attention(*heads, attn_mask=(mask > 0)[:, None, None])
        return found.transpose(1, 2).flatten(2)[:, 0]


def test_an_encoder_with_a_mask_is_exported(export, tmp_path: Path) -> None:
    examples = [(ids(2, 6), padded(2, 6)), (ids(3, 8), padded(3, 8))]
    report = export(Encoder(), examples, ["ids", "mask"], ["y"], TEXT, formats=["onnx"])
    assert report.artifacts[0].route == "torch.export"
    assert any("mask: mask (every row keeps 4 or more at the start)" in note for note in report.notes)
    assert BundleFiles(tmp_path / "bundle").replay() < 1e-5


class LastToken(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 3)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        return self.linear(x[torch.arange(x.shape[0]), lengths - 1])


class Packed(nn.Module):
    """A packed LSTM: lengths sorted, none below one, the longest as long as the axis."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(5, 4, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(x, lengths, batch_first=True)
        return pad_packed_sequence(self.lstm(packed)[0], batch_first=True)[0]


def test_a_model_that_reads_by_length_is_exported(export, tmp_path: Path) -> None:
    model = LastToken().eval()
    examples = [(rand(3, 6, 5), tensor([6, 2, 4])), (rand(2, 9, 5), tensor([3, 9]))]
    report = export(model, examples, ["x", "lengths"], ["y"], SEQUENCES, formats=["onnx", "torchscript"])
    assert [artifact.name for artifact in report.artifacts] == ["onnx", "torchscript"]
    files = BundleFiles(tmp_path / "bundle")
    x, lengths = rand(4, 12, 5), tensor([12, 1, 5, 7])
    with torch.no_grad():
        expected = model(x, lengths).numpy()
    np.testing.assert_allclose(files.run({"x": x.numpy(), "lengths": lengths.numpy()})["y"], expected, atol=1e-5)


def test_packed_sequences_are_exported_as_torchscript(export, tmp_path: Path) -> None:
    model = Packed().eval()
    examples = [(rand(3, 6, 5), tensor([6, 4, 2])), (rand(2, 9, 5), tensor([9, 3]))]
    report = export(model, examples, ["x", "lengths"], ["y"], SEQUENCES, formats=["torchscript"])
    assert report.batch is None, "rows in another order are not sorted"
    found = torch.jit.load(tmp_path / "bundle" / "model.pt")
    x, lengths = rand(4, 12, 5), tensor([12, 7, 5, 1])
    with torch.no_grad():
        np.testing.assert_allclose(found(x, lengths).numpy(), model(x, lengths).numpy(), atol=1e-6)


class LastState(nn.Module):
    """A classifier of the last state of a packed layer, whose output nobody reads."""

    def __init__(self, layer: nn.RNNBase, is_sorted: bool) -> None:
        super().__init__()
        self.layer = layer
        self.is_sorted = is_sorted
        self.linear = nn.Linear(8, 3)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=self.is_sorted)
        _, state = self.layer(packed)
        hidden = state[0] if isinstance(state, tuple) else state
        return self.linear(torch.cat([hidden[-2], hidden[-1]], 1))


@pytest.mark.parametrize(("kind", "is_sorted"), [(nn.LSTM, True), (nn.GRU, False)])
def test_a_packed_layer_whose_output_nobody_reads_is_exported_as_onnx(
    export, tmp_path: Path, kind: type[nn.RNNBase], is_sorted: bool
) -> None:
    torch.manual_seed(3)
    model = LastState(kind(5, 4, num_layers=2, bidirectional=True, batch_first=True), is_sorted).eval()
    examples = [(rand(3, 6, 5), tensor([6, 4, 2])), (rand(2, 9, 5), tensor([9, 3] if is_sorted else [3, 9]))]
    report = export(model, examples, ["x", "lengths"], ["y"], SEQUENCES, formats=["onnx"])
    assert [artifact.name for artifact in report.artifacts] == ["onnx"]
    files = BundleFiles(tmp_path / "bundle")
    assert [output["name"] for output in files.manifest["outputs"]] == ["y"]
    x, lengths = rand(4, 12, 5), tensor([12, 7, 5, 1] if is_sorted else [5, 12, 1, 7])
    with torch.no_grad():
        expected = model(x, lengths).numpy()
    np.testing.assert_allclose(files.run({"x": x.numpy(), "lengths": lengths.numpy()})["y"], expected, atol=1e-5)


class RefusesNegative(nn.Module):
    """Takes another way for a number that the examples never show."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 2 if float(x.sum()) > 0 else x


def test_a_refusal_that_rests_on_a_made_up_input_says_so_and_can_be_narrowed(export) -> None:
    examples = [(rand(2, 4) + 0.1,), (rand(2, 4) + 0.1,)]
    with pytest.raises(ExportError) as caught:
        export(RefusesNegative(), examples, ["x"], ["y"], formats=["torchscript"], capture="trace")
    assert caught.value.code == "REPLAY_MISMATCH"
    assert caught.value.details["made_up"] is True
    assert "Nobody gave this input" in caught.value.message
    assert "x = [[" in caught.value.message
    kept = export(
        RefusesNegative(), examples, ["x"], ["y"], formats=["torchscript"], capture="trace", rules={"x": ">= 0.01"}
    )
    assert kept.artifacts[0].cases == 8
    narrowed = export(
        RefusesNegative(), examples, ["x"], ["y"], formats=["torchscript"], capture="trace", variants=["large"]
    )
    assert narrowed.artifacts[0].cases == 4
    none = export(RefusesNegative(), examples, ["x"], ["y"], formats=["torchscript"], capture="trace", variants=[])
    assert none.artifacts[0].cases == 2
    with pytest.raises(ExportError) as final:
        export(
            RefusesNegative(),
            [examples[0], (-examples[1][0],)],
            ["x"],
            ["y"],
            formats=["torchscript"],
            capture="trace",
            variants=[],
        )
    assert "made_up" not in final.value.details, "one on the caller's own examples is final"
    with pytest.raises(ExportError, match="variants: expected a list of some of sizes, zeros, negated, large"):
        export(RefusesNegative(), examples, ["x"], ["y"], variants="zeros")

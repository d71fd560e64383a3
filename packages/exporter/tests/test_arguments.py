"""Examples by position, by name and inside tuples; names from forward; settings; dtypes."""

import dataclasses
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn, rand, randint
from torch.nn.utils.rnn import PackedSequence, pack_sequence, pad_sequence

from bundle_files import BundleFiles
from tensorferry import ExportError

BOTH = {"formats": ["onnx", "torchscript"]}


class Encoder(nn.Module):
    """int64 [batch, length] with an optional mask and types -> float32 [batch, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.types = nn.Embedding(20, 3), nn.Embedding(2, 3)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, token_type_ids: Tensor | None = None
    ) -> Tensor:
        hidden = self.words(input_ids)
        if token_type_ids is not None:
            hidden = hidden + self.types(token_type_ids)
        if attention_mask is not None:
            hidden = hidden * attention_mask.unsqueeze(-1)
        return hidden.mean(1)


class Scaled(nn.Module):
    def forward(self, x: Tensor, scale: float = 1.0, *, shift: Tensor | None = None) -> Tensor:
        return x * scale if shift is None else x * scale + shift


class Cell(nn.Module):
    """A step of an LSTM with its state as one tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(3, 4)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        h, c = self.cell(x, state)
        return h * 2, (h, c)


def written(tmp_path: Path) -> dict:
    return json.loads((tmp_path / "bundle" / "bundle.json").read_text())


def ids(rows: int) -> Tensor:
    return randint(0, 20, (rows, 5))


@pytest.mark.parametrize(
    ("keys", "calls_by_position"),
    [
        (["input_ids", "attention_mask"], True),
        # in another order, and one left out in the middle
        (["attention_mask", "input_ids"], True),
        (["token_type_ids", "input_ids"], False),
    ],
)
def test_dicts_are_keyword_arguments(export, tmp_path: Path, keys: list[str], calls_by_position: bool) -> None:
    model = Encoder()
    makers = {
        "input_ids": ids,
        "attention_mask": lambda n: randint(0, 2, (n, 5)),
        "token_type_ids": lambda n: ids(n) % 2,
    }
    examples = [{key: makers[key](rows) for key in keys} for rows in (2, 3)]
    dynamic = {key: {0: "batch[1:8]"} for key in keys}
    export(model, examples, None, ["pooled"], dynamic, **BOTH)
    files = BundleFiles(tmp_path / "bundle")
    order = [key for key in ("input_ids", "attention_mask", "token_type_ids") if key in keys]
    assert [spec["name"] for spec in files.manifest["inputs"]] == order
    assert files.manifest["dims"]["batch"]["batch"] is True
    feed = {key: makers[key](4) for key in keys}
    with torch.no_grad():
        expected = model(**feed).numpy()
    arrays = {key: value.numpy() for key, value in feed.items()}
    for run in (files.run, files.torchscript()):
        np.testing.assert_allclose(run(arrays)["pooled"], expected, rtol=1e-5, atol=1e-6)
    # an argument before the ones given needs a module of the exporter's around the caller's
    classes = torch.jit.load(str(tmp_path / "bundle" / "model.pt")).original_name
    assert (classes == "Encoder") is calls_by_position


def test_an_argument_by_name_only_and_inputs_in_an_order_of_ones_own(export, tmp_path: Path) -> None:
    examples = [{"x": rand(n, 3), "shift": rand(n, 3)} for n in (2, 3)]
    export(Scaled(), examples, ["shift", "x"], ["y"], {"x": {0: "batch"}, "shift": {0: "batch"}}, **BOTH)
    files = BundleFiles(tmp_path / "bundle")
    assert [spec["name"] for spec in files.manifest["inputs"]] == ["shift", "x"]
    feed = {"x": np.ones((1, 3), np.float32), "shift": np.full((1, 3), 4, np.float32)}
    assert files.run(feed)["y"].tolist() == files.torchscript()(feed)["y"].tolist() == [[5, 5, 5]]


def test_names_come_from_forward(export, tmp_path: Path) -> None:
    export(Encoder(), [(ids(2),), (ids(3),)], outputs=["pooled"], dynamic={"input_ids": {0: "batch[1:8]"}})
    assert [spec["name"] for spec in written(tmp_path)["inputs"]] == ["input_ids"]
    export(nn.Sequential(nn.Linear(5, 2)), [(rand(2, 5),), (rand(2, 5),)], outputs=["y"])
    assert [spec["name"] for spec in written(tmp_path)["inputs"]] == ["input"]


@pytest.mark.parametrize("names", [None, ["x", "h", "c"]])
def test_a_tuple_of_tensors_is_one_argument(export, tmp_path: Path, names: list[str] | None) -> None:
    model = Cell().eval()
    examples = [(rand(n, 3), (rand(n, 4), rand(n, 4))) for n in (2, 3)]
    inputs = names or ["x", "state.0", "state.1"]
    export(
        model,
        examples,
        names,
        ["y", "h_next", "c_next"],
        {name: {0: "batch[1:8]"} for name in inputs},
        states=[(inputs[1], "h_next"), (inputs[2], "c_next")],
        **BOTH,
    )
    files = BundleFiles(tmp_path / "bundle")
    assert [spec["name"] for spec in files.manifest["inputs"]] == inputs
    assert len(files.manifest["states"]) == 2
    assert files.replay() < 1e-5
    assert files.replay(files.torchscript()) < 1e-5
    state = (torch.zeros(2, 4), torch.zeros(2, 4))
    with torch.no_grad():
        for step in range(3):
            y, state = model(torch.from_numpy(files.goldens[f"2x3/{step}/inputs.x"]), state)
            np.testing.assert_array_equal(files.goldens[f"2x3/{step}/outputs.y"], y.numpy())
            np.testing.assert_array_equal(files.goldens[f"2x3/{step}/outputs.c_next"], state[1].numpy())


@pytest.mark.parametrize("by_name", [False, True])
def test_a_number_that_is_the_same_everywhere_is_bound(export, tmp_path: Path, by_name: bool) -> None:
    examples = [{"x": rand(n, 3), "scale": 2.5} if by_name else (rand(n, 3), 2.5) for n in (2, 3)]
    report = export(Scaled(), examples, None, ["y"], {"x": {0: "batch[1:8]"}}, **BOTH)
    assert report.notes[0].startswith("scale=2.5: the same in every example, so bound into the file")
    files = BundleFiles(tmp_path / "bundle")
    assert [spec["name"] for spec in files.manifest["inputs"]] == ["x"]
    for run in (files.run, files.torchscript()):
        assert run({"x": np.ones((1, 3), np.float32)})["y"].tolist() == [[2.5] * 3]


class Flags(nn.Module):
    def forward(self, x: Tensor, mask: Tensor | None = None, bias: Tensor | None = None, mode: str = "sum") -> Tensor:
        y = x if mask is None else x * mask
        y = y if bias is None else y + bias
        return y.sum(1) if mode == "sum" else y.mean(1)


@pytest.mark.parametrize("by_name", [False, True])
def test_none_between_tensors_and_texts_are_bound(export, tmp_path: Path, by_name: bool) -> None:
    keys = ("x", "mask", "bias", "mode")
    rows = [(rand(n, 3), None, rand(n, 3), "mean") for n in (2, 3)]
    examples = [dict(zip(keys, row, strict=True)) for row in rows] if by_name else rows
    report = export(Flags(), examples, None, None, {"x": {0: "batch[1:8]"}, "bias": {0: "batch"}}, **BOTH)
    assert "mode='mean'" in report.notes[0]
    assert "mask" not in report.notes[0]
    # one result without a name
    assert list(report.outputs) == ["output"]
    feed = {"x": np.full((4, 3), 2, np.float32), "bias": np.ones((4, 3), np.float32)}
    files = BundleFiles(tmp_path / "bundle")
    assert list(files.run(feed)["output"]) == list(files.torchscript()(feed)["output"]) == [3, 3, 3, 3]


class Features(nn.Module):
    """One dict of tensors -> a dict of tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(7, 2)

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        y = self.linear(torch.cat([features["age"], features["history"]], 1))
        return {"score": y[:, :1], "risk": y[:, 1:]}


@pytest.mark.parametrize("form", ["position", "name", "example"])
def test_a_dict_of_tensors_is_one_argument(export, tmp_path: Path, form: str) -> None:
    def some(rows: int) -> dict[str, Tensor]:
        # in another order than the first example's
        found = {"age": rand(rows, 3), "history": rand(rows, 4)}
        return found if rows == 2 else dict(reversed(found.items()))

    made = {"position": lambda n: (some(n),), "name": lambda n: {"features": some(n)}, "example": some}[form]
    prefix = "" if form == "example" else "features."
    model = Features()
    report = export(model, [made(2), made(3)], **BOTH)
    assert list(report.inputs) == [f"{prefix}age", f"{prefix}history"]
    # nobody named a dim: those in which the examples differ
    assert report.inputs[f"{prefix}age"] == "float32[batch, 3]"
    assert report.batch == "batch"
    feed = some(5)
    expected = model(feed)
    files = BundleFiles(tmp_path / "bundle")
    for run in (files.run, files.torchscript()):
        got = run({f"{prefix}{key}": value.numpy() for key, value in feed.items()})
        for key, value in expected.items():
            np.testing.assert_allclose(got[key], value.detach().numpy(), rtol=1e-5, atol=1e-6)


class Pair(NamedTuple):
    a: Tensor
    b: Tensor


@dataclasses.dataclass
class Options:
    a: Tensor
    scale: float
    b: Tensor | None = None


class Fields(nn.Module):
    def forward(self, first: Pair, second: list[Options]) -> Tensor:
        total = first.a * first.b
        for one in second:
            total = total + one.a * one.scale
        return total


def test_named_tuples_dataclasses_and_lists_of_them(export, tmp_path: Path) -> None:
    def some(rows: int) -> tuple:
        return Pair(rand(rows, 2), rand(rows, 2)), [Options(rand(rows, 2), 0.5), Options(rand(rows, 2), 4.0)]

    report = export(Fields(), [some(2), some(3)], **BOTH)
    names = ["first.a", "first.b", "second.0.a", "second.1.a"]
    assert list(report.inputs) == names
    assert report.notes[0].startswith("second.0.scale=0.5, second.1.scale=4.0: the same in every example")
    feed = {name: np.full((1, 2), value, np.float32) for name, value in zip(names, (2, 3, 4, 5), strict=True)}
    files = BundleFiles(tmp_path / "bundle")
    for run in (files.run, files.torchscript()):
        assert run(feed)["output"].tolist() == [[28, 28]]


def test_a_packed_sequence_becomes_values_and_lengths(export, tmp_path: Path) -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(4, 3)

        def forward(self, words: PackedSequence) -> Tensor:
            return self.lstm(words)[1][0][0]

    model = Last().eval()
    examples = [
        (pack_sequence([rand(n, 4) for n in lengths], enforce_sorted=False),) for lengths in ((2, 5, 3), (6, 1))
    ]
    dynamic = {"words": {0: "batch[2:8]", 1: "time[5:16]"}, "words.lengths": {0: "batch"}}
    report = export(model, examples, None, None, dynamic, formats=["torchscript"])
    assert report.inputs == {"words": "float32[batch, time, 4]", "words.lengths": "int64[batch]"}
    rows = [rand(n, 4) for n in (4, 7, 1, 4)]
    expected = model(pack_sequence(rows, enforce_sorted=False)).detach().numpy()
    feed = {"words": pad_sequence(rows, batch_first=True).numpy(), "words.lengths": np.array([4, 7, 1, 4])}
    module = torch.jit.load(str(tmp_path / "bundle" / "model.pt"))
    got = module(*map(torch.from_numpy, feed.values())).detach().numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("first", [0, 5])
def test_a_past_that_may_be_empty(export, tmp_path: Path, first: int) -> None:
    class Step(nn.Module):
        def forward(self, x: Tensor, past: Tensor) -> dict[str, Tensor]:
            present = torch.cat([past, x], 1)
            return {"present": present, "sum": present.sum(1)}

    sizes = [(2, 3, first), (1, 2, 5 - first)]
    examples = [(rand(rows, step, 4), rand(rows, past, 4)) for rows, step, past in sizes]
    dynamic = {"x": {0: "batch[1:4]", 1: "step[1:8]"}, "past": {0: "batch", 1: "past[0:32]"}}
    report = export(Step(), examples, None, None, dynamic, **BOTH)
    assert report.outputs["present"] == "float32[batch, past + step, 4]"
    assert written(tmp_path)["dims"]["past"] == {"min": 0, "max": 32}
    files = BundleFiles(tmp_path / "bundle")
    for past in (0, 1, 9):
        feed = {"x": np.ones((1, 2, 4), np.float32), "past": np.full((1, past, 4), 2, np.float32)}
        for run in (files.run, files.torchscript()):
            got = run(feed)
            assert got["present"].shape == (1, past + 2, 4)
            assert got["sum"].tolist() == [[2 + 2 * past] * 4]


def variadic() -> nn.Module:
    class Sums(nn.Module):
        def forward(self, *values: Tensor) -> Tensor:
            return sum(values)

    return Sums()


@pytest.mark.parametrize(
    ("model", "examples", "inputs", "code", "says"),
    [
        (Encoder(), [{"input_ids": ids(2)}, (ids(3),)], None, "EXAMPLES_INVALID", "tuples everywhere, or dicts"),
        (
            Encoder(),
            [{"input_ids": ids(2)}, {"input_ids": ids(3), "attention_mask": ids(3)}],
            None,
            "EXAMPLES_INVALID",
            "examples[1] gives input_ids, attention_mask, examples[0] gives input_ids",
        ),
        (
            Encoder(),
            [{"ids": ids(2)}, {"ids": ids(3)}],
            None,
            "NAMES_INVALID",
            "forward takes no ids; it takes input_ids",
        ),
        (
            Encoder(),
            [{"input_ids": ids(2)}, {"input_ids": ids(3)}],
            ["ids"],
            "NAMES_INVALID",
            "inputs names ids, the examples hold input_ids; leave `inputs` out",
        ),
        (
            Encoder(),
            [(ids(2), None), (ids(3), ids(3))],
            None,
            "EXAMPLES_INVALID",
            "attention_mask is int64[3, 5], and None in examples[0]; an optional argument is given in all examples",
        ),
        (Encoder(), [(ids(2),) * 4] * 2, None, "NAMES_INVALID", "holds 4, and forward does not name as many"),
        (variadic(), [(ids(2),), (ids(3),)], None, "NAMES_INVALID", "its parameters have no names; give inputs="),
        (Cell(), [(rand(2, 3), (rand(2, 4),) * 2), (rand(3, 3), [rand(3, 4)] * 2)], None, "EXAMPLES_INVALID", "built"),
        (Encoder(), [], None, "EXAMPLES_INVALID", "at least two"),
        (Encoder(), ["a", "b"], None, "EXAMPLES_INVALID", "expected a tuple of tensors, got str"),
    ],
)
def test_examples_that_do_not_fit(export, model, examples, inputs, code: str, says: str) -> None:
    with pytest.raises(ExportError) as caught:
        export(model, examples, inputs, ["y"])
    assert caught.value.code == code
    assert says in caught.value.message


class Arithmetic(nn.Module):
    """The same in every dtype that has a sum; of booleans, the opposite."""

    def forward(self, *values: Tensor) -> list[Tensor]:
        return [~value if value.dtype == torch.bool else value + value for value in values]


def test_every_dtype_goes_in_and_comes_out(export, tmp_path: Path) -> None:
    dtypes = [torch.bool, torch.uint8, torch.int8, torch.int32, torch.int64, torch.float16, torch.float64]
    names = [str(dtype).removeprefix("torch.") for dtype in dtypes]

    def some(rows: int) -> tuple[Tensor, ...]:
        return tuple(randint(0, 2 if dtype == torch.bool else 50, (rows, 6)).to(dtype) for dtype in dtypes)

    dynamic = {name: {0: "batch[1:8]"} for name in names}
    export(Arithmetic(), [some(2), some(3)], names, [f"{name}_out" for name in names], dynamic, **BOTH)
    files = BundleFiles(tmp_path / "bundle")
    assert [artifact["name"] for artifact in files.manifest["artifacts"]] == ["onnx", "torchscript"]
    assert [spec["dtype"] for spec in files.manifest["inputs"]] == names
    assert [spec["dtype"] for spec in files.manifest["outputs"]] == names
    feed = dict(zip(names, some(1), strict=True))
    for run in (files.run, files.torchscript()):
        got = run({name: value.numpy() for name, value in feed.items()})
        for name, expected in zip(names, Arithmetic()(*feed.values()), strict=True):
            assert got[f"{name}_out"].dtype == expected.numpy().dtype
            np.testing.assert_array_equal(got[f"{name}_out"], expected.numpy())


def test_bfloat16(export, tmp_path: Path) -> None:
    model = nn.Linear(6, 3).to(torch.bfloat16)
    examples = [(rand(rows, 6).to(torch.bfloat16),) for rows in (2, 3)]
    report = export(model, examples, ["x"], ["y"], {"x": {0: "batch[1:8]"}}, **BOTH)
    manifest = written(tmp_path)
    # ONNX Runtime has no such product on the CPU
    assert [artifact["name"] for artifact in manifest["artifacts"]] == ["torchscript"]
    assert report.refused["onnx"].code == "RUNTIME_REFUSED"
    assert manifest["artifacts"][0]["precision"] == "bfloat16"
    assert manifest["goldens"]["tolerance"] == {"bfloat16": {"atol": 1e-2, "rtol": 2e-2}}
    goldens = safetensors.torch.load_file(tmp_path / "bundle" / "goldens.safetensors")
    assert goldens["2x6/inputs.x"].dtype == torch.bfloat16
    assert torch.equal(goldens["2x6/inputs.x"], examples[0][0])
    assert torch.equal(goldens["2x6/outputs.y"], model(examples[0][0]))
    assert 1e-4 < report.tolerance["y"].float64_difference < 2e-2


def test_bfloat16_in_onnx_where_the_runtime_has_it(export, tmp_path: Path) -> None:
    class Turned(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x.flip(-1), x.float() * 2

    examples = [(rand(rows, 6).to(torch.bfloat16),) for rows in (2, 3)]
    report = export(Turned(), examples, ["x"], ["turned", "twice"], {"x": {0: "batch[1:8]"}}, **BOTH)
    assert report.refused == {}
    assert [artifact.max_abs for artifact in report.artifacts] == [0, 0]
    assert [spec["dtype"] for spec in written(tmp_path)["outputs"]] == ["bfloat16", "float32"]

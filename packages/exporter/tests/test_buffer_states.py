"""Buffers that forward writes to become states; state in other places is refused by name."""

import copy
from collections import deque
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn, rand

import models
from bundle_files import BundleFiles
from tensorferry import ExportError

BOTH = {"formats": ["onnx", "torchscript", "aot-inductor"]}
ROWS = [(rand(2, 3),), (rand(2, 3),)]


class Hidden(nn.Module):
    """Replaces its buffer `cell.h` [2, 4] at every step, as recurrent layers do."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(3, 4)
        self.cell.register_buffer("h", torch.zeros(2, 4))

    def forward(self, x: Tensor) -> Tensor:
        self.cell.h = self.cell(x, self.cell.h)
        return self.cell.h.sum(-1)


class Cache(nn.Module):
    """Attention over the keys and values of the steps so far; writes into its buffers in place."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(4, 12)
        self.register_buffer("keys", torch.zeros(1, 8, 4), persistent=False)
        self.register_buffer("values", torch.zeros(1, 8, 4), persistent=False)
        self.register_buffer("position", torch.zeros(1, dtype=torch.int64), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.project(x).chunk(3, -1)
        self.keys.index_copy_(1, self.position, key)
        self.values.index_copy_(1, self.position, value)
        later = torch.arange(8) > self.position
        weights = (query @ self.keys.transpose(1, 2)).masked_fill(later, float("-inf")).softmax(-1)
        self.position += 1
        return weights @ self.values


class Largest(nn.Module):
    """Writes what it already holds while the inputs are negative: the values alone do not show the state."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("largest", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        torch.maximum(self.largest, x.amax(0), out=self.largest)
        return x + self.largest


MODELS = {
    "replaced": (Hidden, ROWS, ["cell.h"]),
    "in place": (Cache, [(rand(1, 1, 4),), (rand(1, 1, 4),)], ["keys", "values", "position"]),
    "unseen": (Largest, [(-rand(2, 3),), (-rand(2, 3),)], ["largest"]),
    "counted": (models.CountsCalls, ROWS, ["calls"]),
}


@pytest.mark.parametrize(("kind", "examples", "names"), MODELS.values(), ids=MODELS)
def test_buffers_become_states(export, tmp_path: Path, kind: type, examples: list, names: list[str]) -> None:
    model = kind()
    original = copy.deepcopy(model).eval()
    before = {name: (value, value.clone()) for name, value in model.named_buffers()}
    report = export(model, examples, ["x"], ["y"], **BOTH)
    files = BundleFiles(tmp_path / "bundle")
    states = [{"input": name, "output": f"{name}_next", "init": "zeros"} for name in names]
    assert files.manifest["states"] == states
    assert [artifact["name"] for artifact in files.manifest["artifacts"]] == ["onnx", "torchscript"]
    assert "program" in files.manifest
    assert len(report.notes) == 1
    assert f"buffer{'s' * (len(names) > 1)} {', '.join(names)}: each is an input and an output now" in report.notes[0]
    # the goldens are the original model's own steps
    for case in files.manifest["goldens"]["cases"]:
        stepping = copy.deepcopy(original)
        for step in range(3):
            with torch.no_grad():
                y = stepping(torch.from_numpy(files.goldens[f"{case['name']}/{step}/inputs.x"]))
            np.testing.assert_array_equal(files.goldens[f"{case['name']}/{step}/outputs.y"], y.numpy())
            for name, value in stepping.named_buffers():
                got = files.goldens[f"{case['name']}/{step}/outputs.{name}_next"]
                np.testing.assert_array_equal(got, value.numpy())
    assert files.replay() < 1e-5
    assert files.replay(files.torchscript()) < 1e-5
    # the caller's model has its own buffers, as they were
    for name, value in model.named_buffers():
        assert value is before[name][0]
        assert torch.equal(value, before[name][1])


def test_states_among_the_arguments_beside_states_in_buffers(export, tmp_path: Path) -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros((), dtype=torch.int32))

        def forward(self, x: Tensor, total: Tensor) -> dict[str, Tensor]:
            self.calls += 1
            total = total + x
            return {"mean": total / self.calls, "total_next": total}

    examples = [(rand(2, 3), rand(2, 3)), (rand(2, 3), rand(2, 3))]
    export(Both(), examples, states=[("total", "total_next")], formats=["onnx", "torchscript"])
    files = BundleFiles(tmp_path / "bundle")
    assert [state["input"] for state in files.manifest["states"]] == ["total", "calls"]
    x = files.goldens["2x3/2/inputs.x"]
    assert files.goldens["2x3/2/outputs.calls_next"] == 3
    before = files.goldens["2x3/1/outputs.total_next"]
    np.testing.assert_allclose(files.goldens["2x3/2/outputs.mean"], (before + x) / 3, rtol=1e-6)


def test_a_buffer_called_like_an_input_gets_another_name(export, tmp_path: Path) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("x", torch.zeros(3))

        def forward(self, x: Tensor) -> Tensor:
            self.x += x.sum(0)
            return x + self.x

    export(Model(), ROWS, None, ["y"])
    states = BundleFiles(tmp_path / "bundle").manifest["states"]
    assert states == [{"input": "x_state", "output": "x_state_next", "init": "zeros"}]


class StartsAtOne(models.CountsCalls):
    def __init__(self) -> None:
        super().__init__()
        self.calls += 1


class Grows(nn.Module):
    """Keeps all that it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(0, 3))

    def forward(self, x: Tensor) -> Tensor:
        self.seen = torch.cat([self.seen, x])
        return self.seen.sum(0)


class Scripted(nn.Module):
    """Its state is inside compiled code."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.jit.script(models.CountsCalls())

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


class Remembers(nn.Module):
    """Its state is no buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.previous = torch.zeros(3)

    def forward(self, x: Tensor) -> Tensor:
        y = x - self.previous
        self.previous = x[0]
        return y


class Appends(nn.Module):
    """Its state is in a container."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Identity()
        self.inner.history = deque(maxlen=9)

    def forward(self, x: Tensor) -> Tensor:
        self.inner.history.append(x)
        return x * len(self.inner.history)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (StartsAtOne, "buffer calls, and it begins at other values than zeros (up to 1); a bundle's states begin at"),
        (Grows, "replaces its buffer seen, float32[0, 3], by float32[2, 3]; a state keeps its dtype and shape"),
        (Scripted, "TorchScript code writes to its own buffer inner.calls"),
        (Remembers, "changes its attribute previous, which no file keeps. Register it as a buffer of zeros, such as "
         "self.register_buffer('previous', torch.zeros(…))"),
        (Appends, "changes its attribute inner.history"),
    ],
)  # fmt: skip
def test_state_that_cannot_be_an_argument_is_refused(export, tmp_path: Path, kind: type, says: str) -> None:
    model = kind()
    before = [value.clone() for value in model.buffers()]
    with pytest.raises(ExportError) as caught:
        export(model, ROWS, ["x"], ["y"])
    assert caught.value.code == "MODEL_STATEFUL"
    assert says in caught.value.message
    assert all(map(torch.equal, model.buffers(), before))
    if kind is Appends:
        assert len(model.inner.history) == 0
    assert list(tmp_path.iterdir()) == []


def test_the_advice_for_an_attribute_works(export) -> None:
    class Registers(Remembers):
        def __init__(self) -> None:
            super().__init__()
            del self.previous
            self.register_buffer("previous", torch.zeros(3))

    assert list(export(Registers(), ROWS, ["x"], ["y"]).inputs) == ["x", "previous"]


def test_what_the_results_do_not_depend_on_is_no_state(export) -> None:
    class Caches(nn.Module):
        """A table that is made when it is first needed, and a picture of what was last seen."""

        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 3)
            self.register_buffer("table", None)
            self.last = None

        def forward(self, x: Tensor) -> Tensor:
            if self.table is None or self.table.shape[0] < x.shape[0]:
                self.table = torch.arange(x.shape[0]).float()
            self.last = self.linear(x)
            return self.last + self.table[: x.shape[0], None]

    model = Caches()
    report = export(model, ROWS, ["x"], ["y"], formats=["torchscript"])
    (note,) = report.notes
    assert "the tracer warned of test_buffer_states.py" in note, "and nothing is said of states"
    assert list(report.inputs) == ["x"]
    assert model.last is None
    assert model.table is None


def test_random_numbers_are_not_taken_for_state(export) -> None:
    class Noisy(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            self.last = x + torch.rand_like(x)
            return self.last

    with pytest.raises(ExportError, match="NOT_DETERMINISTIC"):
        export(Noisy(), ROWS, ["x"], ["y"])


def test_script_alone_cannot_hold_buffers_outside(export) -> None:
    with pytest.raises(ExportError, match="must be arguments") as caught:
        export(Hidden(), ROWS, ["x"], ["y"], formats=["torchscript"], capture="script")
    assert caught.value.code == "CAPTURE_FAILED"


def test_an_lstm_with_its_state_as_arguments(export, tmp_path: Path) -> None:
    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.LSTM(3, 4, batch_first=True)

        def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
            return self.layer(x, (h, c))

    examples = [(rand(n, 2, 3), rand(1, n, 4), rand(1, n, 4)) for n in (2, 3)]
    names = ["h", "c"]
    model = Layer().eval()
    export(
        model,
        examples,
        ["x", *names],
        ["y", *(f"{name}_next" for name in names)],
        {"x": {0: "batch[1:8]"}, **{name: {1: "batch"} for name in names}},
        states=[(name, f"{name}_next") for name in names],
        formats=["onnx", "torchscript"],
    )
    files = BundleFiles(tmp_path / "bundle")
    assert [artifact["name"] for artifact in files.manifest["artifacts"]] == ["onnx", "torchscript"]
    assert files.replay() < 1e-5
    assert files.replay(files.torchscript()) < 1e-5
    with torch.no_grad():
        state = None
        for step in range(3):
            y, state = model.layer(torch.from_numpy(files.goldens[f"2x2x3/{step}/inputs.x"]), state)
            np.testing.assert_allclose(files.goldens[f"2x2x3/{step}/outputs.y"], y.numpy(), atol=1e-7)

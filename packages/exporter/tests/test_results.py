"""Results of every usual shape, and their names."""

from collections import OrderedDict
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn, rand

from bundle_files import BundleFiles
from tensorferry import ExportError
from tensorferry.tensors import flatten

BATCH = {"x": {0: "batch[1:8]"}}
BOTH = {"formats": ["onnx", "torchscript"]}


class Point(NamedTuple):
    left: Tensor
    right: Tensor


@dataclass
class Encoded:
    hidden: Tensor
    pooled: Tensor | None = None
    layers: tuple[Tensor, ...] = ()


class ModelOutput(OrderedDict):
    """As transformers has it: a dataclass that is a dict of those fields which are not None."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                self[field.name] = value


@dataclass
class Answer(ModelOutput):
    logits: Tensor
    loss: Tensor | None = None
    encoder: Encoded | None = None


def give(result):
    """A module that gives `result(x * weight)`."""

    class Gives(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(rand(4))

        def forward(self, x: Tensor):
            return result(x * self.weight)

    return Gives()


SHAPES = {
    "named tuple": (lambda y: Point(y, y + 1), None, ["left", "right"]),
    "dataclass": (
        lambda y: Encoded(y, y + 1, (y + 2, y + 3)),
        None,
        ["hidden", "pooled", "layers.0", "layers.1"],
    ),
    "model output": (lambda y: Answer(y, None, Encoded(y + 1)), None, ["logits", "encoder.hidden"]),
    "dict of all": (
        lambda y: {"points": [Point(y, y + 1)], "encoder": {"hidden": y + 2}, "none": None},
        None,
        ["points.0.left", "points.0.right", "encoder.hidden"],
    ),
    "tuple of tuples": (lambda y: (y, (y + 1, None)), ["y", "h"], ["y", "h"]),
}


@pytest.mark.parametrize(("result", "given", "names"), SHAPES.values(), ids=SHAPES)
def test_results_have_the_names_of_keys_and_fields(export, tmp_path: Path, result, given, names: list[str]) -> None:
    model = give(result)
    export(model, [(rand(2, 4),), (rand(3, 4),)], ["x"], given, BATCH, **BOTH)
    files = BundleFiles(tmp_path / "bundle")
    assert [spec["name"] for spec in files.manifest["outputs"]] == names
    assert [artifact["name"] for artifact in files.manifest["artifacts"]] == ["onnx", "torchscript"]
    x = rand(1, 4)
    with torch.no_grad():
        expected = [value.numpy() for _, value in flatten(model(x))]
    for got in (files.run({"x": x.numpy()}), files.torchscript()({"x": x.numpy()})):
        assert list(got) == names
        for name, value in zip(names, expected, strict=True):
            np.testing.assert_allclose(got[name], value, rtol=1e-6)


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (lambda y: {"y": y, "scale": 2.5}, "scale: the model gives the Python number 2.5"),
        (lambda y: {"y": y, "info": {"count": 3}}, "info.count: the model gives the Python number 3"),
        (lambda y: (y, True), "result 1: the model gives the Python number True"),
        (lambda y: {"y": y, "kind": "cat"}, "kind: the model gives the text 'cat'"),
        (lambda y: {"y": y, "cache": object()}, "cache: the model gives a object"),
        (lambda y: None, "the model gives NoneType without any tensor"),
        (lambda y: (), "the model gives tuple without any tensor"),
    ],
)
def test_a_result_that_is_no_tensor_is_named(export, tmp_path: Path, result, says: str) -> None:
    with pytest.raises(ExportError) as caught:
        export(give(result), [(rand(2, 4),), (rand(3, 4),)], ["x"], None, BATCH)
    assert caught.value.code == "EXAMPLES_INVALID"
    assert says in caught.value.message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("result", "given", "says"),
    [
        (lambda y: (y, y + 1), None, "2 tensors and not a name of its own for each"),
        (lambda y: (y, {"a": y}), None, "not a name of its own for each (float32[2, 4], a: float32[2, 4])"),
        (lambda y: {"a": (y,), "a.0": y}, None, "not a name of its own"),
        (lambda y: {0: y, 1: y}, None, "'0' is no name"),
        (lambda y: Point(y, y), ["right", "left"], "the model's own order is left, right"),
        (lambda y: Encoded(y), ["hidden", "pooled"], "outputs names 2 (hidden, pooled), the model gives 1 (hidden: "),
    ],
)
def test_names_that_do_not_fit_the_results(export, result, given, says: str) -> None:
    with pytest.raises(ExportError) as caught:
        export(give(result), [(rand(2, 4),), (rand(3, 4),)], ["x"], given, BATCH)
    assert caught.value.code == "NAMES_INVALID"
    assert says in caught.value.message

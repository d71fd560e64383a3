"""Refusals: everything at once, the cause first, no terminal codes, and no other exception than ExportError."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import models
from tensorferry import CODES, ExportError, export_bundle
from tensorferry.errors import brief

BATCH = {"x": {0: "batch[1:8]"}}


def two(*shape: int) -> list[tuple[Tensor]]:
    return [(torch.rand(rows, *shape),) for rows in (2, 3)]


def refused(export, model: nn.Module, examples: object, **options: object) -> ExportError:
    with pytest.raises(ExportError) as caught:
        export(model, examples, **options)
    assert caught.value.code in CODES
    return caught.value


def test_what_is_wrong_is_said_at_once(export) -> None:
    error = refused(
        export,
        models.Mlp(),
        two(8),
        outputs=["y"],
        dynamic={"z": {0: "batch"}},
        formats=["onnx", "tflite"],
        capture="tracing",
        docs={"w": "a"},
        states=[("h", "h_next")],
        labels=["a"],
        task="image to image",
        postprocess=[{"from": ["y"], "to": "labels", "steps": [{"op": "softmax"}]}],
    )
    lines = error.message.splitlines()
    assert lines[0] == f"{len(lines) - 1} things are wrong:"
    for says in (
        "'tflite' is unknown",
        "capture: expected one of",
        "no input is called 'z'",
        "docs: no input",
        "states[0]",
    ):
        assert sum(says in line for line in lines) == 1, says
    assert any("labels: 1" in line for line in lines)
    assert any("did you mean 'image-to-image'" in line for line in lines)
    assert error.details["problems"][0]["code"] == error.code == "OPTIONS_INVALID"
    json.dumps(error.to_dict())


def test_every_format_says_why(export) -> None:
    error = refused(export, models.BranchOnValue(), two(4), formats=["onnx", "aot-inductor"], capture="export")
    lines = error.message.splitlines()
    assert len(lines) <= 4
    assert lines[0].startswith("onnx")
    assert "aot-inductor" in error.message
    assert set(error.details["refused"]) == {"onnx", "aot-inductor"}


def test_the_cause_comes_in_two_lines_and_every_attempt_behind_it(export) -> None:
    class Frozen(nn.Module):
        """A branch that no way keeps: its other half cannot be compiled."""

        def forward(self, x: Tensor) -> Tensor:
            numbers = {key: x.sum() for key in sorted({"a", "b"})}
            return x * 2 if bool(numbers["a"] > 3) else x - 1

    error = refused(export, Frozen(), [(torch.ones(2, 4),), (torch.zeros(3, 4),)])
    assert len(error.message.splitlines()) == 2
    assert "(`return x * 2 if bool(" in error.message
    assert len(error.details["attempts"]) >= 3
    for route, reason in error.details["attempts"].items():
        assert route in error.verbose
        assert str(reason).splitlines()[0] in error.verbose


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("dynamic", [1], "dynamic: expected axes by input"),
        ("states", 5, "states: expected a list of pairs"),
        ("docs", 5, "docs: expected texts by name"),
        ("preprocess", 5, "preprocess: expected a list of entries"),
        (
            "preprocess",
            [{"raw": "image", "to": ["x"], "steps": 5}],
            "preprocess[0].steps: expected a list of steps, got int",
        ),
        ("postprocess", [5], "postprocess[0]: expected the keys to, steps, from, got int"),
        ("labels", 5, "labels: expected a list of texts"),
        ("raw_examples", 5, "raw_examples: expected pictures by case name"),
        ("inputs", 5, "inputs: expected a list of names"),
        ("outputs", "y", "outputs: expected a list of names"),
        ("precisions", 5, "precisions: expected a list"),
        ("formats", "onnx", "formats: expected a list such as ['onnx'], got 'onnx'"),
        ("dynamic", {"x": {0: "batch[0:8:0]"}}, "is empty or holds one size only"),
    ],
)
def test_an_option_of_another_kind(export, option: str, value: object, says: str) -> None:
    options = {"inputs": ["x"], "outputs": ["y"], "dynamic": BATCH, option: value}
    assert says in refused(export, models.Mlp(), two(8), **options).message


def test_an_exception_that_nothing_foresaw_is_wrapped(export, tmp_path: Path) -> None:
    class Odd(nn.Linear):
        """What PyTorch asks of every module fails here."""

        def named_parameters(self, *_: object, **__: object) -> object:
            raise LookupError("\x1b[31mno parameters today\x1b[0m")

    error = refused(export, Odd(8, 2), two(8))
    assert error.code == "UNEXPECTED"
    assert isinstance(error.__cause__, LookupError)
    assert "LookupError at " in error.message
    assert "no parameters today" in error.message
    assert "\x1b" not in error.verbose.split("Traceback")[0]
    assert "Traceback" in error.verbose
    assert list(tmp_path.iterdir()) == []


def test_no_terminal_codes(export) -> None:
    class Red(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("\x1b[1;31mred\x1b[0m text")

    error = refused(export, Red(), two(4))
    assert "RuntimeError: red text" in error.message
    assert "\x1b" not in str(error)


def test_the_line_of_code_is_kept_among_what_pytorch_says() -> None:
    message = "torch.export cannot\n  long talk\n  more\nmodels.py:4 (`if x:`, in gate (Gate)) goes another way\nlast"
    assert brief(message) == "torch.export cannot\nmodels.py:4 (`if x:`, in gate (Gate)) goes another way"
    assert brief("one\ntwo\nthree") == "one\ntwo"


def test_a_bundle_is_called_like_its_folder_and_one_result_output(tmp_path: Path) -> None:
    report = export_bundle(models.Mlp(), two(8), tmp_path / "tiny-net", formats=["torchscript"], progress=False)
    assert report.name == "tiny-net"
    assert list(report.outputs) == ["output"]
    assert report.inputs == {"x": "float32[batch, 8]"}
    assert any("dims are those in which the examples differ" in note for note in report.notes)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (nn.ModuleList([nn.Linear(8, 2)]), "ModuleList has no forward, it has no other methods; define forward"),
        (nn.Module(), "Module has no forward"),
    ],
)
def test_a_module_without_forward(export, model: nn.Module, says: str) -> None:
    assert says in refused(export, model, two(8)).message


def test_what_optimize_for_inference_packed_cannot_be_read_back(export) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    packed = torch.jit.optimize_for_inference(torch.jit.trace(model, torch.rand(2, 3, 8, 8)))
    error = refused(export, packed, two(3, 8, 8), formats=["torchscript"])
    assert error.code == "RUNTIME_REFUSED"
    assert "torch.jit.freeze alone is fine" in error.message

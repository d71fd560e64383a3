"""Models and arguments that must be refused, with the reason, and without leaving anything behind."""

from pathlib import Path

import pytest
import torch
from torch import rand

import models
from tensorferry import ExportError

BATCH = {"x": {0: "batch[1:64]"}}


def two(*shape: int) -> list[tuple[torch.Tensor]]:
    """Two examples, of 3 and of 5 rows."""
    return [(rand(3, *shape),), (rand(5, *shape),)]


def refused(export, *args, **options) -> ExportError:
    with pytest.raises(ExportError) as caught:
        export(*args, **options)
    assert str(caught.value).startswith(f"{caught.value.code}: ")
    return caught.value


@pytest.fixture(autouse=True)
def _nothing_left(tmp_path: Path):
    yield
    assert list(tmp_path.iterdir()) == []


def test_a_submodule_that_keeps_training(export) -> None:
    error = refused(export, models.AlwaysDrops(), two(8), ["x"], ["y"], BATCH)
    assert error.code == "MODEL_TRAINING"
    assert error.details["modules"] == ["inner"]


def test_a_lazy_module_that_was_never_run(export) -> None:
    error = refused(export, torch.nn.Sequential(torch.nn.LazyLinear(3)), two(8), ["x"], ["y"], BATCH)
    assert error.code == "OPTIONS_INVALID"
    assert "0.weight has no shape yet" in error.message
    assert "model(*examples[0])" in error.message


def test_random_numbers(export) -> None:
    assert refused(export, models.FunctionalDropout(), two(8), ["x"], ["y"], BATCH).code == "NOT_DETERMINISTIC"


def test_a_branch_on_values_names_the_line(export) -> None:
    error = refused(export, models.BranchOnValue(), two(8), ["x"], ["y"], BATCH, capture="export")
    assert error.code == "CAPTURE_FAILED"
    assert error.details["source"] == "return x * 2 if x.sum() > 0 else x - 1"
    assert f"at models.py:{error.details['line']} (`return x * 2" in error.message
    assert "torch.where" in error.message


def test_a_branch_frozen_by_capture_is_found_by_the_replay(export) -> None:
    error = refused(export, models.FrozenBranch(), two(8), ["x"], ["y"], BATCH)
    assert error.code == "REPLAY_MISMATCH"
    assert error.details["example"] == "3x8 of zeros"
    assert "expected -1, got 0, off by 1" in error.message


def test_another_formula_when_exported_names_example_and_difference(export) -> None:
    error = refused(export, models.OtherWhenExported(), two(8), ["x"], ["y"], BATCH, capture="export")
    assert error.code == "REPLAY_MISMATCH"
    assert error.details["output"] == "y"
    # one part in a hundred of a value below 1
    assert 1e-3 < error.details["max_abs"] < 1e-2


def test_a_branch_on_the_size_inside_the_declared_range(export) -> None:
    # above four rows torch.export says so, below the replay does
    options = {"capture": "export"}
    error = refused(export, models.BranchOnSize(), two(8), ["x"], ["y"], BATCH, **options)
    assert error.code in ("RANGE_CONTRADICTED", "REPLAY_MISMATCH")
    assert error.details["source"] == "return x * 2 if x.size(0) > 4 else x - 1"
    small = [(rand(2, 8),), (rand(3, 8),)]
    error = refused(export, models.BranchOnSize(), small, ["x"], ["y"], BATCH, **options)
    assert error.code == "RANGE_CONTRADICTED"
    assert error.details["dims"] == ["batch"]
    assert error.details["source"] == "return x * 2 if x.size(0) > 4 else x - 1"


def test_a_range_that_pytorch_itself_contradicts(export) -> None:
    examples = [(rand(1, 1, 9),), (rand(1, 1, 12),)]
    error = refused(export, models.NeedsFive(), examples, ["x"], ["y"], {"x": {2: "length[1:40]"}})
    assert error.code == "RANGE_CONTRADICTED"
    assert error.details["dims"] == {"length": 1}


def test_a_loop_over_a_dynamic_dim(export) -> None:
    dynamic = {"x": {0: "time[1:64]"}}
    error = refused(export, models.KeepsOutputOfLoop(), two(2), ["x"], ["y"], dynamic, capture="export")
    assert error.code == "RANGE_CONTRADICTED"
    assert error.details["dims"] == ["time"]
    assert "(`for step in range(x.size(0)):`, in the model itself (KeepsOutputOfLoop)) runs once" in error.message


def test_a_model_without_a_stable_answer_gets_no_wider_tolerance(export) -> None:
    assert refused(export, models.Unstable(), two(8), ["x"], ["y"], BATCH).code == "REPLAY_MISMATCH"


def test_a_capture_that_dies(export) -> None:
    error = refused(export, models.DiesWhenExported(), two(8), ["x"], ["y"], BATCH, capture="export")
    assert error.code == "CAPTURE_FAILED"
    assert "exit code 42" in error.message


@pytest.mark.parametrize(
    ("code", "says", "change"),
    [
        ("EXAMPLES_INVALID", "at least two", {"examples": [(torch.ones(3, 8),)]}),
        ("EXAMPLES_INVALID", "are equal", {"examples": [(torch.ones(3, 8),)] * 2, "dynamic": None}),
        ("EXAMPLES_INVALID", "same shapes", {"examples": [(torch.ones(3, 8),), (torch.zeros(3, 8),)]}),
        ("EXAMPLES_INVALID", "tuple of tensors", {"examples": [torch.ones(3, 8), torch.zeros(5, 8)]}),
        ("EXAMPLES_INVALID", "x.0 is 2.0, and 1.0 in examples[0]", {"examples": [([1.0],), ([2.0],)]}),
        ("EXAMPLES_INVALID", "itself fails", {"examples": [(torch.ones(3, 7),), (torch.ones(5, 7),)]}),
        ("NAMES_INVALID", "outputs names 2", {"outputs": ["y", "z"]}),
        ("NAMES_INVALID", "inputs names 2", {"inputs": ["x", "z"]}),
        ("NAMES_INVALID", "different names", {"outputs": ["x"]}),
        ("NAMES_INVALID", "no name", {"outputs": ["a b"]}),
        ("NAMES_INVALID", "states[0]", {"states": [("h", "h_out")]}),
        ("DIMS_INVALID", "is not dynamic", {"dynamic": {}}),
        ("DIMS_INVALID", "no input is called", {"dynamic": {"z": {0: "batch"}}}),
        ("DIMS_INVALID", "axis from 0 to 1", {"dynamic": {"x": {2: "batch"}}}),
        ("DIMS_INVALID", "optional range", {"dynamic": {"x": {0: "batch[a:b]"}}}),
        ("DIMS_INVALID", "outside batch[1:4]", {"dynamic": {"x": {0: "batch[1:4]"}}}),
        ("OPTIONS_INVALID", "auto, trace, script, export", {"capture": "torch.export"}),
        ("OPTIONS_INVALID", "needs torch.export", {"formats": ["onnx", "aot-inductor"], "capture": "script"}),
        ("OPTIONS_INVALID", "TorchScript does not come", {"formats": ["torchscript"], "capture": "export"}),
        ("OPTIONS_INVALID", "twice", {"formats": ["onnx", "onnx"]}),
        ("OPTIONS_INVALID", "unknown", {"formats": ["tflite"]}),
        ("OPTIONS_INVALID", "labels: 3", {"labels": ["a", "b", "c"]}),
        (
            "PIPELINE_INVALID",
            "one of clamp",
            {"postprocess": [{"from": ["y"], "steps": [{"op": "sort"}], "to": "labels"}]},
        ),
        ("PIPELINE_INVALID", "top_k.k", {"postprocess": [{"from": ["y"], "steps": [{"op": "top_k"}], "to": "labels"}]}),
    ],
)
def test_wrong_arguments(export, code: str, says: str, change: dict) -> None:
    arguments = {"examples": two(8), "inputs": ["x"], "outputs": ["y"], "dynamic": BATCH, **change}
    examples = arguments.pop("examples")
    error = refused(export, models.Mlp(), examples, **arguments)
    assert error.code == code, error
    assert says in error.message

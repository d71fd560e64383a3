"""The trap models: each listed file is replayed here, by other code, on inputs that the exporter never saw."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from tensorferry import CODES, ExportError, export_bundle
from traps import ELEVEN, MORE, Trap, line_number

TRAPS = {trap.name: trap for trap in [*ELEVEN, *MORE]}
FORMATS = ("onnx", "torchscript")


@dataclass
class Outcome:
    """What one export has made."""

    routes: dict[str, str] = field(default_factory=dict)
    """Of the listed formats."""
    tried: dict[str, dict[str, str]] = field(default_factory=dict)
    """Of the listed formats, the routes before and why they were not right."""
    refused: dict[str, str] = field(default_factory=dict)
    """Code and message of the others."""
    details: dict[str, object] = field(default_factory=dict)
    """Of the error, where nothing was written."""
    wrong: list[str] = field(default_factory=list)
    """Listed files that differ from PyTorch, and where."""


@cache
def outcome(name: str, formats: tuple[str, ...] = FORMATS, capture: str = "auto") -> Outcome:
    """Exports one trap and replays what is listed."""
    trap = TRAPS[name]
    torch.manual_seed(0)
    model = trap.model().eval()
    # the exporter runs the model, which may keep something from that
    untouched = copy.deepcopy(model)
    with TemporaryDirectory() as folder:
        out = Path(folder) / "bundle"
        arguments = (trap.examples(), out, list(trap.inputs), list(trap.outputs), trap.dynamic)
        try:
            report = export_bundle(
                model, *arguments, formats=formats, capture=capture, name="trap", version="1.0.0", progress=False
            )
        except ExportError as error:
            return Outcome(refused=error.details["refused"], details=dict(error.details))
        routes = {artifact.name: artifact.route for artifact in report.artifacts}
        tried = {one.name: {route: str(error) for route, error in one.tried.items()} for one in report.artifacts}
        found = Outcome(routes, tried, {name: str(error) for name, error in report.refused.items()})
        files = {"onnx": run_onnx, "torchscript": run_torchscript}
        for listed in found.routes:
            run = files[listed](out)
            found.wrong += [f"{listed}: {difference}" for difference in differences(untouched, run, trap)]
    return found


def run_onnx(folder: Path) -> Callable[[tuple[Tensor, ...]], list[np.ndarray]]:
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    return lambda inputs: session.run(None, {name: value.numpy() for name, value in zip(names, inputs, strict=True)})


def run_torchscript(folder: Path) -> Callable[[tuple[Tensor, ...]], list[np.ndarray]]:
    module = torch.jit.load(str(folder / "model.pt"))
    return lambda inputs: flat(module(*[value.clone() for value in inputs]))


def flat(result: Tensor | tuple[Tensor, ...]) -> list[np.ndarray]:
    return [value.detach().numpy() for value in (result if isinstance(result, tuple) else (result,))]


def differences(model: nn.Module, run: Callable[[tuple[Tensor, ...]], list[np.ndarray]], trap: Trap) -> list[str]:
    found = []
    torch.manual_seed(1)
    with torch.no_grad():
        for inputs in trap.fresh():
            expected, got = flat(model(*[value.clone() for value in inputs])), run(inputs)
            shapes = [list(value.shape) for value in inputs]
            for a, b in zip(expected, got, strict=True):
                if a.shape != b.shape or a.dtype != b.dtype or not np.allclose(a, b, atol=1e-5, rtol=1e-4):
                    found.append(f"{shapes}: {a.shape} {b.shape}")
    return found


@pytest.mark.parametrize("name", TRAPS)
def test_what_becomes_of_a_model(name: str) -> None:
    trap, found = TRAPS[name], outcome(name)
    assert found.wrong == []
    for format_name, expected in (("onnx", trap.onnx), ("torchscript", trap.torchscript)):
        if expected not in CODES:
            assert found.routes.get(format_name) == expected, found.refused
            continue
        assert format_name not in found.routes
        reason = found.refused[format_name]
        assert reason.startswith(f"{expected}: ")
        assert f"trap_models.py:{line_number(str(trap.line))} (`{trap.line}`" in reason


@pytest.mark.parametrize("name", [name for name, trap in TRAPS.items() if trap.traced])
def test_a_wrong_trace_is_refused_with_its_line(name: str) -> None:
    trap, found = TRAPS[name], outcome(name, ("torchscript",), "trace")
    assert found.routes == {}
    assert found.refused["torchscript"].startswith(f"{trap.traced}: ")
    assert (found.details["file"], found.details["line"]) == ("trap_models.py", line_number(trap.line))
    assert found.details["source"] == trap.line


@pytest.mark.parametrize("name", [name for name, trap in TRAPS.items() if trap.exported and trap.onnx not in CODES])
def test_why_it_was_not_torch_export_names_the_line_or_the_dim(name: str) -> None:
    trap = TRAPS[name]
    reason = outcome(name).tried["onnx"]["torch.export"]
    assert reason.startswith(f"{trap.exported}: ")
    if trap.line:
        assert f"trap_models.py:{line_number(trap.line)} (`{trap.line}`" in reason
    else:
        assert "Constraints violated (time)" in reason


def test_ten_of_eleven_get_a_right_file_and_eight_both() -> None:
    outcomes = [outcome(trap.name) for trap in ELEVEN]
    assert len(outcomes) == 11
    assert [found.wrong for found in outcomes] == [[]] * 11
    assert sum(len(found.routes) > 0 for found in outcomes) >= 10
    assert sum(len(found.routes) == 2 for found in outcomes) >= 8


def test_the_replay_of_this_test_finds_a_wrong_file() -> None:
    trap = TRAPS["BranchOnValues"]
    model = trap.model().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        frozen = torch.jit.trace(model, trap.examples()[0], check_trace=False)
    assert differences(model, lambda inputs: flat(frozen(*inputs)), trap) != []
    assert differences(model, lambda inputs: flat(model(*inputs)), trap) == []

"""The commands as a shell runs them: what is printed where, and the exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

import models
from tensorferry import ExportError, progress
from tensorferry.__main__ import main
from tensorferry.commands.export import default_name
from tensorferry.commands.values import read_dynamic_option, read_labels, read_pairs, read_steps

HERE = Path(__file__).parent
PROJECT = """
import torch
from models import Mlp

print("a factory that talks")

def build():
    torch.manual_seed(5)
    return Mlp()

def examples():
    return [(torch.rand(3, 8),), (torch.rand(5, 8),)]

def everything():
    return {
        "model": build(), "examples": examples, "inputs": ["x"], "outputs": ["y"],
        "dynamic": {"x": {0: "batch[1:8]"}}, "version": "2.0.0",
    }

def wrong():
    return {"model": build(), "exampels": examples()}

def broken():
    raise KeyError("no such layer")

class NotForOnnx(torch.nn.Module):
    # a shortcut for torch.export that is not the same, around an operator that ONNX lacks
    def forward(self, x):
        return x + 1 if torch.compiler.is_exporting() else torch.special.bessel_j0(x)

def half_wrong():
    return {**everything(), "model": NotForOnnx(), "formats": ["onnx", "torchscript"]}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an export_model.py, which is the working folder too."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "export_model.py").write_text(PROJECT)
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "export_model", raising=False)
    return tmp_path / "project"


def tensorferry(*arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    search = os.pathsep.join([str(HERE), str(HERE.parent / "src")])
    return subprocess.run(
        [sys.executable, "-m", "tensorferry", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": search},
    )


def printed(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out)


def test_an_export_in_a_process_of_its_own(project: Path) -> None:
    done = tensorferry(
        *("export", "export_model:build", "--examples", "export_model:examples", "--inputs", "x", "--outputs", "y"),
        *("--dynamic", "x:0=batch[1:8]", "--docs", "x=eight numbers", "--license", "MIT", "--out", "bundle", "--json"),
        cwd=project,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["name"] == "export-model"
    assert report["batch"] == "batch"
    assert report["dims"] == {"batch": {"min": 1, "max": 8, "batch": True}}
    tolerance = report["tolerance"]["y"]
    assert 0 < tolerance.pop("float64_difference") < 1e-6
    assert tolerance == {"atol": 1e-5, "rtol": 1e-4}
    assert report["refused"] == {}
    assert [artifact["name"] for artifact in report["artifacts"]] == ["onnx", "torchscript"]
    assert sum(report["seconds"].values()) > 0
    assert "capture by torch.export" in report["seconds"]
    assert "a factory that talks" in done.stderr
    manifest = json.loads((project / "bundle" / "bundle.json").read_text())
    assert manifest["inputs"][0]["doc"] == "eight numbers"
    assert manifest["license"] == "MIT"


def test_a_mapping_of_arguments_and_what_stands_before_it(project: Path, capsys) -> None:
    assert main(["export", "export_model.py:everything", "--quiet", "--version", "2.1.0", "--out", "bundle"]) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[0].split()[:4] == ["bundle", "everything", "2.1.0", "in"]
    assert "tensorferry:" not in shown.err


def test_made_up_inputs_and_a_way_for_each_format(project: Path, capsys) -> None:
    arguments = ["--rule", "x=>= 0", "--variants", "large", "--capture", "onnx=trace,torchscript=script"]
    assert main(["export", "export_model.py:everything", *arguments, "--quiet", "--json", "--out", "bundle"]) == 0
    report = printed(capsys)
    routes = {artifact["name"]: artifact["route"] for artifact in report["artifacts"]}
    assert routes == {"onnx": "legacy ONNX of the trace", "torchscript": "script"}
    # two examples, and each ten times as large
    assert {artifact["cases"] for artifact in report["artifacts"]} == {4}
    assert any(note.endswith("x: >= 0") for note in report["notes"])


def test_lower_precisions(project: Path, capsys) -> None:
    arguments = ["--formats", "onnx", "--precision", "float16", "--quiet", "--json", "--out", "bundle"]
    assert main(["export", "export_model.py:everything", *arguments]) == 0
    report = printed(capsys)
    assert [artifact["name"] for artifact in report["artifacts"]] == ["onnx", "onnx-float16"]
    assert report["precisions"][0]["name"] == "onnx-float16"
    assert (project / "bundle" / "model.float16.onnx").is_file()


def test_a_format_that_was_asked_for_and_is_wrong_gives_exit_code_3(project: Path, capsys) -> None:
    assert main(["export", "export_model.py:half_wrong", "--quiet", "--json", "--out", "bundle"]) == 3
    report = printed(capsys)
    assert [artifact["name"] for artifact in report["artifacts"]] == ["torchscript"]
    assert report["exit_code"] == 3
    refused = report["refused"]["onnx"]
    assert refused["code"] == "REPLAY_MISMATCH"
    assert "differs from PyTorch" in refused["message"]
    assert refused["details"]["output"] == "y"
    assert refused["details"]["max_abs"] > 0.1


@pytest.mark.parametrize(
    ("arguments", "exit_code", "says"),
    [
        (["exprot"], 2, "'exprot' is unknown, expected export or import or aoti or write; did you mean 'export'?"),
        (["export", "m:f", "--dinamic", "x:0=b"], 2, "'--dinamic' is unknown; did you mean '--dynamic'?"),
        (["export", "m:f", "--capture", "scirpt"], 2, "did you mean 'script'?"),
        (["export", "m:f", "--capture", "onnx=tarce"], 2, "did you mean 'trace'?"),
        (["export", "m:f", "--rule", "lengths"], 1, "--rule: expected NAME=VALUE such as 'lengths=<= time'"),
        (["export"], 2, "the following arguments are required: FACTORY"),
        (["export", "m:f", "--formats", "onnx,torchscrip"], 1, "did you mean 'torchscript'?"),
        (["export", "export_model"], 1, "expected pkg.module:NAME or path/to/file.py:NAME, got 'export_model'"),
        (["export", "nothing_here:f"], 1, "there is no module nothing_here; run the command in the folder"),
        (["export", "nothing.py:f"], 1, "there is no file nothing.py"),
        (["export", "export_model.py:buidl"], 1, "has no 'buidl'; did you mean 'build'?"),
        (["export", "export_model.py:broken"], 1, "failed: KeyError: 'no such layer' ("),
        (["export", "export_model.py:wrong"], 1, "no argument 'exampels'; did you mean 'examples'?"),
        (["export", "export_model.py:examples"], 1, "expected a torch.nn.Module or a mapping"),
        (["export", "export_model.py:build"], 1, "missing: examples; give --examples"),
        (["export", "m:f", "--dynamic", "x=batch"], 1, "expected INPUT:AXIS=NAME[MIN:MAX]"),
        (["import", "nothing.onnx", "--out", "b"], 1, "there is no file or folder nothing.onnx"),
        (["import", "nothing.onnx"], 1, "give --out FOLDER"),
    ],
)
def test_a_wrong_command_line(project: Path, capsys, arguments: list[str], exit_code: int, says: str) -> None:
    assert main(arguments) == exit_code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert says in shown.err
    # the same as the one JSON document
    sys.modules.pop("export_model", None)
    assert main([*arguments, "--json"]) == exit_code
    error = printed(capsys)["error"]
    assert says in error["message"]
    assert error["code"] == ("USAGE" if exit_code == 2 else "OPTIONS_INVALID")


def test_the_line_of_the_users_code_that_failed(project: Path, capsys) -> None:
    assert main(["export", "export_model.py:broken", "--out", "bundle"]) == 1
    line = PROJECT.split("raise KeyError")[0].count("\n") + 1
    assert f"export_model.py:{line})" in capsys.readouterr().err


def test_an_error_of_the_export_is_one_document(project: Path, capsys) -> None:
    arguments = ["export", "export_model.py:everything", "--dynamic", "x:0=batch[1:2]", "--out", "bundle", "--json"]
    assert main(arguments) == 1
    error = printed(capsys)["error"]
    assert error["code"] == "DIMS_INVALID"
    assert error["details"] == {"dim": "batch", "size": 3}
    assert not (project / "bundle").exists()


def test_interrupted(project: Path, capsys) -> None:
    (project / "slow.py").write_text("def build():\n    raise KeyboardInterrupt\n")
    assert main(["export", "slow.py:build", "--out", "bundle"]) == 130
    assert "interrupted; nothing was written" in capsys.readouterr().err


def test_progress_is_for_long_steps_and_for_who_wants_it(
    project: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["export", "export_model.py:everything", "--out", "bundle"]
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    assert main(arguments) == 0
    shown = capsys.readouterr().err
    for step in ("run the examples", "capture by torch.export", "replay in onnxruntime", "write the goldens"):
        assert f"tensorferry: {step}" in shown
    assert main([*arguments, "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "QUIET_SECONDS", 1e9)
    assert main(arguments) == 0
    assert capsys.readouterr().err == ""


def test_weights_for_the_factory(project: Path, capsys) -> None:
    torch.manual_seed(7)
    trained = models.Mlp()
    safetensors.torch.save_file(trained.state_dict(), "trained.safetensors")
    torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in trained.state_dict().items()}}, "trained.pt")
    outputs = []
    for name in ("trained.safetensors", "trained.pt"):
        arguments = ["export_model.py:everything", "--out", name[:-3]]
        assert main(["export", *arguments, "--weights", name, "--json"]) == 0
        notes = printed(capsys)["notes"]
        outputs.append(safetensors.torch.load_file(f"{name[:-3]}/goldens.safetensors"))
    assert notes[:2] == [
        "weights: taken from 'state_dict' of trained.pt, which holds epoch, state_dict",
        "weights: 'module.' taken off every name",
    ]
    for found in outputs:
        x, y = found["3x8/inputs.x"], found["3x8/outputs.y"]
        with torch.no_grad():
            assert torch.allclose(trained.eval()(x), y, atol=1e-6)


def test_the_same_by_import_with_a_factory(project: Path, capsys) -> None:
    torch.save(models.Mlp().state_dict(), "weights.pt")
    assert main(["import", "weights.pt", "--factory", "export_model.py:everything", "--out", "bundle", "--json"]) == 0
    report = printed(capsys)
    assert report["reference"] == "PyTorch"
    assert [artifact["route"] for artifact in report["artifacts"]] == ["torch.export", "trace"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state: state.pop("layers.0.bias"), "does not fit Mlp: the file lacks layers.0.bias"),
        (lambda state: state.update(extra=torch.zeros(2)), "the module has no extra"),
        (
            lambda state: state.update({"layers.0.bias": torch.zeros(2)}),
            "other shapes: layers.0.bias is [2] in the file, [16] in the module",
        ),
    ],
)
def test_weights_that_do_not_fit(project: Path, capsys, change, says: str) -> None:
    state = models.Mlp().state_dict()
    change(state)
    torch.save(state, "weights.pt")
    assert main(["export", "export_model.py:everything", "--weights", "weights.pt", "--out", "bundle"]) == 1
    assert says in capsys.readouterr().err


def test_weights_that_would_run_code_are_not_loaded(project: Path, capsys) -> None:
    torch.save({"state_dict": models.Mlp().state_dict(), "made": Ran()}, "weights.pt")
    assert main(["export", "export_model.py:everything", "--weights", "weights.pt", "--out", "bundle"]) == 1
    shown = capsys.readouterr().err
    assert "loading that would run its code" in shown
    assert "Ran" in shown
    assert not Ran.has_run


class Ran:
    """Notes that it was unpickled."""

    has_run = False

    def __setstate__(self, state: object) -> None:
        Ran.has_run = True

    def __getstate__(self) -> object:
        return {"a": 1}


def test_values() -> None:
    assert read_dynamic_option(["x:0=batch[1:64],2=height", "y:0=batch"]) == {
        "x": {0: "batch[1:64]", 2: "height"},
        "y": {0: "batch"},
    }
    with pytest.raises(ExportError, match="axis 0 twice"):
        read_dynamic_option(["x:0=a", "x:0=b"])
    assert read_pairs(["x=a=b"], "--docs", "") == {"x": "a=b"}
    for wrong in ("x", "=a", "x="):
        with pytest.raises(ExportError, match="expected NAME=VALUE"):
            read_pairs([wrong], "--docs", "x=a")
    assert read_steps('{"op": 1}', "--preprocess") == [{"op": 1}]
    with pytest.raises(ExportError, match="not JSON"):
        read_steps("[{]", "--preprocess")


@pytest.mark.parametrize("content", ['["ant", "bee"]', "ant\nbee\n", "\ufeffant\r\nbee\r\n"])
def test_labels_of_a_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "labels").write_bytes(content.encode())
    assert read_labels(str(tmp_path / "labels")) == ["ant", "bee"]


def test_a_label_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "labels").write_text("ant\n\ncat\n")
    with pytest.raises(ExportError, match="a label a line"):
        read_labels(str(tmp_path / "labels"))


def test_a_default_name() -> None:
    assert default_name("models.unet:build") == "unet"
    assert default_name("some/export_digits.py:main") == "export-digits"
    assert default_name("models:tiny_net") == "tiny-net"

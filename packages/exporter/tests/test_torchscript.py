"""TorchScript artifacts: right or not listed, the same bytes everywhere, and nothing of this machine inside."""

import io
import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn, rand

import models
from bundle_files import BundleFiles
from tensorferry import ExportError, ExportReport
from tensorferry.dims import evaluate
from tensorferry.torchscript_file import finish_torchscript

BATCH = {"x": {0: "batch[1:64]"}}
TORCHSCRIPT = {"formats": ["torchscript"]}


def script(tmp_path: Path) -> torch.jit.ScriptModule:
    return torch.jit.load(str(tmp_path / "bundle" / "model.pt"))


def two(*shape: int) -> list[tuple[Tensor]]:
    return [(rand(3, *shape),), (rand(5, *shape),)]


def test_trace_beside_onnx(export, tmp_path: Path) -> None:
    model = models.Mlp()
    report = export(model, two(8), ["x"], ["y"], BATCH, formats=["torchscript", "onnx"])
    files = BundleFiles(tmp_path / "bundle")
    onnx, torchscript = files.manifest["artifacts"]
    assert [onnx["name"], torchscript["name"]] == ["onnx", "torchscript"]
    assert torchscript["format"] == "torchscript"
    assert torchscript["precision"] == "float32"
    assert torchscript["requires"] == {"torch": ">=1.13"}
    assert torchscript["route"] == "trace"
    assert [entry["path"] for entry in torchscript["files"]] == ["model.pt"]
    assert torchscript["verified"]["cases"] == onnx["verified"]["cases"] == 12
    assert report.refused == {}
    with torch.no_grad():
        for case in ("3x8", "5x8"):
            result = script(tmp_path)(torch.from_numpy(files.goldens[f"{case}/inputs.x"])).numpy()
            np.testing.assert_allclose(result, files.goldens[f"{case}/outputs.y"], atol=1e-6)
    assert not script(tmp_path).training


def test_torchscript_alone_finds_output_dims_by_what_it_sees(export, tmp_path: Path) -> None:
    dynamic = {"image": {0: "batch[1:16]", 2: "height[1:64]", 3: "width[1:64]"}}
    examples = [(rand(1, 3, 17, 20),), (rand(2, 3, 12, 9),)]
    export(models.Downscale(), examples, ["image"], ["features"], dynamic, **TORCHSCRIPT)
    manifest = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert manifest["outputs"][0]["shape"] == ["batch", 4, "(height + 1)//2", "(width + 1)//2"]
    assert manifest["dims"]["batch"]["batch"] is True


def test_a_branch_on_values_is_scripted_because_the_trace_warns(export, tmp_path: Path) -> None:
    export(models.ScriptedBranch(), two(8), ["x"], ["y"], BATCH, **TORCHSCRIPT)
    manifest = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert manifest["artifacts"][0]["route"] == "script"
    module = script(tmp_path)
    weights = models.ScriptedBranch()
    weights.load_state_dict(module.state_dict())
    for x in (torch.ones(2, 8), -torch.ones(2, 8)):
        torch.testing.assert_close(module(x), weights(x))


def test_a_loop_that_the_trace_freezes_in_silence_is_scripted(export, tmp_path: Path) -> None:
    examples = [(rand(2, 7, 3),), (rand(3, 5, 3),)]
    dynamic = {"x": {0: "batch[1:8]", 1: "time[1:32]"}}
    export(models.LoopOverTime(), examples, ["x"], ["y"], dynamic, **TORCHSCRIPT)
    assert json.loads((tmp_path / "bundle" / "bundle.json").read_text())["artifacts"][0]["route"] == "script"
    x = rand(1, 11, 3)
    torch.testing.assert_close(script(tmp_path)(x), models.LoopOverTime()(x))


def test_an_lstm_with_a_dynamic_time_gets_its_onnx_by_another_way_and_says_why(export, tmp_path: Path) -> None:
    examples = [(rand(2, 7, 3),), (rand(3, 5, 3),)]
    dynamic = {"x": {0: "batch[1:8]", 1: "time[1:32]"}}
    report: ExportReport = export(models.Lstm(), examples, ["x"], ["y", "h"], dynamic, formats=["onnx", "torchscript"])
    manifest = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert [artifact["route"] for artifact in manifest["artifacts"]] == ["legacy ONNX of the script", "trace"]
    assert [spec["shape"] for spec in manifest["outputs"]] == [["batch", "time", 5], [1, "batch", 5]]
    assert report.refused == {}
    assert report.artifacts[0].tried["torch.export"].code == "RANGE_CONTRADICTED"
    assert "not torch.export" in str(report)
    y, h = script(tmp_path)(rand(1, 31, 3))
    assert (y.shape, h.shape) == ((1, 31, 5), (1, 1, 5))


def test_a_wrong_trace_and_a_wrong_script_are_never_listed(export, tmp_path: Path) -> None:
    examples = [(rand(3, 2),), (rand(5, 2),)]
    with pytest.raises(ExportError) as caught:
        export(models.OtherWhenScripted(), examples, ["x"], ["y"], {"x": {0: "n[1:9]"}}, **TORCHSCRIPT)
    assert caught.value.code == "REPLAY_MISMATCH"
    # the frozen loop asks for rows that a shorter input lacks
    assert caught.value.details["routes"] == {"trace": "RUNTIME_REFUSED", "script": "REPLAY_MISMATCH"}
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_onnx_leaves_no_file_beside_a_right_torchscript(export, tmp_path: Path) -> None:
    class NotForOnnx(nn.Module):
        """A shortcut for torch.export that is not the same, around an operator that ONNX lacks."""

        def forward(self, x: Tensor) -> Tensor:
            return x * 1.01 if torch.compiler.is_exporting() else torch.special.bessel_j0(x)

    report = export(NotForOnnx(), two(8), ["x"], ["y"], BATCH, formats=["onnx", "torchscript"])
    assert report.refused["onnx"].code == "REPLAY_MISMATCH"
    assert "bessel_j0" in report.refused["onnx"].verbose
    assert {path.name for path in (tmp_path / "bundle").iterdir()} == {"bundle.json", "goldens.safetensors", "model.pt"}


def test_a_frozen_branch_without_a_warning_is_found_by_the_replay(export) -> None:
    # its `except` hides the warning's cause from the tracer, and no compiler takes it
    with pytest.raises(ExportError) as caught:
        export(models.FrozenBranch(), two(8), ["x"], ["y"], BATCH, formats=["torchscript"], capture="trace")
    assert caught.value.code == "REPLAY_MISMATCH"


def test_trace_on_demand_reports_the_warnings(export) -> None:
    class AssertsItsSize(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if x.shape[1] != torch.tensor(8):
                raise ValueError("eight features")
            return x * 2

    report = export(AssertsItsSize(), two(8), ["x"], ["y"], BATCH, formats=["torchscript"], capture="trace")
    assert report.artifacts[0].route == "trace"
    assert any(note.startswith("trace: test_torchscript.py:") for note in report.notes), report.notes


def test_state_is_fed_back(export, tmp_path: Path) -> None:
    model = models.Recurrent().eval()
    export(
        model,
        [(rand(2, 3), rand(2, 4)), (rand(1, 3), rand(1, 4))],
        ["x", "h"],
        ["y", "h_out"],
        {"x": {0: "batch[1:8]"}, "h": {0: "batch"}},
        states=[("h", "h_out")],
        **TORCHSCRIPT,
    )
    assert json.loads((tmp_path / "bundle" / "bundle.json").read_text())["goldens"]["cases"][0]["steps"] == 3
    y, h = script(tmp_path)(torch.ones(1, 3), torch.zeros(1, 4))
    torch.testing.assert_close((y, h), model(torch.ones(1, 3), torch.zeros(1, 4)))


def test_dict_results_come_in_the_order_of_their_keys(export, tmp_path: Path) -> None:
    model = models.Named().eval()
    export(model, [(rand(2, 5),), (rand(3, 5),)], ["x"], None, {"x": {0: "batch"}}, **TORCHSCRIPT)
    manifest = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert [spec["name"] for spec in manifest["outputs"]] == ["softmax", "linear", "best"]
    x = rand(4, 5)
    torch.testing.assert_close(script(tmp_path)(x), tuple(model(x).values()))


def test_integers_and_booleans(export, tmp_path: Path) -> None:
    examples = [
        (rand(2, 4), torch.tensor([[True, False, True, True]] * 2), torch.tensor(3)),
        (rand(3, 4), torch.tensor([[False, False, True, False]] * 3), torch.tensor(-1)),
    ]
    dynamic = {"x": {0: "batch[1:8]"}, "keep": {0: "batch"}}
    export(models.Mixed(), examples, ["x", "keep", "shift"], ["kept", "count", "dropped"], dynamic, **TORCHSCRIPT)
    manifest = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert [spec["dtype"] for spec in manifest["inputs"]] == ["float32", "bool", "int64"]
    assert [spec["dtype"] for spec in manifest["outputs"]] == ["float32", "int64", "bool"]
    _, count, dropped = script(tmp_path)(torch.ones(1, 4), torch.tensor([[True, False, False, True]]), torch.tensor(10))
    assert count.tolist() == [12]
    assert dropped.tolist() == [[False, True, True, False]]


def test_operators_that_1_13_lacks_are_said(export, tmp_path: Path) -> None:
    examples = [(rand(2, 7, 8),), (rand(3, 5, 8),)]
    export(models.Attention(), examples, ["x"], ["y"], {"x": {0: "b[1:8]", 1: "time[1:32]"}}, **TORCHSCRIPT)
    version = ".".join(torch.__version__.split(".")[:2])
    requires = json.loads((tmp_path / "bundle" / "bundle.json").read_text())["artifacts"][0]["requires"]
    assert requires == {"torch": f">={version}"}


PROGRAM = """
import sys, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[1])
import torch, models
from tensorferry import export_bundle
for _ in range(int(sys.argv[3])):
    torch.jit.script(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 3)))
torch.manual_seed(0)
model = {"trace": models.Recurrent, "script": models.ScriptedBranch}[sys.argv[4]]()
shapes = {"trace": [(3,), (4,)], "script": [(8,)]}[sys.argv[4]]
names = ["x", "h"][: len(shapes)]
export_bundle(
    model, [tuple(torch.rand(rows, *shape) for shape in shapes) for rows in (3, 5)], sys.argv[2], names,
    ["y", "z"][: len(shapes)], {name: {0: "batch"} for name in names}, formats=[sys.argv[5]], capture=sys.argv[4],
    name="test",
)
"""


@pytest.mark.parametrize(
    ("capture", "format_name", "route"),
    [
        ("trace", "torchscript", "trace"),
        ("script", "torchscript", "script"),
        ("script", "onnx", "legacy ONNX of the script"),
    ],
)
def test_the_same_export_gives_the_same_bytes_in_every_process(
    tmp_path: Path, capture: str, format_name: str, route: str
) -> None:
    tests = Path(__file__).parent
    contents = []
    # another number of classes compiled before, another place, another hash seed
    for number, folder in enumerate(("one", "deeper/two")):
        out = tmp_path / folder
        out.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tests), str(out), str(number), capture, format_name],
            check=True,
            cwd=tmp_path,
            env={"PYTHONPATH": str(tests.parent / "src"), "PYTHONHASHSEED": str(number + 1), "HOME": str(tmp_path)},
        )
        manifest = json.loads((out / "bundle.json").read_text())
        assert manifest["artifacts"][0]["route"] == route
        contents.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert contents[0] == contents[1]


def test_the_file_says_nothing_of_where_it_was_made(export, tmp_path: Path) -> None:
    export(models.ScriptedBranch(), two(8), ["x"], ["y"], BATCH, **TORCHSCRIPT)
    content = (tmp_path / "bundle" / "model.pt").read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        assert all(name.startswith("model/") for name in names)
        assert not any("traced_inputs" in name or "serialization_id" in name for name in names)
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        whole = b"".join(archive.read(name) for name in names)
    here = Path(__file__).resolve()
    for place in (here.parents[3], here.parent, Path.home(), tmp_path, Path("/tmp/"), Path(torch.__file__).parents[1]):
        assert str(place).encode() not in whole, place


@pytest.mark.parametrize("route", ["trace", "script"])
def test_errors_of_the_model_name_files_relative_to_their_package(route: str, tmp_path: Path) -> None:
    model = models.Mlp().eval()
    module = torch.jit.script(model) if route == "script" else torch.jit.trace(model, (rand(2, 8),))
    buffer = io.BytesIO()
    torch.jit.save(module, buffer)
    again = torch.jit.load(io.BytesIO(finish_torchscript(buffer.getvalue())))
    with pytest.raises(RuntimeError) as caught:
        again(rand(2, 9))
    text = str(caught.value)
    assert "mat1 and mat2 shapes cannot be multiplied (2x9 and 8x16)" in text
    assert "models.py" in text
    assert "torch/nn/modules/linear.py" in text
    assert "site-packages" not in text
    # the marked line is the one that failed, although names before it have changed
    lines = text.split("original code")[0].splitlines()
    marker = max(index for index, line in enumerate(lines) if "<--- HERE" in line)
    assert lines[marker - 1][lines[marker].index("~") :].startswith("torch.linear(")


def test_classes_of_one_name_and_functions_survive(tmp_path: Path) -> None:
    @torch.jit.script
    def twice(x: Tensor) -> Tensor:
        return x * 2

    class Inner(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return twice(x) + 1

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.second = nn.Linear(3, 2)
            self.first = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3, bias=False))
            self.scripted = torch.jit.script(Inner())

        def forward(self, x: Tensor) -> Tensor:
            return self.second(self.scripted(self.first(x)))

    model = Outer().eval()
    x = rand(4, 3)
    contents = []
    for _ in range(2):
        buffer = io.BytesIO()
        torch.jit.save(torch.jit.trace(model, (x,)), buffer)
        contents.append(finish_torchscript(buffer.getvalue()))
    assert contents[0] == contents[1]
    # finishing what is finished changes nothing
    assert finish_torchscript(contents[0]) == contents[0]
    module = torch.jit.load(io.BytesIO(contents[0]))
    torch.testing.assert_close(module(x), model(x))
    assert list(module.state_dict()) == list(model.state_dict())


def test_debug_records_that_would_run_code_are_refused() -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return print, ("ran",)

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/code/__torch__.py", "class A(Module):\n  pass\n")
        archive.writestr("a/code/__torch__.py.debug_pkl", pickle.dumps(Evil(), protocol=2))
    with pytest.raises(pickle.UnpicklingError):
        finish_torchscript(buffer.getvalue())


def test_output_dims_that_torch_export_does_not_give_come_from_many_sizes(export) -> None:
    """24 samples a step, rounded up: n//24 + 1 is right for most sizes."""
    model = nn.Sequential(*(nn.MaxPool1d(2, ceil_mode=True) for _ in range(3)), nn.MaxPool1d(3, ceil_mode=True))
    examples = [(rand(1, 1, 16),), (rand(1, 1, 30),)]
    report = export(model, examples, ["x"], ["y"], {"x": {2: "n[1:500]"}}, formats=["torchscript"])
    dim = report.outputs["y"].removeprefix("float32[1, 1, ").removesuffix("]")
    for size in range(1, 500):
        got = model(rand(1, 1, size)).shape[2]
        assert evaluate(dim, {"n": size}) == got, (dim, size)

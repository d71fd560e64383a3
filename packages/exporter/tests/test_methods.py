"""Other methods than forward, and modules that are TorchScript already."""

import hashlib
import io
import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn, rand

import models
from bundle_files import BundleFiles
from tensorferry import ExportError

BATCH = {"x": {0: "batch[1:8]"}}
TORCHSCRIPT = {"formats": ["torchscript"]}


def two() -> list[tuple[Tensor]]:
    return [(rand(2, 8),), (rand(3, 8),)]


class Autoencoder(nn.Module):
    """Two methods, and no forward."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.drop, self.up = nn.Linear(8, 2), nn.Dropout(0.5), nn.Linear(2, 8)

    def encode(self, x: Tensor, scale: Tensor | None = None) -> dict[str, Tensor]:
        y = self.drop(self.down(x))
        return {"code": y if scale is None else y * scale}

    def decode(self, code: Tensor) -> Tensor:
        return self.up(code)

    def _inner(self) -> None:
        pass


class Ranker(nn.Module):
    """A method with a loop that the tracer would freeze, so it is compiled."""

    def forward(self, x: Tensor) -> Tensor:
        return x

    def total(self, x: Tensor) -> Tensor:
        total = torch.zeros(8)
        for row in range(x.size(0)):
            total = total * 0.5 + x[row]
        return total


def test_another_method(export, tmp_path: Path) -> None:
    model = Autoencoder().train()
    export(model, two(), method="encode", dynamic=BATCH, formats=["onnx", "torchscript"])
    files = BundleFiles(tmp_path / "bundle")
    assert files.manifest["inputs"] == [{"name": "x", "dtype": "float32", "shape": ["batch", 8]}]
    assert [spec["name"] for spec in files.manifest["outputs"]] == ["code"]
    assert files.manifest["dims"]["batch"]["batch"] is True
    assert [module.training for module in model.modules()] == [True] * 4
    x = rand(4, 8)
    with torch.no_grad():
        expected = model.eval().encode(x)["code"]
    for run in (files.run, files.torchscript()):
        torch.testing.assert_close(torch.from_numpy(run({"x": x.numpy()})["code"]), expected)


def test_a_method_with_arguments_by_name(export, tmp_path: Path) -> None:
    examples = [{"scale": rand(1), "x": rand(n, 8)} for n in (2, 3)]
    export(Autoencoder(), examples, method="encode", dynamic=BATCH, **TORCHSCRIPT)
    manifest = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert [spec["name"] for spec in manifest["inputs"]] == ["x", "scale"]


def test_a_method_is_compiled_where_the_trace_freezes_it(export, tmp_path: Path) -> None:
    export(Ranker(), two(), None, ["total"], BATCH, method="total", **TORCHSCRIPT)
    manifest = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert manifest["artifacts"][0]["route"] == "script"
    x = rand(7, 8)
    module = torch.jit.load(str(tmp_path / "bundle" / "model.pt"))
    torch.testing.assert_close(module(x), Ranker().total(x))


@pytest.mark.parametrize(
    ("model", "method", "says"),
    [
        (Autoencoder(), "forward", "Autoencoder has no forward, its methods are encode, decode; export one of them: "
         "method='encode'"),
        (nn.Module(), "forward", "Module has no forward, it has no other methods; define forward"),
        (Autoencoder(), "embed", "Autoencoder has no method 'embed'; its methods are encode, decode"),
        (models.Mlp(), "layers.0", "has no method 'layers.0'"),
        (models.Mlp(), None, "has no method None"),
    ],
)  # fmt: skip
def test_a_method_that_is_not_there(export, model: nn.Module, method: str, says: str) -> None:
    with pytest.raises(ExportError) as caught:
        export(model, two(), ["x"], ["y"], method=method)
    assert caught.value.code == "OPTIONS_INVALID"
    assert says in caught.value.message


def loaded(module: torch.jit.ScriptModule) -> torch.jit.ScriptModule:
    buffer = io.BytesIO()
    torch.jit.save(module, buffer)
    buffer.seek(0)
    return torch.jit.load(buffer)


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.jit.script(models.ScriptedBranch()),
        lambda: loaded(torch.jit.script(models.ScriptedBranch())),
        lambda: torch.jit.trace(models.Mlp().eval(), rand(2, 8)),
        lambda: torch.jit.freeze(torch.jit.script(models.Mlp().eval())),
    ],
    ids=["scripted", "loaded", "traced", "frozen"],
)
def test_torchscript_is_taken_as_it_is(export, tmp_path: Path, make) -> None:
    model = make()
    report = export(model, two(), None, ["y"], BATCH, **TORCHSCRIPT)
    assert list(report.inputs) == ["x"]
    assert any("TorchScript already and was taken as it is" in note for note in report.notes)
    module = torch.jit.load(str(tmp_path / "bundle" / "model.pt"))
    for x in (rand(5, 8), -rand(5, 8)):
        with torch.no_grad():
            torch.testing.assert_close(module(x), model(x), rtol=0, atol=0)


def test_another_method_of_torchscript(export, tmp_path: Path) -> None:
    class Exported(Autoencoder):
        @torch.jit.export
        def decode(self, code: Tensor) -> Tensor:
            return self.up(code)

        def forward(self, x: Tensor) -> Tensor:
            return self.down(x)

    model = torch.jit.script(Exported())
    examples = [(rand(2, 2),), (rand(3, 2),)]
    export(model, examples, None, ["y"], {"code": {0: "batch[1:8]"}}, method="decode", **TORCHSCRIPT)
    code = rand(4, 2)
    module = torch.jit.load(str(tmp_path / "bundle" / "model.pt"))
    torch.testing.assert_close(module(code), model.decode(code))
    with pytest.raises(ExportError, match="its methods are decode"):
        export(model, examples, None, ["y"], method="encode", **TORCHSCRIPT)


def test_a_stateful_torchscript_module_is_refused(export) -> None:
    with pytest.raises(ExportError, match="TorchScript code writes to its own buffer calls") as caught:
        export(torch.jit.script(models.CountsCalls()), two(), None, ["y"], BATCH, **TORCHSCRIPT)
    assert caught.value.code == "MODEL_STATEFUL"


def test_a_scripted_submodule_beside_a_state(export, tmp_path: Path) -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.jit.script(models.ScriptedBranch())
            self.register_buffer("total", torch.zeros(8))

        def forward(self, x: Tensor) -> Tensor:
            self.total += self.inner(x).sum(0)
            return self.total + x

    export(Mixed(), [(rand(2, 8),), (-rand(2, 8),)], None, ["y"], **TORCHSCRIPT)
    manifest = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert [state["input"] for state in manifest["states"]] == ["total"]


WRAPPED = {
    "method": (Autoencoder, {"method": "encode", "examples": [{"x": rand(2, 8), "scale": rand(1)} for _ in range(2)]}),
    "state": (models.CountsCalls, {"outputs": ["y"]}),
}


@pytest.mark.parametrize(("kind", "options"), WRAPPED.values(), ids=WRAPPED)
def test_wrapped_models_give_the_same_bytes_twice(export, tmp_path: Path, kind: type, options: dict) -> None:
    digests = []
    given = options.get("examples", [(rand(2, 8),), (rand(2, 8),)])
    options = {key: value for key, value in options.items() if key != "examples"}
    for _ in range(2):
        torch.manual_seed(0)
        # what was compiled before must not show
        torch.jit.script(models.Mlp())
        export(kind(), given, formats=["onnx", "torchscript"], **options)
        files = sorted((tmp_path / "bundle").iterdir())
        digests.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files})
    assert digests[0] == digests[1]
    assert {"model.onnx", "model.pt"} < set(digests[0])

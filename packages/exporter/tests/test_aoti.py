"""`python -m tensorferry aoti`: compiled here, PyTorch's numbers or nothing, and never part of the bundle."""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from torch import rand

import models
from bundle_files import BundleFiles
from tensorferry import ExportError
from tensorferry.__main__ import main
from tensorferry.aoti import compile_bundle
from tensorferry.archive import read_archive, write_archive
from tensorferry.exported_program import load_program
from tensorferry.manifest import file_entry

ROOT = Path(__file__).resolve().parents[3]
BUNDLES = ROOT / "packages" / "core" / "test" / "fixtures" / "bundles"
needs_compiler = pytest.mark.skipif(shutil.which("c++") is None, reason="AOTInductor needs a C++ compiler")


def copy_of(name: str, tmp_path: Path) -> Path:
    shutil.copytree(BUNDLES / name, tmp_path / name, ignore=shutil.ignore_patterns("*.local.*"))
    return tmp_path / name


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def spoil(folder: Path, change) -> None:
    manifest = json.loads((folder / "bundle.json").read_text())
    change(manifest)
    (folder / "bundle.json").write_text(json.dumps(manifest))


def run_package(folder: Path, inputs: list[torch.Tensor], **environment: str) -> list[np.ndarray]:
    """In a process of its own, as a user would."""
    np.savez(folder.parent / "inputs.npz", *[value.numpy() for value in inputs])
    program = """
import sys, numpy, torch
package, given, out = sys.argv[1:]
inputs = [torch.from_numpy(value) for value in numpy.load(given).values()]
result = torch._inductor.aoti_load_package(package)(*inputs)
numpy.savez(out, *[value.numpy() for value in (result if isinstance(result, (tuple, list)) else [result])])
"""
    out = folder.parent / "outputs.npz"
    package = folder / "aot-inductor.local.pt2"
    subprocess.run(
        [sys.executable, "-c", program, str(package), str(folder.parent / "inputs.npz"), str(out)],
        check=True,
        env={**os.environ, **environment},
    )
    return list(np.load(out).values())


@needs_compiler
def test_a_stream_is_compiled_replayed_and_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy_of("recurrent", tmp_path)
    before = names(folder)
    assert main(["aoti", str(folder), "--quiet"]) == 0
    assert names(folder) == before | {"bundle.local.json", "aot-inductor.local.pt2"}
    local = json.loads((folder / "bundle.local.json").read_text())
    (entry,) = local["artifacts"]
    manifest = json.loads((folder / "bundle.json").read_text())
    assert entry["files"] == [file_entry(folder, "aot-inductor.local.pt2")]
    assert entry["requires"] == {
        "torch": f"=={'.'.join(torch.__version__.split('.')[:2])}",
        "platform": sys.platform,
        "machine": entry["requires"]["machine"],
        "isa": entry["requires"]["isa"],
        "device": "cpu",
        "threads": "session",
        "march": "native",
    }
    # three steps, the state fed back
    assert entry["verified"]["cases"] == sum(case["steps"] for case in manifest["goldens"]["cases"])
    assert entry["verified"]["max_abs"] < 1e-5
    program, script = manifest["program"]["files"][0], manifest["artifacts"][1]["files"][0]
    assert entry["made_from"] == {entry["path"]: entry["sha256"] for entry in (program, script)}
    assert f"sha256: '{entry['files'][0]['sha256']}'" in capsys.readouterr().out

    # sizes that no golden has
    inputs = [rand(7, 3), rand(7, 4)]
    expected = BundleFiles(folder).torchscript()({"x": inputs[0].numpy(), "h": inputs[1].numpy()})
    for got, value in zip(run_package(folder, inputs), expected.values(), strict=True):
        np.testing.assert_allclose(got, value, atol=1e-6)

    with monkeypatch.context() as patch:
        # up to date: nothing is compiled
        patch.setattr("tensorferry.aoti.run_isolated", lambda *_: pytest.fail("compiled again"))
        assert not compile_bundle(folder, progress=False).is_new
    (folder / "aot-inductor.local.pt2").write_bytes(b"torn")
    assert main(["aoti", str(folder), "--quiet", "--threads", "1"]) == 0
    (entry,) = json.loads((folder / "bundle.local.json").read_text())["artifacts"]
    assert entry["requires"]["threads"] == 1
    assert entry["files"] == [file_entry(folder, "aot-inductor.local.pt2")]


class Convolutions(torch.nn.Module):
    """One used twice, one by channel, one transposed.

    float32 [batch, 3, height, width] -> [batch, 4, 2 * height, 2 * width].
    """

    def __init__(self) -> None:
        super().__init__()
        first = torch.nn.Conv2d(3, 16, 3, padding=1)
        self.first = torch.nn.Sequential(first, torch.nn.BatchNorm2d(16), torch.nn.ReLU())
        self.twice = torch.nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.by_channel = torch.nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.wider = torch.nn.ConvTranspose2d(16, 4, 2, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        return self.wider(self.by_channel(self.twice(self.twice(x).relu()) + x))


@needs_compiler
def test_weights_are_folded_and_packed_where_every_size_is_a_symbol(export, tmp_path: Path) -> None:
    dims = {"x": {0: "batch[1:8]", 2: "height[4:64]", 3: "width[4:64]"}}
    examples = [(rand(2, 3, 8, 9),), (rand(3, 3, 7, 8),)]
    model = Convolutions().eval()
    export(model, examples, ["x"], ["y"], dims, formats=["torchscript", "aot-inductor"])
    folder = tmp_path / "bundle"
    assert "unfrozen" not in compile_bundle(folder, progress=False).entry
    archive = read_archive((folder / "aot-inductor.local.pt2").read_bytes())
    (code,) = (content.decode() for path, content in archive.items() if path.endswith(".wrapper.cpp"))
    # the transposed one stays PyTorch's where sizes are symbols
    assert code.count("aoti_torch_cpu_convolution(") == 1
    assert code.count("aoti_torch_cpu_mkldnn__convolution_pointwise") == 4
    assert code.count("].layout = static_cast<int32_t>(cached_torch_layout__mkldnn)") >= 3
    assert "batch_norm" not in code

    x = rand(5, 3, 21, 30)
    expected = model(x).detach().numpy()
    # the second on a processor with fewer instructions, whose own layout is another
    for environment in ({}, {"ONEDNN_MAX_CPU_ISA": "SSE41"}):
        np.testing.assert_allclose(run_package(folder, [x], **environment)[0], expected, atol=1e-5)


@needs_compiler
def test_what_pytorch_cannot_freeze_is_compiled_as_it_is_and_says_so(
    export, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = torch.nn.Conv2d(3, 4, 3).double().eval()
    examples = [(rand(2, 3, 9, 9).double(),) for _ in range(2)]
    export(model, examples, ["x"], ["y"], formats=["torchscript", "aot-inductor"])
    assert main(["aoti", str(tmp_path / "bundle"), "--quiet"]) == 0
    (entry,) = json.loads((tmp_path / "bundle" / "bundle.local.json").read_text())["artifacts"]
    assert entry["unfrozen"].startswith("weights are not folded and packed: AOTInductor: ")
    assert entry["unfrozen"] in capsys.readouterr().out
    x = rand(2, 3, 9, 9).double()
    np.testing.assert_allclose(run_package(tmp_path / "bundle", [x])[0], model(x).detach().numpy(), atol=1e-14)


@needs_compiler
def test_a_package_that_gives_other_numbers_is_not_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = copy_of("two-inputs", tmp_path)
    goldens = safetensors.numpy.load_file(folder / "goldens.safetensors")
    key = next(key for key in sorted(goldens) if "outputs.product" in key)
    goldens[key][0, -1] += 0.01
    safetensors.numpy.save_file(goldens, folder / "goldens.safetensors")
    spoil(folder, lambda manifest: manifest["goldens"].update(file=file_entry(folder, "goldens.safetensors")))
    before = names(folder)
    assert main(["aoti", str(folder), "--quiet"]) == 1
    assert "REPLAY_MISMATCH: case" in capsys.readouterr().err
    assert names(folder) == before


@pytest.mark.parametrize(
    ("code", "message", "change"),
    [
        ("PROGRAM_ABSENT", r"it has onnx, torchscript\); export it again", lambda manifest: manifest.pop("program")),
        ("BUNDLE_INVALID", "expected schema", lambda manifest: manifest.update(schema="tensorferry.bundle/2")),
        ("BUNDLE_INVALID", "no goldens", lambda manifest: manifest.update(goldens=None)),
        (
            "BUNDLE_INVALID",
            "leads out",
            lambda manifest: manifest["program"]["files"][0].update(path="../program.pt2"),
        ),
        ("BUNDLE_INVALID", "other.pt: no file of", lambda manifest: manifest["program"].update(weights="other.pt")),
    ],
)
def test_a_bundle_that_cannot_be_compiled_is_refused(code: str, message: str, change, tmp_path: Path) -> None:
    folder = copy_of("two-inputs", tmp_path)
    spoil(folder, change)
    before = names(folder)
    with pytest.raises(ExportError, match=message) as caught:
        compile_bundle(folder, progress=False)
    assert caught.value.code == code
    assert names(folder) == before


def test_a_damaged_program_and_no_bundle_at_all_are_refused(tmp_path: Path) -> None:
    folder = copy_of("two-inputs", tmp_path)
    content = bytearray((folder / "program.pt2").read_bytes())
    content[500] ^= 1
    (folder / "program.pt2").write_bytes(content)
    with pytest.raises(ExportError, match=r"BUNDLE_INVALID: .*program\.pt2: expected \d+ bytes with sha256"):
        compile_bundle(folder, progress=False)
    with pytest.raises(ExportError, match=r"expected a folder with a bundle\.json"):
        compile_bundle(tmp_path / "nowhere", progress=False)


def test_without_a_compiler_the_message_says_what_to_install(tmp_path: Path) -> None:
    folder = copy_of("two-inputs", tmp_path)
    search = str(ROOT / "packages" / "exporter" / "src")
    environment = {"PYTHONPATH": search, "HOME": str(tmp_path), "CXX": "no-such-compiler", "PATH": str(tmp_path)}
    environment["TORCHINDUCTOR_CACHE_DIR"] = str(tmp_path / "cache")
    command = [sys.executable, "-m", "tensorferry", "aoti", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ended.returncode == 1
    assert "COMPILER_ABSENT: AOTInductor needs a C++ compiler" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (folder / "bundle.local.json").exists()


def test_help_names_what_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["aoti", "--help"])
    assert ended.value.code == 0
    assert "bundle.local.json" in capsys.readouterr().out


def test_another_export_takes_what_was_compiled_from_the_earlier_one_with_it(export, tmp_path: Path) -> None:
    examples = [(rand(3, 8),), (rand(5, 8),)]
    export(models.Mlp(), examples, ["x"], ["y"], {"x": {0: "batch[1:8]"}})
    folder = tmp_path / "bundle"
    (folder / "aot-inductor.local.pt2").write_bytes(b"compiled")
    local = {"schema": "tensorferry.bundle.local/1", "artifacts": [{"files": [{"path": "aot-inductor.local.pt2"}]}]}
    (folder / "bundle.local.json").write_text(json.dumps(local))
    (folder / "notes.txt").write_text("kept")
    export(models.Mlp(), examples, ["x"], ["y"], {"x": {0: "batch[1:8]"}})
    assert names(folder) == {"bundle.json", "goldens.safetensors", "model.onnx", "notes.txt"}


def test_a_program_takes_its_weights_from_the_torchscript_beside_it(tmp_path: Path) -> None:
    folder = copy_of("recurrent", tmp_path)
    program, script = (folder / "program.pt2").read_bytes(), (folder / "model.pt").read_bytes()
    x, h = rand(5, 3), rand(5, 4)
    with torch.no_grad():
        got = load_program(program, script).module()(x, h)
    torch.testing.assert_close(tuple(got), torch.jit.load(str(folder / "model.pt"))(x, h))
    with pytest.raises(ValueError, match="which does not hold it"):
        load_program(program)
    pickled = write_archive({**read_archive(program), "data/sample_inputs/model.pt": b"any"})
    with pytest.raises(ValueError, match="a pickle"):
        load_program(pickled, script)


@needs_compiler
@pytest.mark.skipif(
    platform.machine() != "x86_64" or shutil.which("objdump") is None, reason="reads x86-64 machine code"
)
@pytest.mark.parametrize(("march", "wide"), [("x86-64", False), ("x86-64-v3", True)])
def test_a_level_of_instructions_in_place_of_this_cpu(tmp_path: Path, march: str, wide: bool) -> None:
    folder = copy_of("recurrent", tmp_path)
    entry = compile_bundle(folder, march=march, progress=False).entry
    assert entry["requires"]["march"] == march
    assert entry["verified"]["max_abs"] < 1e-5
    assert not compile_bundle(folder, march=march, progress=False).is_new
    archive = read_archive((folder / "aot-inductor.local.pt2").read_bytes())
    (library,) = (content for path, content in archive.items() if path.endswith(".so"))
    (tmp_path / "library.so").write_bytes(library)
    objdump = ["objdump", "-d", "library.so"]
    code = subprocess.run(objdump, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert ("%ymm" in code) is wide
    assert "%zmm" not in code


def test_a_level_of_another_machine(tmp_path: Path) -> None:
    other = "armv8-a" if platform.machine() == "x86_64" else "x86-64"
    with pytest.raises(ExportError, match=f"march: expected native .*got '{other}'"):
        compile_bundle(copy_of("recurrent", tmp_path), march=other)

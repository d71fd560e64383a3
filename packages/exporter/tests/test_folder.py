"""What is left on disk: the same bytes every time, all or nothing, and nobody else's files lost."""

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from torch import rand

import models
from tensorferry import ExportError

EXAMPLES = [(rand(3, 8),), (rand(5, 8),)]
BATCH = {"x": {0: "batch[1:8]"}}
SCRIPT = """
import sys, torch, models
from tensorferry import export_bundle
torch.manual_seed(5)
model = models.Downscale()
examples = [(torch.rand(1, 3, 17, 20),), (torch.rand(2, 3, 12, 9),)]
dynamic = {"image": {0: "batch[1:16]", 2: "height[1:64]", 3: "width[1:64]"}}
names = ["image"], ["features"]
export_bundle(model, examples, sys.argv[1], *names, dynamic, name="same", formats=["onnx"], progress=False)
"""


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_the_same_export_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    here = Path(__file__).parent
    search = os.pathsep.join([str(here), str(here.parent / "src")])
    for seed, name in (("1", "a"), ("2", "b")):
        environment = {**os.environ, "PYTHONPATH": search, "PYTHONHASHSEED": seed}
        # other working folders too
        (tmp_path / f"in-{name}").mkdir()
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / name)]
        subprocess.run(command, check=True, env=environment, cwd=tmp_path / f"in-{name}")
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert list(digests(tmp_path / "a")) == ["bundle.json", "goldens.safetensors", "model.onnx"]


def test_an_interrupted_export_leaves_nothing(export, tmp_path: Path) -> None:
    # the fifth call is the replay's: the file is written by then
    with pytest.raises(KeyboardInterrupt):
        export(models.Interrupted(at=5), EXAMPLES, ["x"], ["y"], BATCH)
    assert list(tmp_path.iterdir()) == []


STOPPED = """
import os, signal, sys
from pathlib import Path
import torch
from tensorferry import export_bundle
out, phase, pipe = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
class Waits(torch.nn.Module):
    def forward(self, x):
        written = any(out.parent.glob(".bundle.*.partial/model.onnx"))
        if torch.compiler.is_exporting() if phase == "capture" else written:
            os.write(pipe, b"now")
            signal.pause()
        return x + 1
examples = [(torch.zeros(2, 3),), (torch.ones(2, 3),)]
export_bundle(Waits(), examples, out, outputs=["y"], name="test", formats=["onnx"], progress=False)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="captures in a process of its own on Linux")
@pytest.mark.parametrize(
    ("sent", "phase"), [(signal.SIGINT, "capture"), (signal.SIGTERM, "capture"), (signal.SIGTERM, "replay")]
)
def test_a_stopped_process_leaves_nothing(tmp_path: Path, sent: signal.Signals, phase: str) -> None:
    source = str(Path(__file__).parents[1] / "src")
    told, tell = os.pipe()
    command = [sys.executable, "-c", STOPPED, str(tmp_path / "bundle"), phase, str(tell)]
    with subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": source}, pass_fds=[tell], stderr=subprocess.DEVNULL
    ) as process:
        os.close(tell)
        # ends without a word when the process fails before
        assert os.read(told, 3) == b"now"
        assert [path.suffix for path in tmp_path.iterdir()] == [".partial"]
        process.send_signal(sent)
        # SIGINT's own way to end, or the code that shells give
        assert process.wait(60) == (-signal.SIGINT if sent == signal.SIGINT else 128 + signal.SIGTERM)
    # nobody holds the other end any more: the capturing process is gone too
    assert os.read(told, 3) == b""
    os.close(told)
    assert list(tmp_path.iterdir()) == []


def test_sigterm_keeps_the_callers_handler(export) -> None:
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    export(models.Mlp(), EXAMPLES, ["x"], ["y"], BATCH, formats=["torchscript"])
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        export(models.Mlp(), EXAMPLES, ["x"], ["y"], BATCH, formats=["torchscript"])
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_an_interrupted_export_leaves_the_earlier_bundle(export, tmp_path: Path) -> None:
    export(models.Mlp(), EXAMPLES, ["x"], ["y"], BATCH)
    before = digests(tmp_path / "bundle")
    with pytest.raises(KeyboardInterrupt):
        export(models.Interrupted(at=5), EXAMPLES, ["x"], ["y"], BATCH)
    assert digests(tmp_path / "bundle") == before
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_second_export_replaces_its_own_files_and_keeps_others(export, tmp_path: Path) -> None:
    export(models.Mlp(), EXAMPLES, ["x"], ["y"], BATCH, version="1.0.0")
    (tmp_path / "bundle" / "README.md").write_text("a card")
    export(models.Mlp(), EXAMPLES, ["x"], ["y"], BATCH, version="1.0.1")
    assert (tmp_path / "bundle" / "README.md").read_text() == "a card"
    assert '"version": "1.0.1"' in (tmp_path / "bundle" / "bundle.json").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_an_empty_folder_is_taken(export, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    export(models.Mlp(), EXAMPLES, ["x"], ["y"], BATCH)
    assert list(digests(tmp_path / "bundle")) == ["bundle.json", "goldens.safetensors", "model.onnx"]
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_folder_of_other_things_is_not_touched(export, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "thesis.txt").write_text("years of work")
    with pytest.raises(ExportError, match="OUTPUT_EXISTS"):
        export(models.Mlp(), EXAMPLES, ["x"], ["y"], BATCH)
    assert [path.name for path in (tmp_path / "bundle").iterdir()] == ["thesis.txt"]


def test_a_path_of_this_machine_in_a_text_is_refused(export, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="MACHINE_PATH"):
        export(models.Mlp(), EXAMPLES, ["x"], ["y"], BATCH, docs={"x": f"from {Path.home()}/data.csv"})
    assert list(tmp_path.iterdir()) == []

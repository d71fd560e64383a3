"""Lower precisions: measured against float32 PyTorch, listed with their own tolerance or refused with numbers."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import safetensors.torch
import torch
from onnx import TensorProto
from torch import Tensor, nn

import models
from bundle_files import BundleFiles
from tensorferry import ExportError, ExportReport, export_bundle
from tensorferry.precision_error import PrecisionError, require_same_classes, spread
from tensorferry.read_bundle import Bundle
from tensorferry.rows import rows_apart

Export = Callable[..., ExportReport]
BOTH = ["float16", "int8"]


class Encoder(nn.Module):
    """int64 [batch, length], padding 0 -> float32 [batch, 32]: an embedding, two layers of attention, a mean."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(500, 32)
        layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, ids: Tensor) -> Tensor:
        padding = ids == 0
        hidden = self.layers(self.tokens(ids), src_key_padding_mask=padding)
        weights = (~padding).unsqueeze(-1).float()
        return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)


class Delicate(nn.Module):
    """Its weights differ by less than float16 can tell apart at 2048."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(16, 8, bias=False)
        with torch.no_grad():
            self.linear.weight.copy_(2048.5 + torch.rand(8, 16) / 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) - 2048 * x.sum(-1, keepdim=True)


class LargeWeight(nn.Module):
    """One of its weights is beyond float16."""

    def __init__(self) -> None:
        super().__init__()
        self.large, self.small = nn.Linear(8, 16, bias=False), nn.Linear(8, 16, bias=False)
        with torch.no_grad():
            self.large.weight.fill_(70000)

    def forward(self, x: Tensor) -> Tensor:
        return self.small(x) + (self.large(x) / 70000).tanh()


class Squares(nn.Module):
    """Nothing to convert."""

    def forward(self, x: Tensor) -> Tensor:
        return x * x


class Recurrent(models.Recurrent):
    """The same with enough weights: state [batch, 16]."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(3, 16)
        self.head = nn.Linear(16, 2)


class OneLargeWeight(nn.Module):
    """The first feature's weights are a thousand times the others'; one scale for a row of weights loses the others."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 4, bias=False)
        with torch.no_grad():
            self.linear.weight[:, 0] = 1000

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)


def floats(*shape: int) -> tuple[Tensor]:
    return (torch.randn(*shape),)


def ids(*shape: int) -> tuple[Tensor]:
    return (torch.randint(1, 500, shape),)


def artifact(files: BundleFiles, name: str) -> dict[str, Any]:
    return next(found for found in files.manifest["artifacts"] if found["name"] == name)


def replayed(files: BundleFiles, name: str) -> float:
    """The largest difference of an artifact on the goldens, run by other code than the exporter's."""
    path = files.folder / artifact(files, name)["files"][0]["path"]
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    outputs = [value.name for value in session.get_outputs()]
    return files.replay(lambda inputs: dict(zip(outputs, session.run(outputs, inputs), strict=True)))


def dtypes(files: BundleFiles, name: str) -> set[int]:
    model = onnx.load(str(files.folder / artifact(files, name)["files"][0]["path"]))
    return {tensor.data_type for tensor in model.graph.initializer}


def export_encoder(out: Path) -> ExportReport:
    torch.manual_seed(0)
    return export_bundle(
        Encoder(),
        [ids(2, 7), ids(3, 12)],
        out,
        ["ids"],
        ["embedding"],
        {"ids": {0: "batch[1:16]", 1: "length[1:32]"}},
        name="encoder",
        formats=["onnx"],
        precisions=BOTH,
        progress=False,
    )


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ExportReport]:
    """The transformer's bundle in both precisions, and its report."""
    folder = tmp_path_factory.mktemp("encoder") / "bundle"
    return folder, export_encoder(folder)


def test_a_transformer_in_both_precisions(encoder: tuple[Path, ExportReport]) -> None:
    folder, report = encoder
    files = BundleFiles(folder)
    assert [found["name"] for found in files.manifest["artifacts"]] == ["onnx", "onnx-float16", "onnx-int8"]
    assert [found["precision"] for found in files.manifest["artifacts"]] == ["float32", *BOTH]
    assert report.refused == {}
    assert TensorProto.FLOAT16 in dtypes(files, "onnx-float16")
    assert TensorProto.INT8 in dtypes(files, "onnx-int8")
    tolerance = files.manifest["goldens"]["tolerance"]
    whole = files.replay()
    for precision in BOTH:
        error = replayed(files, f"onnx-{precision}")
        # it is another file, and it keeps to its own tolerance with room
        assert whole < error <= tolerance[precision]["atol"] / 1.5
        assert tolerance[precision]["rtol"] == 0
    assert tolerance["float32"]["atol"] < tolerance["float16"]["atol"] < tolerance["int8"]["atol"]


def test_the_table_says_what_it_costs(encoder: tuple[Path, ExportReport]) -> None:
    folder, report = encoder
    half, quarter = report.precisions
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert half.size == sizes["model.float16.onnx"]
    assert half.size_ratio == sizes["model.float16.onnx"] / sizes["model.onnx"]
    assert quarter.size_ratio < half.size_ratio < 0.7
    assert half.noise < quarter.noise
    for one in report.precisions:
        low, high = one.time_ratio_range
        assert 0 < low <= one.time_ratio <= high
        assert one.milliseconds > 0
    lines = str(report).splitlines()
    assert lines[-3].split()[:3] == ["precision", "size", "of"]
    assert [line.split()[0] for line in lines[-2:]] == ["onnx-float16", "onnx-int8"]
    assert report.to_dict()["precisions"][1]["name"] == "onnx-int8"


def test_the_same_export_gives_the_same_bytes(encoder: tuple[Path, ExportReport], tmp_path: Path) -> None:
    folder, _ = encoder
    export_encoder(tmp_path / "bundle")
    for path in folder.iterdir():
        content = path.read_bytes()
        assert content == (tmp_path / "bundle" / path.name).read_bytes(), path.name
        assert b"/tmp" not in content
        if path.suffix == ".onnx":
            assert onnx.load_from_string(content).producer_name == "pytorch"


def test_the_bundle_reader_uses_each_tolerance(encoder: tuple[Path, ExportReport]) -> None:
    folder, _ = encoder
    bundle = Bundle.open(folder)
    session = onnxruntime.InferenceSession(str(folder / "model.int8.onnx"))

    def run(inputs: Any) -> list[np.ndarray]:
        return session.run(None, {"ids": inputs[0].numpy()})

    assert bundle.goldens().replay(run, "onnxruntime", "int8")[0] == 2
    with pytest.raises(ExportError, match="differs from PyTorch"):
        bundle.goldens().replay(run, "onnxruntime", "float32")


def test_weights_beyond_float16_stay_in_float32(export: Export, tmp_path: Path) -> None:
    examples = [floats(2, 8), floats(5, 8)]
    report = export(LargeWeight(), examples, ["x"], ["y"], {"x": {0: "batch"}}, precisions=["float16"])
    files = BundleFiles(tmp_path / "bundle")
    assert report.refused == {}
    assert 0 < replayed(files, "onnx-float16") < 0.005
    assert {TensorProto.FLOAT, TensorProto.FLOAT16} <= dtypes(files, "onnx-float16")
    (note,) = [note for note in report.notes if note.startswith("onnx-float16")]
    assert note.startswith("onnx-float16: 1 weights stay in float32, they are over 65504")


def test_what_is_too_coarse_is_refused_with_numbers(export: Export, tmp_path: Path) -> None:
    report = export(Delicate(), [floats(2, 16), floats(5, 16)], ["x"], ["y"], {"x": {0: "batch"}}, precisions=BOTH)
    for precision, limit in (("float16", "0.01"), ("int8", "0.25")):
        assert f"{precision} is too coarse for this model" in report.refused[f"onnx-{precision}"].message
        assert (
            f"standard deviations of the output (root mean square), at most {limit} is allowed"
            in report.refused[f"onnx-{precision}"].message
        )
    files = BundleFiles(tmp_path / "bundle")
    assert [found["name"] for found in files.manifest["artifacts"]] == ["onnx"]
    assert list(files.manifest["goldens"]["tolerance"]) == ["float32"]
    assert not list((tmp_path / "bundle").glob("model.*.onnx"))
    assert report.precisions == []


def test_a_model_without_weights_has_nothing_to_convert(export: Export) -> None:
    report = export(Squares(), [floats(2, 16), floats(5, 16)], ["x"], ["y"], {"x": {0: "batch"}}, precisions=BOTH)
    assert "float16: expected weights of 64 elements" in report.refused["onnx-float16"].message
    expected = "int8: expected a MatMul, Gemm, LSTM or embedding with constant weights, got Mul"
    assert expected in report.refused["onnx-int8"].message


def test_int8_that_loses_the_small_weights_is_refused(export: Export) -> None:
    examples = [floats(2, 8), floats(5, 8)]
    for (x,) in examples:
        x[:, 0] = 0
    report = export(OneLargeWeight(), examples, ["x"], ["y"], {"x": {0: "batch"}}, precisions=["int8"])
    assert "int8 is too coarse for this model" in report.refused["onnx-int8"].message
    assert report.precisions == []


def test_convolutions_have_float16_alone(export: Export, tmp_path: Path) -> None:
    report = export(
        models.Downscale(),
        [floats(1, 3, 12, 16), floats(2, 3, 9, 10)],
        ["image"],
        ["features"],
        {"image": {0: "batch[1:4]", 2: "height[1:20]", 3: "width[1:20]"}},
        precisions=BOTH,
    )
    assert [one.name for one in report.precisions] == ["onnx-float16"]
    assert "Conv" in report.refused["onnx-int8"].message
    assert replayed(BundleFiles(tmp_path / "bundle"), "onnx-float16") > 0


def test_states_are_replayed_in_low_precision_too(export: Export, tmp_path: Path) -> None:
    examples = [(torch.randn(2, 3), torch.zeros(2, 16)), (torch.randn(3, 3), torch.ones(3, 16))]
    dynamic = {"x": {0: "batch[1:8]"}, "h": {0: "batch"}}
    report = export(Recurrent(), examples, ["x", "h"], ["y", "h_out"], dynamic, [("h", "h_out")], precisions=BOTH)
    files = BundleFiles(tmp_path / "bundle")
    for one in report.precisions:
        assert 0 < replayed(files, one.name) <= one.atol
    assert [one.name for one in report.precisions] == ["onnx-float16", "onnx-int8"]
    assert any("rows of a batch share their scales" in note for note in report.notes)


class Forecast(nn.Module):
    """float32 [batch, 6, 8] -> [batch, 3] by a bidirectional LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 24, batch_first=True, bidirectional=True)
        self.head = nn.Linear(48, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(x)[0][:, -1])


def test_an_lstm_is_quantized(export: Export, tmp_path: Path) -> None:
    examples = [floats(2, 6, 8), floats(3, 6, 8)]
    report = export(Forecast(), examples, ["x"], ["y"], {"x": {0: "batch[1:8]"}}, precisions=BOTH)
    half, quarter = report.precisions
    assert quarter.size_ratio < half.size_ratio < 0.7
    model = onnx.load(str(tmp_path / "bundle" / "model.int8.onnx"))
    assert "DynamicQuantizeLSTM" in {node.op_type for node in model.graph.node}
    assert 0 < replayed(BundleFiles(tmp_path / "bundle"), "onnx-int8") <= quarter.atol


def test_digits_keep_their_classes(export: Export, tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3] / "examples" / "training"
    spec = importlib.util.spec_from_file_location("digits_training", root / "digits.py")
    assert spec is not None
    assert spec.loader is not None
    digits = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = digits
    spec.loader.exec_module(digits)
    model = digits.Digits()
    model.load_state_dict(safetensors.torch.load_file(digits.WEIGHTS))
    _, _, counts, labels = digits.split()
    images = digits.normalize(digits.to_pixels(counts))
    report = export(
        model,
        [(images[:1],), (images[1:6],)],
        ["image"],
        ["logits"],
        {"image": {0: "batch[1:1024]"}},
        labels=[str(digit) for digit in range(10)],
        precisions=BOTH,
    )
    assert [one.name for one in report.precisions] == ["onnx-float16", "onnx-int8"]
    for one in report.precisions:
        path = tmp_path / "bundle" / f"model.{one.name.removeprefix('onnx-')}.onnx"
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        (logits,) = session.run(["logits"], {"image": images.numpy()})
        assert (logits.argmax(1) == labels).mean() >= 0.99


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precisions": "float16"}, "expected a list such as"),
        ({"precisions": ["float32"]}, "got 'float32'; the model's own is written too"),
        ({"precisions": ["int8", "int8"]}, "one stands twice"),
        ({"precisions": ["int8"], "formats": ["torchscript"]}, "add 'onnx' to"),
    ],
)
def test_options(export: Export, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ExportError, match=message) as caught:
        export(models.Mlp(), [floats(2, 8), floats(3, 8)], ["x"], ["y"], {"x": {0: "batch"}}, **options)
    assert caught.value.code == "OPTIONS_INVALID"


def test_a_model_in_float64_has_no_lower_precision(export: Export) -> None:
    examples = [(torch.randn(2, 8).double(),), (torch.randn(3, 8).double(),)]
    with pytest.raises(ExportError, match="a model in float32, this one has float64"):
        export(models.Mlp().double(), examples, ["x"], ["y"], {"x": {0: "batch"}}, precisions=["int8"])


class Given:
    """A written file whose results are given."""

    runtime = "given"
    inputs = ("x",)
    outputs = ("y",)

    def __init__(self, *results: np.ndarray) -> None:
        self.results = list(results)

    def run(self, inputs: Any) -> list[np.ndarray]:
        return [self.results.pop(0)]


def test_the_error_is_measured_in_deviations_of_the_output() -> None:
    expected = np.float32([[0, 4], [0, 4]])
    error = PrecisionError(Given(), [spread([expected])])
    assert error.spreads == [2.0]
    error.add("example a", 0, expected, np.float32([[0, 4], [1, 4]]))
    error.add("made up", 0, expected, np.float32([[0, 4], [0, 2]]), is_golden=False)
    error.add("made up and large", 0, expected * 100, np.float32([[0, 400], [0, 404]]), is_golden=False)
    assert error.noise == (0.5, "made up, y")
    assert error.max_abs == 4
    assert error.tolerance() == 2 * 1
    error.require("int8", 0.5)
    with pytest.raises(ExportError, match=r"made up, y: off by 0\.5 standard deviations"):
        error.require("int8", 0.4)


@pytest.mark.parametrize(
    ("got", "message"),
    [
        (np.float32([np.inf, 1]), "1 of 2 elements: expected 0, got inf"),
        (np.float32([[0, 1]]), r"expected float32\[2\], got float32\[1, 2\]"),
        (np.float16([0, 1]), r"got float16\[2\]"),
    ],
)
def test_what_no_tolerance_covers(got: np.ndarray, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        PrecisionError(Given(), [1.0]).add("example a", 0, np.float32([0, 1]), got)


def test_integers_of_examples_must_be_equal() -> None:
    error = PrecisionError(Given(), [1.0])
    error.add("made up", 0, np.int64([1, 2]), np.int64([1, 3]), is_golden=False)
    with pytest.raises(ExportError, match="1 of 2 int64 differ"):
        error.add("example a", 0, np.int64([1, 2]), np.int64([1, 3]))


def test_another_class_is_refused_unless_it_is_a_tie() -> None:
    expected = np.float32([[0, 1, 0.5], [0, 1, 0.999]])
    require_same_classes("a", expected, np.float32([[0, 1, 0.5], [0, 1, 1.001]]), 0.02)
    with pytest.raises(ExportError, match="1 of 2 rows get another class; in row 0 PyTorch gives 1, the file 2"):
        require_same_classes("a", expected, np.float32([[0, 1, 1.2], [0, 1, 0.9]]), 0.02)


def test_rows_that_share_a_scale_are_apart() -> None:
    from tensorferry.examples import Case

    case = Case("a", (torch.randn(2, 3),))
    assert rows_apart(lambda inputs: [inputs[0].numpy() * 2], [case]) == [0.0]
    assert rows_apart(lambda inputs: [inputs[0].numpy() / np.abs(inputs[0].numpy()).max()], [case])[0] > 0.1

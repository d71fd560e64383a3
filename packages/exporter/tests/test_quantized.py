"""torch.ao's int8 modules: TorchScript holds them, other formats say what to do instead."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
import torch
import torch.ao.quantization as ao
from torch import Tensor, nn

from tensorferry import ExportError

BATCH = {"x": {0: "batch[1:4]"}}


class Static(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.quant, self.dequant = ao.QuantStub(), ao.DeQuantStub()
        self.convolution, self.linear = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.convolution(self.quant(x))).mean((2, 3))
        return self.dequant(self.linear(y))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 6, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.lstm(x)[0]


def quantized(kind: str) -> nn.Module:
    with warnings.catch_warnings():
        # PyTorch advises torchao
        warnings.simplefilter("ignore")
        if kind == "static":
            model = Static().eval()
            model.qconfig = ao.get_default_qconfig("x86")
            prepared = ao.prepare(model)
            prepared(torch.rand(8, 3, 8, 8))
            return ao.convert(prepared)
        float_model = Recurrent() if kind == "lstm" else nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
        return ao.quantize_dynamic(float_model.eval(), {nn.Linear, nn.LSTM}, dtype=torch.qint8)


SHAPES = {"static": (3, 8, 8), "dynamic": (16,), "lstm": (5, 8)}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("kind", SHAPES)
def test_torchscript_holds_int8_bit_by_bit(export, tmp_path: Path, kind: str) -> None:
    model, shape = quantized(kind), SHAPES[kind]
    examples = [(torch.rand(rows, *shape),) for rows in (1, 2)]
    report = export(model, examples, ["x"], ["y"], BATCH, formats=["onnx", "torchscript", "aot-inductor"])
    assert [artifact.name for artifact in report.artifacts] == ["torchscript"]
    assert report.artifacts[0].route == "trace"
    artifact = json.loads((tmp_path / "bundle" / "bundle.json").read_text())["artifacts"][0]
    assert artifact["precision"] == "int8"
    written = torch.jit.load(str(tmp_path / "bundle" / "model.pt"))
    x = torch.rand(3, *shape)
    assert torch.equal(written(x), model(x))
    for name in ("onnx", "aot-inductor"):
        message = report.refused[name].message
        assert "cannot hold the int8 modules of torch.ao, TorchScript can: formats=['torchscript']" in message
        assert "precisions=['int8']" in message
        assert len(message.splitlines()) == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_onnx_alone_is_refused_at_once(export) -> None:
    with pytest.raises(ExportError, match=r"0 \(Linear\), 2 \(Linear\): ONNX cannot hold") as caught:
        export(quantized("dynamic"), [(torch.rand(rows, 16),) for rows in (1, 2)], ["x"], ["y"], BATCH)
    assert caught.value.code == "CAPTURE_FAILED"

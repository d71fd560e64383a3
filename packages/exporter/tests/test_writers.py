"""Other servers' layouts, held to their published formats; ONNX's runner gets the goldens right."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx.backend.test.loader
import onnxruntime
import pytest
import torch
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from onnx import numpy_helper
from torch import Tensor, nn

import models
from tensorferry import ExportError, ExportReport
from tensorferry.__main__ import main
from tensorferry.writers import write_mlserver, write_onnx_test_data, write_triton
from tensorferry.writers.pbtxt import Enumerator, to_pbtxt

Export = Callable[..., ExportReport]
BUNDLES = Path(__file__).resolve().parents[3] / "examples" / "bundles"
RECURRENT = Path(__file__).resolve().parents[2] / "core" / "test" / "fixtures" / "bundles" / "recurrent"
PUBLISHED = Path(__file__).parent / "published"


def published(name: str) -> dict[str, Any]:
    return json.loads((PUBLISHED / name).read_text(encoding="utf-8"))


def triton_message() -> Any:
    """Triton's `ModelConfig`, built from its published fields."""
    found = published("triton_model_config.json")
    file = descriptor_pb2.FileDescriptorProto(name="triton.proto", package="published", syntax="proto3")
    flat = {name: name.replace(".", "_") for name in [*found["messages"], *found["enums"]]}
    field_type = descriptor_pb2.FieldDescriptorProto
    for name, values in found["enums"].items():
        enum = file.enum_type.add(name=flat[name])
        for text, number in values.items():
            # two enums may share a value's name, and here they stand beside each other
            enum.value.add(name=text if name == "inference.DataType" else f"{text}", number=number)
    for name, fields in found["messages"].items():
        message = file.message_type.add(name=flat[name])
        for text, (number, kind, *repeated) in fields.items():
            label = field_type.LABEL_REPEATED if repeated else field_type.LABEL_OPTIONAL
            field = message.field.add(name=text, number=number, label=label)
            if kind in flat:
                field.type = field_type.TYPE_ENUM if kind in found["enums"] else field_type.TYPE_MESSAGE
                field.type_name = f".published.{flat[kind]}"
            else:
                field.type = getattr(field_type, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("published.inference_ModelConfig"))()


def triton_config(out: Path, name: str) -> Any:
    text = (out / name / "config.pbtxt").read_text(encoding="utf-8")
    return text_format.Parse(text, triton_message())


def data_type(name: str) -> int:
    return published("triton_model_config.json")["enums"]["inference.DataType"][name]


class PerRow(nn.Module):
    """float32 [batch, 8] -> [batch]: one number a row."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum(1)


class Total(nn.Module):
    """float32 [8] -> a scalar."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum()


def mlp(export: Export, **options: Any) -> None:
    torch.manual_seed(0)
    export(
        models.Mlp(),
        [(torch.randn(2, 8),), (torch.randn(5, 8),)],
        ["x"],
        ["y"],
        {"x": {0: "batch[1:16]"}},
        **options,
    )


def test_triton_takes_digits(tmp_path: Path) -> None:
    written = write_triton(BUNDLES / "digits", tmp_path / "repository")
    assert written.files == ["digits/1/model.onnx", "digits/config.pbtxt", "digits/labels.txt"]
    config = triton_config(tmp_path / "repository", "digits")
    assert (config.name, config.platform, config.max_batch_size) == ("digits", "onnxruntime_onnx", 1024)
    (image,), (logits,) = config.input, config.output
    assert (image.name, image.data_type, list(image.dims)) == ("image", data_type("TYPE_FP32"), [1, 8, 8])
    assert (logits.name, list(logits.dims), logits.label_filename) == ("logits", [10], "labels.txt")
    assert config.HasField("dynamic_batching")
    assert [group.count for group in config.instance_group] == [1]
    assert (tmp_path / "repository" / "digits" / "labels.txt").read_text().split() == [str(n) for n in range(10)]
    model = (tmp_path / "repository" / "digits" / "1" / "model.onnx").read_bytes()
    assert model == (BUNDLES / "digits" / "model.onnx").read_bytes()
    assert [note.split(";")[0] for note in written.notes if note.startswith("not written: p")] == [
        "not written: preprocess (decode_image, resize, to_tensor, normalize)",
        "not written: postprocess (softmax, top_k)",
    ]


def test_triton_takes_any_height(tmp_path: Path) -> None:
    written = write_triton(BUNDLES / "super-resolution-x3", tmp_path / "repository")
    config = triton_config(tmp_path / "repository", "super-resolution-x3")
    assert config.max_batch_size == 64
    assert list(config.input[0].dims) == list(config.output[0].dims) == [1, -1, -1]
    assert "not written: the sizes that were proven (height 1 to 4096; width 1 to 4096)" in written.notes


def test_triton_binds_torchscript_by_place(tmp_path: Path) -> None:
    written = write_triton(BUNDLES / "digits", tmp_path / "repository", artifact="torchscript")
    config = triton_config(tmp_path / "repository", "digits")
    assert config.platform == "pytorch_libtorch"
    assert (config.input[0].name, config.output[0].name) == ("INPUT__0", "OUTPUT__0")
    assert "digits/1/model.pt" in written.files
    assert "TorchScript has no names: image is INPUT__0, logits is OUTPUT__0" in written.notes


def test_triton_keeps_states_that_begin_with_zeros(export: Export, tmp_path: Path) -> None:
    examples = [(torch.randn(2, 3), torch.zeros(2, 4)), (torch.randn(3, 3), torch.ones(3, 4))]
    dynamic = {"x": {0: "batch[1:8]"}, "h": {0: "batch"}}
    export(models.Recurrent(), examples, ["x", "h"], ["y", "h_out"], dynamic, [("h", "h_out")])
    write_triton(tmp_path / "bundle", tmp_path / "repository")
    config = triton_config(tmp_path / "repository", "test")
    assert [value.name for value in [*config.input, *config.output]] == ["x", "y"]
    (state,) = config.sequence_batching.state
    assert (state.input_name, state.output_name, list(state.dims)) == ("h", "h_out", [4])
    (initial,) = state.initial_state
    assert (initial.zero_data, list(initial.dims), initial.data_type) == (True, [4], data_type("TYPE_FP32"))
    assert config.max_batch_size == 8
    assert not config.HasField("dynamic_batching")


def test_triton_refuses_a_state_of_no_fixed_size(export: Export, tmp_path: Path) -> None:
    class Running(nn.Module):
        def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
            h = (h + x) / 2
            return h - h.mean(), h

    examples = [(torch.randn(n, 3), torch.zeros(n, 3)) for n in (2, 4)]
    dynamic = {"x": {0: "size"}, "h": {0: "size"}}
    export(Running(), examples, ["x", "h"], ["y", "h_out"], dynamic, [("h", "h_out")])
    with pytest.raises(ExportError, match=r"h: Triton begins a sequence with zeros of a fixed shape.*'size', 3"):
        write_triton(tmp_path / "bundle", tmp_path / "repository")
    assert not (tmp_path / "repository").exists()


def test_triton_does_not_batch_int8(export: Export, tmp_path: Path) -> None:
    mlp(export, precisions=["int8"])
    written = write_triton(tmp_path / "bundle", tmp_path / "repository", artifact="onnx-int8")
    config = triton_config(tmp_path / "repository", "test")
    assert (config.max_batch_size, list(config.input[0].dims)) == (0, [-1, 8])
    assert not config.HasField("dynamic_batching")
    assert "no batching by Triton: in int8 the rows of batch share their scales" in written.notes


def test_triton_gets_one_number_a_row_as_a_dim(export: Export, tmp_path: Path) -> None:
    export(PerRow(), [(torch.randn(2, 8),), (torch.randn(5, 8),)], ["x"], ["y"], {"x": {0: "batch"}})
    written = write_triton(tmp_path / "bundle", tmp_path / "repository")
    (y,) = triton_config(tmp_path / "repository", "test").output
    assert list(y.dims) == [1]
    assert y.HasField("reshape")
    assert list(y.reshape.shape) == []
    assert "max_batch_size is 64: batch has no upper end" in written.notes


def test_triton_takes_no_scalar(export: Export, tmp_path: Path) -> None:
    export(Total(), [(torch.randn(8),), (torch.randn(8),)], ["x"], ["y"])
    with pytest.raises(ExportError, match="y: Triton takes no scalar"):
        write_triton(tmp_path / "bundle", tmp_path / "repository")


@pytest.mark.parametrize(
    "text",
    ['nmae: "digits"', "max_batch_size: true", "input { dims: 1.5 }", "input { data_type: TYPE_FLOAT }"],
)
def test_the_published_format_finds_what_is_wrong(text: str) -> None:
    with pytest.raises(text_format.ParseError):
        text_format.Parse(text, triton_message())


def test_pbtxt_quotes_texts_and_nothing_else() -> None:
    text = to_pbtxt({"name": 'a "b"\n', "kind": Enumerator("KIND_CPU"), "input": [{"dims": [1, -1]}, {}], "on": True})
    assert text == 'name: "a \\"b\\"\\n"\nkind: KIND_CPU\ninput {\n  dims: [1, -1]\n}\ninput {}\non: true\n'


def schema_errors(value: Any, schema: dict[str, Any], root: dict[str, Any], place: str = "") -> Iterator[str]:
    """What a JSON Schema, as far as pydantic uses it, has against a value; unknown keys too."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
    if "anyOf" in schema:
        tried = [list(schema_errors(value, option, root, place)) for option in schema["anyOf"]]
        yield from min(tried, key=len)
        return
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
    kind = schema.get("type")
    if kind == "null" or (kind in kinds and not isinstance(value, kinds[kind])):
        yield f"{place}: expected {kind}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{place}: {value} is none of {schema['enum']}"
    elif isinstance(value, dict) and "properties" in schema:
        yield from (f"{place}.{key}: unknown" for key in value if key not in schema["properties"])
        yield from (f"{place}.{key}: missing" for key in schema.get("required", []) if key not in value)
        for key in value.keys() & schema["properties"].keys():
            yield from schema_errors(value[key], schema["properties"][key], root, f"{place}.{key}")
    elif isinstance(value, list) and "items" in schema:
        for item in value:
            yield from schema_errors(item, schema["items"], root, f"{place}[]")


def test_mlserver_takes_digits(tmp_path: Path) -> None:
    written = write_mlserver(BUNDLES / "digits", tmp_path / "digits")
    assert written.files == ["model-settings.json", "model.onnx", "onnx_runtime.py"]
    settings = json.loads((tmp_path / "digits" / "model-settings.json").read_text())
    schema = published("mlserver_model_settings.json")
    assert list(schema_errors(settings, schema, schema)) == []
    assert settings["name"] == "digits"
    assert settings["parameters"] == {"uri": "./model.onnx", "version": "1.0.0"}
    assert settings["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 1, 8, 8]}]
    assert settings["outputs"] == [{"name": "logits", "datatype": "FP32", "shape": [-1, 10]}]
    module, name = settings["implementation"].split(".")
    runtime = (tmp_path / "digits" / f"{module}.py").read_text()
    assert f"class {name}(MLModel):" in runtime
    compile(runtime, module, "exec")


def test_the_schema_check_finds_what_is_wrong() -> None:
    schema = published("mlserver_model_settings.json")
    wrong = {"nmae": "x", "inputs": [{"name": "x", "datatype": "FLOAT", "shape": [1]}], "max_batch_size": "8"}
    places = sorted(text.split(":")[0] for text in schema_errors(wrong, schema, schema))
    assert places == [".implementation", ".inputs[].datatype", ".max_batch_size", ".nmae"]


def test_mlserver_gets_the_states_from_the_caller(tmp_path: Path) -> None:
    written = write_mlserver(RECURRENT, tmp_path / "model")
    settings = json.loads((tmp_path / "model" / "model-settings.json").read_text())
    manifest = json.loads((RECURRENT / "bundle.json").read_text())
    assert [spec["name"] for spec in settings["inputs"]] == [spec["name"] for spec in manifest["inputs"]]
    (state,) = manifest["states"]
    assert any(f"send {state['input']}, zeros first" in note for note in written.notes)


@pytest.mark.parametrize("bundle", [BUNDLES / "digits", RECURRENT], ids=lambda folder: folder.name)
def test_onnx_reads_and_reproduces_the_goldens(bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "real" / "test_bundle"
    write_onnx_test_data(bundle, folder)
    (case,) = onnx.backend.test.loader.load_model_tests(data_dir=str(tmp_path / "data"), kind="real")
    manifest = json.loads((bundle / "bundle.json").read_text())
    tolerance = manifest["goldens"]["tolerance"]["float32"]
    assert (case.name, case.model_dir, case.atol, case.rtol) == (
        "test_bundle",
        str(folder),
        tolerance["atol"],
        tolerance["rtol"],
    )
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    inputs = [value.name for value in session.get_inputs()]
    data_sets = sorted(folder.glob("test_data_set_*"))
    assert len(data_sets) == sum(golden.get("steps", 1) for golden in manifest["goldens"]["cases"])
    for data_set in data_sets:
        given = [tensor_of(data_set / f"input_{index}.pb") for index in range(len(inputs))]
        assert [name for name, _ in given] == inputs
        results = session.run(None, dict(given))
        for index, result in enumerate(results):
            _, expected = tensor_of(data_set / f"output_{index}.pb")
            np.testing.assert_allclose(result, expected, rtol=case.rtol, atol=case.atol)


def tensor_of(path: Path) -> tuple[str, np.ndarray]:
    tensor = onnx.TensorProto.FromString(path.read_bytes())
    return tensor.name, numpy_helper.to_array(tensor)


def test_the_command_writes_and_says_what_is_dropped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "repository"
    assert main(["write", "triton", str(BUNDLES / "digits"), "--out", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert "digits/config.pbtxt" in report["files"]
    assert any("preprocess" in note for note in report["notes"])
    assert main(["write", "triton", str(BUNDLES / "digits"), "--out", str(out)]) == 1
    assert "OUTPUT_EXISTS" in capsys.readouterr().err
    assert main(["write", "mlserver", str(BUNDLES / "digits"), "--out", str(tmp_path / "m"), "--artifact", "pt"]) == 1
    assert "the bundle holds onnx (onnx), torchscript (torchscript)" in capsys.readouterr().err

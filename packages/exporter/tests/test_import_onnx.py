"""Bare ONNX files as bundles: real files of torch.onnx and of onnx.helper, read back with other code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import models
from bundle_files import BundleFiles
from tensorferry import ExportError, ExportReport, import_bundle
from tensorferry.dims import evaluate


def exported(module: nn.Module, example: tuple, path: Path, **options) -> Path:
    torch.onnx.export(module.eval(), example, str(path), dynamo=False, opset_version=17, **options)
    return path


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    """A picture classifier of fixed size with a dynamic batch, as the older exporter writes it."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 15 * 15, 5))
    names = {
        "input_names": ["pixels"],
        "output_names": ["logits"],
        "dynamic_axes": {"pixels": {0: "n"}, "logits": {0: "n"}},
    }
    return exported(model, (torch.rand(2, 3, 32, 32),), tmp_path / "classifier.onnx", **names)


def bring(source: Path, out: Path, **options) -> ExportReport:
    return import_bundle(source, out, progress=False, **options)


def graph(
    path: Path, nodes: list, inputs: list, outputs: list, weights: tuple = (), opsets: tuple = (("", 17),), ir: int = 8
) -> Path:
    made = helper.make_graph(nodes, "g", inputs, outputs, list(weights))
    model = helper.make_model(made, opset_imports=[helper.make_opsetid(*opset) for opset in opsets], ir_version=ir)
    onnx.save(model, path)
    return path


def floats(name: str, shape: list | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def refused(source: Path, **options) -> ExportError:
    out = source.parent / "refused"
    with pytest.raises(ExportError) as caught:
        bring(source, out, **options)
    assert not out.exists()
    return caught.value


def test_a_file_without_examples(classifier: Path, tmp_path: Path) -> None:
    report = bring(classifier, tmp_path / "bundle")
    assert report.name == "classifier"
    assert report.inputs == {"pixels": "float32[n, 3, 32, 32]"}
    assert report.outputs == {"logits": "float32[n, 5]"}
    assert report.batch == "n"
    assert report.reference == f"onnxruntime {onnxruntime.__version__}"
    assert report.notes[0] == f"the goldens come from {report.reference} on the given file, not from PyTorch"
    written = BundleFiles(tmp_path / "bundle")
    assert written.replay() == 0
    manifest = written.manifest
    assert manifest["producer"]["goldens"] == f"{report.reference}, not PyTorch"
    assert "torch" not in manifest["producer"]
    assert manifest["artifacts"][0]["route"] == "imported"
    assert manifest["artifacts"][0]["requires"] == {"opset": 17}
    # the goldens are the given file's own numbers
    given = onnxruntime.InferenceSession(str(classifier))
    for case in manifest["goldens"]["cases"]:
        x = written.goldens[f"{case['name']}/inputs.pixels"]
        assert np.array_equal(given.run(None, {"pixels": x})[0], written.goldens[f"{case['name']}/outputs.logits"])


def test_the_same_import_twice_gives_the_same_bytes(classifier: Path, tmp_path: Path) -> None:
    for name in "ab":
        bring(classifier, tmp_path / name, name="same")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_given_examples_by_name_and_a_declared_range(classifier: Path, tmp_path: Path) -> None:
    examples = [{"pixels": torch.rand(4, 3, 32, 32)}]
    report = bring(classifier, tmp_path / "bundle", examples=examples, dynamic={"pixels": {0: "batch[1:16]"}})
    assert report.inputs == {"pixels": "float32[batch, 3, 32, 32]"}
    assert report.dims == {"batch": {"min": 1, "max": 16, "batch": True}}
    assert report.goldens == ["4x3x32x32", "5x3x32x32"]
    assert np.array_equal(BundleFiles(tmp_path / "bundle").goldens["4x3x32x32/inputs.pixels"], examples[0]["pixels"])
    error = refused(classifier, examples=[{"image": torch.rand(1)}])
    assert error.code == "EXAMPLES_INVALID"
    assert "expected the inputs pixels, got image" in error.message


def test_dims_that_the_file_only_claims_are_measured(tmp_path: Path) -> None:
    """height and width are named, and the model takes 32 x 32 alone; its declared output is wrong."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 4))
    axes = {"x": {0: "n", 2: "height", 3: "width"}}
    path = exported(model, (torch.rand(2, 3, 32, 32),), tmp_path / "m.onnx", input_names=["x"], dynamic_axes=axes)
    loaded = onnx.load(path)
    loaded.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 7
    onnx.save(loaded, path)
    report = bring(path, tmp_path / "bundle")
    assert report.inputs == {"x": "float32[n, 3, 32, 32]"}
    assert list(report.outputs.values()) == ["float32[n, 4]"]
    assert [note.split(",")[0] for note in report.notes if "written as" in note] == [
        "height: written as 32",
        "width: written as 32",
    ]
    written = onnx.load(tmp_path / "bundle" / "model.onnx")
    assert written.graph.output[0].type.tensor_type.shape.dim[1].dim_value == 4


def test_a_multiple_and_a_largest_size_are_found(tmp_path: Path) -> None:
    class Pools(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.positions = nn.Embedding(40, 6)

        def forward(self, ids: torch.Tensor, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            small = nn.functional.interpolate(nn.functional.max_pool2d(image, 8), scale_factor=8.0)
            return self.positions(torch.arange(ids.shape[1])) + ids.unsqueeze(-1), image - small

    axes = {"ids": {0: "n", 1: "length"}, "image": {0: "n", 2: "h", 3: "w"}}
    example = (torch.ones(2, 8, dtype=torch.int64), torch.rand(2, 3, 32, 32))
    path = exported(Pools(), example, tmp_path / "m.onnx", input_names=["ids", "image"], dynamic_axes=axes)
    report = bring(path, tmp_path / "bundle")
    assert report.dims["length"] == {"min": 1, "max": 40}
    assert report.dims["h"]["multiple_of"] == report.dims["w"]["multiple_of"] == 8
    assert "length: [1:40], as far as onnxruntime" in "\n".join(report.notes)
    assert report.inputs["image"] == "float32[n, 3, h, w]"


def test_names_that_mean_any_size_are_never_equal(tmp_path: Path) -> None:
    nodes = [helper.make_node("Concat", ["a", "b"], ["y"], axis=1)]
    inputs = [floats("a", ["n", "unk__214"]), floats("b", ["n", "unk__214"])]
    path = graph(tmp_path / "m.onnx", nodes, inputs, [floats("y", ["n", "unk__215"])])
    examples = [(torch.rand(2, 3), torch.rand(2, 5)), (torch.rand(3, 4), torch.rand(3, 2))]
    report = bring(path, tmp_path / "bundle", examples=examples)
    assert report.inputs == {"a": "float32[n, a_1]", "b": "float32[n, b_1]"}
    assert report.outputs == {"y": "float32[n, a_1 + b_1]"}


def test_a_size_that_depends_on_values_is_null(tmp_path: Path) -> None:
    nodes = [helper.make_node("NonZero", ["x"], ["y"])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.INT64, [2, 12])]
    path = graph(tmp_path / "m.onnx", nodes, [floats("x", [3, 4])], outputs)
    assert bring(path, tmp_path / "bundle").outputs == {"y": "int64[2, ?]"}


def test_names_that_no_bundle_can_have_are_changed_and_told(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["input:0"], ["495"])]
    path = graph(tmp_path / "m.onnx", nodes, [floats("input:0", ["n", 3])], [floats("495", ["n", 3])])
    report = bring(path, tmp_path / "a")
    assert list(report.inputs) == ["input_0"]
    assert list(report.outputs) == ["output_495"]
    assert "output output_495: called '495' in the file" in report.notes
    assert BundleFiles(tmp_path / "a").replay() == 0
    report = bring(path, tmp_path / "b", inputs=["x"], outputs=["y"])
    assert (list(report.inputs), list(report.outputs)) == (["x"], ["y"])


def test_external_data_is_inlined(tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = exported(nn.Linear(64, 64), (torch.rand(2, 64),), tmp_path / "m.onnx", input_names=["x"])
    loaded = onnx.load(path)
    onnx.save(loaded, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert path.stat().st_size < 3000
    report = bring(path, tmp_path / "bundle")
    assert sorted(found.name for found in (tmp_path / "bundle").iterdir()) == [
        "bundle.json",
        "goldens.safetensors",
        "model.onnx",
    ]
    assert report.artifacts[0].size > 64 * 64 * 4
    assert BundleFiles(tmp_path / "bundle").replay() == 0
    (tmp_path / "weights.bin").unlink()
    error = refused(path)
    assert error.code == "FORMAT_UNSUPPORTED"
    assert "keeps weights in weights.bin: put it beside m.onnx" in error.message


def test_nothing_of_the_machine_that_wrote_the_file_is_left(classifier: Path, tmp_path: Path) -> None:
    loaded = onnx.load(classifier)
    home = Path("/") / "home" / "somebody"
    loaded.producer_name = str(home / "tool")
    loaded.doc_string = loaded.graph.doc_string = loaded.graph.node[0].doc_string = str(home / "train.py")
    helper.set_model_props(loaded, {"source": str(home)})
    onnx.save(loaded, classifier)
    bring(classifier, tmp_path / "bundle")
    assert b"somebody" not in (tmp_path / "bundle" / "model.onnx").read_bytes()


def test_weights_that_are_inputs_too_stay_weights(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.ones((3, 2), np.float32), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    inputs = [floats("x", ["n", 3]), floats("w", [3, 2])]
    path = graph(tmp_path / "m.onnx", nodes, inputs, [floats("y", None)], (weight,), ir=3, opsets=(("", 8),))
    report = bring(path, tmp_path / "bundle")
    assert report.inputs == {"x": "float32[n, 3]"}
    assert report.outputs == {"y": "float32[n, 2]"}


def test_half_precision_weights_are_named(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.ones((3, 2), np.float16), "w")
    nodes = [
        helper.make_node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16),
        helper.make_node("MatMul", ["h", "w"], ["m"]),
        helper.make_node("Cast", ["m"], ["y"], to=TensorProto.FLOAT),
    ]
    path = graph(tmp_path / "m.onnx", nodes, [floats("x", ["n", 3])], [floats("y", ["n", 2])], (weight,))
    bring(path, tmp_path / "bundle")
    manifest = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert manifest["artifacts"][0]["precision"] == "float16"
    assert manifest["goldens"]["tolerance"]["float16"] == {"atol": 1e-3, "rtol": 1e-2}


def test_a_function_of_the_file_is_no_custom_operator(tmp_path: Path) -> None:
    opsets = [helper.make_opsetid("", 17)]
    function = helper.make_function(
        "mine", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], opset_imports=opsets
    )
    made = helper.make_graph(
        [helper.make_node("Twice", ["x"], ["y"], domain="mine")], "g", [floats("x", ["n"])], [floats("y", ["n"])]
    )
    model = helper.make_model(
        made, functions=[function], opset_imports=[*opsets, helper.make_opsetid("mine", 1)], ir_version=8
    )
    onnx.save(model, tmp_path / "m.onnx")
    bring(tmp_path / "m.onnx", tmp_path / "bundle")
    assert BundleFiles(tmp_path / "bundle").replay() == 0


def test_custom_operators_are_named(tmp_path: Path) -> None:
    nodes = [helper.make_node("BertTokenizer", ["x"], ["y"], domain="ai.onnx.contrib")]
    opsets = (("", 17), ("ai.onnx.contrib", 1))
    path = graph(tmp_path / "m.onnx", nodes, [floats("x", [2])], [floats("y", [2])], opsets=opsets)
    error = refused(path)
    assert error.code == "FORMAT_UNSUPPORTED"
    assert error.details == {"operators": ["ai.onnx.contrib.BertTokenizer"]}


@pytest.mark.parametrize(
    ("kind", "code", "says"),
    [
        (helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [2]), "FORMAT_UNSUPPORTED", "is a sequence"),
        (helper.make_tensor_value_info("x", TensorProto.STRING, [2]), "NOT_YET", "is string"),
        (helper.make_tensor_value_info("x", TensorProto.BFLOAT16, [2]), "NOT_YET", "is bfloat16"),
    ],
)
def test_inputs_that_a_bundle_cannot_have(tmp_path: Path, kind: onnx.ValueInfoProto, code: str, says: str) -> None:
    output = onnx.ValueInfoProto()
    output.CopyFrom(kind)
    output.name = "y"
    path = graph(tmp_path / "m.onnx", [helper.make_node("Identity", ["x"], ["y"])], [kind], [output])
    error = refused(path)
    assert error.code == code
    assert says in error.message


def test_a_newer_opset_than_the_backends_run(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    path = graph(tmp_path / "m.onnx", nodes, [floats("x", [2])], [floats("y", [2])], ir=99)
    error = refused(path)
    assert error.code == "FORMAT_UNSUPPORTED"
    assert error.details["ir_version"] == 99


def test_inputs_that_nothing_generated_fits_are_asked_for(tmp_path: Path) -> None:
    nodes = [helper.make_node("Reshape", ["x", "s"], ["y"])]
    shape = numpy_helper.from_array(np.array([17, 19], np.int64), "s")
    path = graph(tmp_path / "m.onnx", nodes, [floats("x", ["a", "b"])], [floats("y", [17, 19])], (shape,))
    error = refused(path)
    assert error.code == "EXAMPLES_INVALID"
    assert "no generated input runs (x: float32[a, b]); give two examples" in error.message
    assert bring(path, tmp_path / "bundle", examples=[(torch.rand(17, 19),)]).inputs == {"x": "float32[17, 19]"}
    # without even a rank
    path = graph(
        tmp_path / "n.onnx", [helper.make_node("Relu", ["x"], ["y"])], [floats("x", None)], [floats("y", None)]
    )
    assert "does not say what it takes (x: float32[…])" in refused(path).message


def test_states_of_a_step(tmp_path: Path) -> None:
    axes = {name: {0: "n"} for name in ("x", "h", "y", "h_out")}
    example = (torch.rand(2, 3), torch.rand(2, 4))
    names = {"input_names": ["x", "h"], "output_names": ["y", "h_out"], "dynamic_axes": axes}
    path = exported(models.Recurrent(), example, tmp_path / "m.onnx", **names)
    bring(path, tmp_path / "bundle", states=[("h", "h_out")])
    written = BundleFiles(tmp_path / "bundle")
    assert written.manifest["states"] == [{"input": "h", "output": "h_out", "init": "zeros"}]
    assert written.manifest["goldens"]["cases"][0]["steps"] == 3
    assert written.replay() == 0


def test_a_scalar_stays_one_in_the_goldens(tmp_path: Path) -> None:
    nodes = [helper.make_node("Mul", ["x", "factor"], ["y"]), helper.make_node("ReduceSum", ["y"], ["sum"], keepdims=0)]
    inputs = [floats("x", ["n"]), floats("factor", [])]
    path = graph(tmp_path / "m.onnx", nodes, inputs, [floats("y", ["n"]), floats("sum", [])])
    report = bring(path, tmp_path / "bundle")
    assert report.inputs == {"x": "float32[n]", "factor": "float32[]"}
    written = BundleFiles(tmp_path / "bundle")
    shapes = {key.split("/")[1]: value.shape for key, value in written.goldens.items() if key.startswith("2/")}
    assert shapes == {"inputs.x": (2,), "inputs.factor": (), "outputs.y": (2,), "outputs.sum": ()}
    assert written.replay() == 0


def test_output_dims_come_from_many_sizes(tmp_path: Path) -> None:
    """n//9 + 1 is right for the sizes near 32, and for few others."""
    nodes = [helper.make_node("MaxPool", ["x"], ["a"], kernel_shape=[3], strides=[3], pads=[1, 1])]
    nodes += [helper.make_node("MaxPool", ["a"], ["y"], kernel_shape=[4], strides=[3], pads=[2, 1])]
    path = graph(tmp_path / "m.onnx", nodes, [floats("x", [1, 1, "n"])], [floats("y", [1, 1, "m"])])
    report = bring(path, tmp_path / "bundle")
    dim = report.outputs["y"].removeprefix("float32[1, 1, ").removesuffix("]")
    session = onnxruntime.InferenceSession(str(path))
    low = report.dims["n"]["min"]
    for size in range(low, 200):
        got = session.run(None, {"x": np.zeros((1, 1, size), np.float32)})[0].shape[2]
        assert dim == "?" or evaluate(dim, {"n": size}) == got, size


def test_inputs_of_a_step_whose_axes_have_no_names(tmp_path: Path) -> None:
    """As a voice detector has them: the batch of the state is its second axis, and nothing says so."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[1], keepdims=1),
        helper.make_node("Add", ["state", "m"], ["next"]),
        helper.make_node("ReduceSum", ["next", "axes"], ["y"], keepdims=0),
    ]
    axes = numpy_helper.from_array(np.array([0, 2], np.int64), "axes")
    inputs = [floats("x", ["?", "unk__1"]), floats("state", [2, "unk__2", 4])]
    outputs = [floats("y", ["unk__3"]), floats("next", [2, "unk__4", 4])]
    path = graph(tmp_path / "m.onnx", nodes, inputs, outputs, (axes,))
    report = bring(path, tmp_path / "bundle", states=[("state", "next")])
    assert report.inputs == {"x": "float32[batch, x_1]", "state": "float32[2, batch, 4]"}
    assert report.outputs == {"y": "float32[batch]", "next": "float32[2, batch, 4]"}

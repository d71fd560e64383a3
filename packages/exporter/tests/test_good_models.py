"""Models that must be exported, and what their manifests say."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import rand

import models
from bundle_files import BundleFiles


def test_mlp_writes_a_complete_manifest(export, tmp_path: Path) -> None:
    model = models.Mlp().train()
    report = export(
        model,
        [(rand(3, 8),), (rand(5, 8),)],
        ["x"],
        ["y"],
        {"x": {0: "batch[1:64]"}},
        version="2.1.0",
        license="MIT",
        task="tensors",
        docs={"x": "eight features"},
    )
    files = BundleFiles(tmp_path / "bundle")
    manifest = files.manifest
    assert list(manifest) == [
        "schema", "name", "version", "license", "task", "dims", "inputs", "outputs", "states", "artifacts",
        "preprocess", "postprocess", "labels", "goldens", "producer",
    ]  # fmt: skip
    assert manifest["schema"] == "tensorferry.bundle/1"
    assert manifest["dims"] == {"batch": {"min": 1, "max": 64, "batch": True}}
    assert manifest["inputs"] == [{"name": "x", "dtype": "float32", "shape": ["batch", 8], "doc": "eight features"}]
    assert manifest["outputs"] == [{"name": "y", "dtype": "float32", "shape": ["batch", 4]}]
    artifact = manifest["artifacts"][0]
    assert artifact["requires"] == {"opset": 20}
    assert artifact["route"] == "torch.export"
    assert artifact["verified"]["runtime"] == f"onnxruntime {onnxruntime.__version__}"
    # 2 examples, 3 value variants of each, batch at 1, 2, 4 and 64
    assert artifact["verified"]["cases"] == 12
    assert manifest["goldens"]["tolerance"] == {"float32": {"atol": 1e-5, "rtol": 1e-4}}
    assert [case["name"] for case in manifest["goldens"]["cases"]] == ["3x8", "5x8"]
    assert manifest["producer"] == {"tensorferry": "0.1.0", "torch": torch.__version__.split("+")[0]}
    assert files.replay() < 1e-5
    assert report.batch == "batch"
    assert report.artifacts[0].cases == 12
    assert "rows proven independent" in str(report)
    assert '"batch": "batch"' in report.to_json()
    assert model.training, "the model is put back into its own mode"


def test_goldens_are_eager_pytorch(export, tmp_path: Path) -> None:
    model = models.Mlp()
    x = rand(3, 8)
    export(model, [(x,), (rand(3, 8),)], ["x"], ["y"])
    files = BundleFiles(tmp_path / "bundle")
    with torch.no_grad():
        expected = model.eval()(x).numpy()
    np.testing.assert_array_equal(files.goldens["3x8/outputs.y"], expected)
    np.testing.assert_array_equal(files.goldens["3x8/inputs.x"], x.numpy())
    assert files.manifest["inputs"][0]["shape"] == [3, 8]
    assert files.manifest["dims"] == {}


def test_convolution_finds_output_dims_and_runs_at_other_sizes(export, tmp_path: Path) -> None:
    model = models.Downscale().eval()
    export(
        model,
        [(rand(1, 3, 17, 20),), (rand(2, 3, 12, 9),)],
        ["image"],
        ["features"],
        {"image": {0: "batch[1:16]", 2: "height[1:512]", 3: "width"}},
    )
    files = BundleFiles(tmp_path / "bundle")
    assert files.manifest["outputs"][0]["shape"] == ["batch", 4, "(height - 1)//2 + 1", "(width - 1)//2 + 1"]
    assert files.manifest["dims"]["width"] == {"min": 1, "max": None}
    for shape in [(1, 3, 1, 1), (3, 3, 2, 40), (1, 3, 33, 5)]:
        image = rand(shape)
        with torch.no_grad():
            expected = model(image).numpy()
        np.testing.assert_allclose(files.run({"image": image.numpy()})["features"], expected, rtol=1e-4, atol=1e-5)


def test_a_dim_may_be_a_multiple(export, tmp_path: Path) -> None:
    dynamic = {"image": {2: "height[8:512:8]", 3: "width[8::8]"}}
    export(models.Downscale(), [(rand(1, 3, 16, 24),), (rand(1, 3, 8, 16),)], ["image"], ["features"], dynamic)
    manifest = BundleFiles(tmp_path / "bundle").manifest
    assert manifest["dims"] == {
        "height": {"min": 8, "max": 512, "multiple_of": 8},
        "width": {"min": 8, "max": None, "multiple_of": 8},
    }
    assert manifest["outputs"][0]["shape"] == [1, 4, "height//2", "width//2"]


def test_state_is_fed_back_in_the_goldens(export, tmp_path: Path) -> None:
    model = models.Recurrent().eval()
    export(
        model,
        [(rand(2, 3), rand(2, 4)), (rand(1, 3), rand(1, 4))],
        ["x", "h"],
        ["y", "h_out"],
        {"x": {0: "batch[1:8]"}, "h": {0: "batch"}},
        states=[("h", "h_out")],
    )
    files = BundleFiles(tmp_path / "bundle")
    assert files.manifest["states"] == [{"input": "h", "output": "h_out", "init": "zeros"}]
    assert files.manifest["goldens"]["cases"] == [{"name": "2x3", "steps": 3}, {"name": "3", "steps": 3}]
    keys = {key.removeprefix("2x3/") for key in files.goldens if key.startswith("2x3/")}
    assert keys == {f"{step}/{part}" for step in range(3) for part in ("inputs.x", "outputs.y", "outputs.h_out")}
    state = torch.zeros(2, 4)
    with torch.no_grad():
        for step in range(3):
            y, state = model(torch.from_numpy(files.goldens[f"2x3/{step}/inputs.x"]), state)
            np.testing.assert_array_equal(files.goldens[f"2x3/{step}/outputs.y"], y.numpy())
            np.testing.assert_array_equal(files.goldens[f"2x3/{step}/outputs.h_out"], state.numpy())
    assert files.replay() < 1e-5


def test_integer_tokens_and_an_output_named_like_an_operator(export, tmp_path: Path) -> None:
    tokens = [(torch.randint(0, 20, (2, 7)),), (torch.randint(0, 20, (3, 5)),)]
    export(models.Embedding(), tokens, ["tokens"], ["embedding"], {"tokens": {0: "batch[1:8]", 1: "length[1:128]"}})
    files = BundleFiles(tmp_path / "bundle")
    assert files.manifest["inputs"][0] == {"name": "tokens", "dtype": "int64", "shape": ["batch", "length"]}
    assert files.replay() < 1e-5


def test_dict_results_are_named_by_their_keys_in_their_order(export, tmp_path: Path) -> None:
    export(models.Named(), [(rand(2, 5),), (rand(3, 5),)], ["x"], None, {"x": {0: "batch"}})
    files = BundleFiles(tmp_path / "bundle")
    assert [spec["name"] for spec in files.manifest["outputs"]] == ["softmax", "linear", "best"]
    assert files.manifest["outputs"][2] == {"name": "best", "dtype": "int64", "shape": ["batch"]}
    x = rand(4, 5)
    outputs = files.run({"x": x.numpy()})
    np.testing.assert_allclose(outputs["softmax"].sum(-1), 1, rtol=1e-6)
    np.testing.assert_array_equal(outputs["linear"].argmax(-1), outputs["best"])


def test_an_input_returned_and_a_value_returned_twice(export, tmp_path: Path) -> None:
    export(models.PassesThrough(), [(rand(2, 5),), (rand(3, 5),)], ["x"], ["a", "b", "c"], {"x": {0: "batch"}})
    outputs = BundleFiles(tmp_path / "bundle").run({"x": np.ones((1, 5), np.float32)})
    assert [float(outputs[name][0, 0]) for name in "abc"] == [1, 2, 2]


def test_rows_that_mix_are_not_marked_as_batch(export, tmp_path: Path) -> None:
    report = export(models.MixesRows(), [(rand(3, 8),), (rand(5, 8),)], ["x"], ["y"], {"x": {0: "batch[1:64]"}})
    assert BundleFiles(tmp_path / "bundle").manifest["dims"] == {"batch": {"min": 1, "max": 64}}
    assert report.batch is None
    assert any("a row alone gives another result" in note for note in report.notes)


def test_the_onnx_file_says_nothing_of_where_it_was_made(export, tmp_path: Path) -> None:
    export(models.Downscale(), [(rand(1, 3, 9, 9),), (rand(1, 3, 9, 9),)], ["image"], ["features"])
    model = onnx.load(tmp_path / "bundle" / "model.onnx")
    assert model.producer_version == torch.__version__.split("+")[0]
    assert not model.doc_string
    assert not model.metadata_props
    assert not model.graph.metadata_props
    assert not model.graph.value_info
    parts = [*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer]
    assert [part.name for part in parts if part.metadata_props or part.doc_string] == []
    here = Path(__file__).resolve()
    for path in sorted((tmp_path / "bundle").iterdir()):
        content = path.read_bytes()
        for place in (
            here.parents[3],
            here.parents[1],
            Path.home(),
            tmp_path,
            Path("/tmp/"),
            Path(torch.__file__).parent,
        ):
            assert str(place).encode() not in content, (path.name, place)
        assert b"models.py" not in content


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16], ids=str)
def test_other_floating_point_models(export, tmp_path: Path, dtype: torch.dtype) -> None:
    model = torch.nn.Linear(8, 4).to(dtype)
    export(model, [(rand(3, 8, dtype=dtype),), (rand(5, 8, dtype=dtype),)], ["x"], ["y"], {"x": {0: "batch[1:8]"}})
    files = BundleFiles(tmp_path / "bundle")
    name = str(dtype).removeprefix("torch.")
    assert files.manifest["artifacts"][0]["precision"] == name
    assert list(files.manifest["goldens"]["tolerance"]) == [name]
    assert files.replay() < (1e-12 if dtype == torch.float64 else 2e-3)


def test_a_model_that_loses_digits_gets_ten_times_its_own_error_as_tolerance(export, tmp_path: Path) -> None:
    model = models.LosesDigits()
    x = rand(3, 8)
    export(model, [(x,), (rand(5, 8),)], ["x"], ["y"], {"x": {0: "batch[1:8]"}})
    tolerance = BundleFiles(tmp_path / "bundle").manifest["goldens"]["tolerance"]["float32"]
    own = (model(x).double() - model(x.double())).abs().max().item()
    assert 1e-6 < own < 1e-3
    assert tolerance["rtol"] == 1e-4
    assert tolerance["atol"] >= 9 * own
    assert tolerance["atol"] < 1e-2


def test_scalars(export, tmp_path: Path) -> None:
    examples = [(rand(3), torch.tensor(2.0)), (rand(3), torch.tensor(3.0))]
    export(models.Scaled(), examples, ["x", "factor"], ["scaled", "sum"])
    files = BundleFiles(tmp_path / "bundle")
    assert files.manifest["inputs"][1]["shape"] == []
    assert files.manifest["outputs"][1]["shape"] == []
    outputs = files.run({"x": np.array([1, 2, 3], np.float32), "factor": np.array(4, np.float32)})
    assert outputs["scaled"].tolist() == [4, 8, 12]
    assert float(outputs["sum"]) == 6


def test_a_size_that_depends_on_values_is_null(export, tmp_path: Path) -> None:
    export(models.Positions(), [(rand(6) + 1,), (rand(9) + 1,)], ["x"], ["positions"], {"x": {0: "n[1:20]"}})
    files = BundleFiles(tmp_path / "bundle")
    # all values of the examples are positive: the sizes alone would say n
    assert files.manifest["outputs"][0]["shape"] == [None, 1]


def test_a_branch_kept_by_torch_cond(export, tmp_path: Path) -> None:
    export(models.EitherWay(), [(rand(2, 7),), (-rand(3, 7),)], ["x"], ["y"], {"x": {0: "n[1:20]"}})
    files = BundleFiles(tmp_path / "bundle")
    for value, expected in ((1.0, 2.0), (-1.0, -2.0)):
        assert files.run({"x": np.full((1, 7), value, np.float32)})["y"][0, 0] == expected


class Concatenated(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.concatenate([torch.concat([x, x + 1], 1), x], 1)


def test_every_name_of_cat_is_known_to_the_older_exporter(export, tmp_path: Path) -> None:
    export(Concatenated(), [(rand(2, 3),), (rand(4, 3),)], ["x"], ["y"], {"x": {0: "n[1:8]"}}, capture="trace")
    got = BundleFiles(tmp_path / "bundle").run({"x": np.zeros((1, 3), np.float32)})["y"]
    assert got.tolist() == [[0, 0, 0, 1, 1, 1, 0, 0, 0]]

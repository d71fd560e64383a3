"""Models of transformers: exported with attention masks, right on usual inputs, and left as they were.

`pnpm test:long` sweeps all 18 classes in both formats; `npm test` takes those that differ most.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import nn
from transformers_models import MODELS, SMALL, TransformersModel, wrong_on_usual_inputs

from tensorferry.tensors import flatten

BY_NAME = {model.name: model for model in MODELS}
# lazily built state, nested models, encoders with decoders, pictures, sound
LEFT_AS_THEY_WERE = (
    "BERT", "RoBERTa", "DistilBERT", "MPNet", "GPT-2", "Llama", "T5", "BART", "CLIP", "SegFormer", "ViT", "Whisper",
)  # fmt: skip
SHORT = [
    ("BERT", "onnx"),
    ("BERT", "torchscript"),
    ("Llama", "onnx"),
    ("Wav2Vec2", "torchscript"),
    ("CLIP", "torchscript"),
]
EVERY = [(model.name, format_name) for model in MODELS for format_name in ("onnx", "torchscript")]
USUAL = EVERY if os.environ.get("TENSORFERRY_LONG") == "1" else SHORT
# padding at the start leaves rows that attend to nothing, where the trace alone keeps eager PyTorch's answer
ROUTES = {"BERT": "torch.export", "Llama": "legacy ONNX of the trace"}


def state_of(model: nn.Module) -> dict[str, Any]:
    """Everything that can be seen of a model: hooks, flags, attributes and submodules by what they are."""
    found: dict[str, Any] = {}
    for path, module in model.named_modules():
        for key, value in vars(module).items():
            if isinstance(value, dict):
                found[f"{path}|{key}"] = [(name, id(item)) for name, item in value.items()]
            elif isinstance(value, set):
                found[f"{path}|{key}"] = sorted(map(str, value))
            else:
                found[f"{path}|{key}"] = value if isinstance(value, (bool, int, float, str)) else id(value)
    return found


@pytest.mark.parametrize("run_before", [False, True], ids=["fresh", "run before"])
@pytest.mark.parametrize("name", LEFT_AS_THEY_WERE)
def test_a_model_comes_back_as_it_was(export, name: str, run_before: bool) -> None:
    known = BY_NAME[name]
    model, twin = known.model(), known.model()
    # what it records shows hooks that are there twice
    model.config.output_hidden_states = twin.config.output_hidden_states = True
    examples = known.example_inputs()
    if run_before:
        with torch.no_grad():
            model(**examples[0])
    model.train()
    before, weights = state_of(model), {key: value.clone() for key, value in model.state_dict().items()}
    export(
        model, examples, dynamic=known.dynamic, formats=["torchscript"], capture="trace", variants=[], **known.options
    )
    assert state_of(model) == before
    for key, value in model.state_dict().items():
        assert torch.equal(value, weights[key]), key
    inputs = next(known.usual_inputs(1))
    with torch.no_grad():
        expected, got = (dict(flatten(one.eval()(**inputs))) for one in (twin, model))
    assert list(got) == list(expected)
    assert all(torch.equal(got[key], expected[key]) for key in expected)


@pytest.mark.parametrize(("name", "format_name"), USUAL)
def test_usual_inputs_are_right(export, tmp_path: Path, name: str, format_name: str) -> None:
    known: TransformersModel = BY_NAME[name]
    report = export(
        known.model(), known.example_inputs(), dynamic=known.dynamic, formats=[format_name], **known.options
    )
    (artifact,) = report.artifacts
    if name in ROUTES and format_name == "onnx":
        assert artifact.route == ROUTES[name]
    assert wrong_on_usual_inputs(known, tmp_path / "bundle", format_name) == []


def test_what_a_tracer_warns_of_is_in_the_report(export) -> None:
    known = BY_NAME["BERT"]
    report = export(known.model(), known.example_inputs(), dynamic=known.dynamic, formats=["torchscript"])
    (note,) = [note for note in report.notes if "the tracer warned of" in note]
    assert note.startswith("trace: the tracer warned of transformers/masking_utils.py:")
    assert "the file agrees at 26 more sizes" in note


def test_a_cache_among_the_results_has_names(export) -> None:
    config = transformers.GPT2Config(vocab_size=100, n_positions=64, n_embd=16, n_layer=2, n_head=2)
    known = BY_NAME["GPT-2"]
    examples = known.example_inputs()
    report = export(transformers.GPT2LMHeadModel(config), examples, dynamic=known.dynamic, formats=["torchscript"])
    shape = "float32[batch, 2, sequence, 8]"
    parts = {f"cache.{layer}.{part}": shape for layer in (0, 1) for part in ("key", "value")}
    assert report.outputs == {"logits": "float32[batch, sequence, 100]", **parts}
    assert any("model.config.use_cache = False leaves them out" in note for note in report.notes)


def test_results_as_tuples_are_named_by_their_order(export) -> None:
    config = transformers.BertConfig(vocab_size=100, max_position_embeddings=64, return_dict=False, **SMALL)
    known = BY_NAME["RoBERTa"]
    report = export(
        transformers.BertModel(config),
        known.example_inputs(),
        None,
        ["hidden", "pooled"],
        known.dynamic,
        formats=["torchscript"],
    )
    assert list(report.outputs) == ["hidden", "pooled"]


def test_a_function_with_a_gradient_of_its_own_is_traced(export) -> None:
    config = transformers.BloomConfig(vocab_size=100, hidden_size=16, n_layer=2, n_head=2, use_cache=False)
    known = BY_NAME["Llama"]
    report = export(
        transformers.BloomForCausalLM(config), known.example_inputs(), dynamic=known.dynamic, formats=["torchscript"]
    )
    assert report.artifacts[0].route == "trace"
    assert report.artifacts[0].max_abs < 1e-6

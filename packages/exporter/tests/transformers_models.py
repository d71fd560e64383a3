"""Models of transformers with few random weights, and inputs as people give them: batches, paddings, sizes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn

from tensorferry.runtimes import OnnxFile, TorchScriptFile
from tensorferry.tensors import compare, flatten, to_numpy

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
ENCODER_DECODER = {
    "vocab_size": 100,
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "use_cache": False,
}
LONGEST = 32
INPUTS_EACH = 50


class Draw:
    """Seeded sizes and values."""

    def __init__(self, seed: int) -> None:
        self.sizes = random.Random(seed)
        self.values = torch.Generator().manual_seed(seed)

    def size(self, low: int, high: int, step: int = 1) -> int:
        return self.sizes.randrange(low, high + 1, step)

    def ids(self, *shape: int, low: int = 3, high: int = 95) -> Tensor:
        return torch.randint(low, high, shape, generator=self.values)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.values)

    def mask(self, batch: int, length: int, side: str = "right") -> Tensor:
        """Each row keeps some of its positions, the first row all."""
        kept = [length, *(self.size(1, length) for _ in range(batch - 1))]
        mask = torch.zeros(batch, length, dtype=torch.long)
        for row, count in enumerate(kept):
            mask[row, :count] = 1
        return mask.flip(1) if side == "left" else mask

    def pixels(self, batch: int, height: int, width: int) -> Tensor:
        return torch.rand((batch, 3, height, width), generator=self.values) * 2 - 1


Inputs = dict[str, Tensor]


@dataclass(frozen=True)
class TransformersModel:
    """One class of transformers."""

    name: str
    make: Callable[[], nn.Module]
    inputs: Callable[[Draw, tuple[int, ...]], Inputs]
    """From sizes: see `examples` and `usual`."""
    examples: tuple[tuple[int, ...], tuple[int, ...]]
    usual: Callable[[Draw], tuple[int, ...]]
    dynamic: dict[str, dict[int, str]] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    def model(self) -> nn.Module:
        torch.manual_seed(0)
        return self.make().eval()

    def example_inputs(self) -> list[Inputs]:
        return [self.inputs(Draw(index), sizes) for index, sizes in enumerate(self.examples)]

    def usual_inputs(self, count: int = INPUTS_EACH) -> Iterator[Inputs]:
        for index in range(count):
            draw = Draw(100 + index)
            yield self.inputs(draw, self.usual(draw))


def _text(side: str = "right", **more: Callable[[Draw, int, int], Tensor]) -> Callable[[Draw, tuple[int, ...]], Inputs]:
    def make(draw: Draw, sizes: tuple[int, ...]) -> Inputs:
        batch, length = sizes
        mask = draw.mask(batch, length, side)
        ids = draw.ids(batch, length) * mask
        return {"input_ids": ids, "attention_mask": mask, **{key: of(draw, *sizes) for key, of in more.items()}}

    return make


def _named(*names: str) -> dict[str, dict[int, str]]:
    return {name: {0: "batch[1:8]", 1: f"sequence[1:{LONGEST}]"} for name in names}


def _text_model(name: str, make: Callable[[], nn.Module], inputs: Any = None, *more: str) -> TransformersModel:
    return TransformersModel(
        name,
        make,
        inputs or _text(),
        ((2, 7), (3, 12)),
        lambda draw: (draw.size(1, 8), draw.size(1, LONGEST)),
        _named("input_ids", "attention_mask", *more),
    )


def _seq2seq(name: str, make: Callable[[], nn.Module]) -> TransformersModel:
    def inputs(draw: Draw, sizes: tuple[int, ...]) -> Inputs:
        batch, length, target = sizes
        return {**_text()(draw, (batch, length)), "decoder_input_ids": draw.ids(batch, target)}

    return TransformersModel(
        name,
        make,
        inputs,
        ((2, 7, 3), (3, 12, 5)),
        lambda draw: (draw.size(1, 8), draw.size(1, LONGEST), draw.size(1, 16)),
        {**_named("input_ids", "attention_mask"), "decoder_input_ids": {0: "batch", 1: "target[1:16]"}},
    )


def _picture(name: str, make: Callable[[], nn.Module], low: int, high: int, step: int) -> TransformersModel:
    """Pictures of sizes between two, or of one size where these are equal."""
    fixed = low == high
    sides = {} if fixed else {2: f"height[{low}:{high}:{step}]", 3: f"width[{low}:{high}:{step}]"}

    def sizes(draw: Draw) -> tuple[int, ...]:
        return (draw.size(1, 4), draw.size(low, high, step), draw.size(low, high, step))

    return TransformersModel(
        name,
        make,
        lambda draw, sizes: {"pixel_values": draw.pixels(*sizes)},
        ((1, low, low), (2, low, low)) if fixed else ((1, low, low + step), (2, low + step, low)),
        sizes,
        {"pixel_values": {0: "batch[1:4]", **sides}},
    )


def _type_ids(draw: Draw, batch: int, length: int) -> Tensor:
    first = draw.size(0, length)
    return (torch.arange(length) >= first).long().expand(batch, length).clone()


def _bert() -> nn.Module:
    config = transformers.BertConfig(vocab_size=100, max_position_embeddings=64, num_labels=3, **SMALL)
    return transformers.BertForSequenceClassification(config)


def _roberta() -> nn.Module:
    config = transformers.RobertaConfig(vocab_size=100, max_position_embeddings=64, **SMALL)
    return transformers.RobertaForTokenClassification(config)


def _electra() -> nn.Module:
    config = transformers.ElectraConfig(
        vocab_size=100, embedding_size=8, max_position_embeddings=64, num_labels=3, **SMALL
    )
    return transformers.ElectraForSequenceClassification(config)


def _distilbert() -> nn.Module:
    config = transformers.DistilBertConfig(
        vocab_size=100, max_position_embeddings=64, dim=16, n_layers=2, n_heads=2, hidden_dim=32
    )
    return transformers.DistilBertForSequenceClassification(config)


def _mpnet() -> nn.Module:
    return transformers.MPNetModel(transformers.MPNetConfig(vocab_size=100, max_position_embeddings=64, **SMALL))


def _modernbert() -> nn.Module:
    config = transformers.ModernBertConfig(
        vocab_size=100,
        max_position_embeddings=64,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        cls_token_id=1,
        sep_token_id=2,
        local_attention=8,
        global_attn_every_n_layers=2,
        **SMALL,
    )
    return transformers.ModernBertModel(config)


def _qwen2() -> nn.Module:
    config = transformers.Qwen2Config(
        vocab_size=100, max_position_embeddings=64, num_key_value_heads=1, use_cache=False, **SMALL
    )
    return transformers.Qwen2ForCausalLM(config)


def _gpt2() -> nn.Module:
    config = transformers.GPT2Config(vocab_size=100, n_positions=64, n_embd=16, n_layer=2, n_head=2, use_cache=False)
    return transformers.GPT2LMHeadModel(config)


def _llama() -> nn.Module:
    config = transformers.LlamaConfig(
        vocab_size=100, max_position_embeddings=64, num_key_value_heads=1, use_cache=False, **SMALL
    )
    return transformers.LlamaForCausalLM(config)


def _t5() -> nn.Module:
    config = transformers.T5Config(
        vocab_size=100, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, use_cache=False
    )
    return transformers.T5ForConditionalGeneration(config)


def _bart() -> nn.Module:
    return transformers.BartForConditionalGeneration(
        transformers.BartConfig(max_position_embeddings=64, **ENCODER_DECODER)
    )


def _clip() -> nn.Module:
    text = {"vocab_size": 100, "max_position_embeddings": LONGEST, "eos_token_id": 99, "bos_token_id": 98, **SMALL}
    vision = {"image_size": 32, "patch_size": 8, **SMALL}
    return transformers.CLIPModel(transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=8))


def _clip_inputs(draw: Draw, sizes: tuple[int, ...]) -> Inputs:
    texts, length, images = sizes
    mask = draw.mask(texts, length)
    ids = draw.ids(texts, length)
    # the end of the text is where the model reads its meaning
    ids[torch.arange(texts), mask.sum(1) - 1] = 99
    return {"input_ids": ids * mask, "pixel_values": draw.pixels(images, 32, 32), "attention_mask": mask}


def _segformer() -> nn.Module:
    config = transformers.SegformerConfig(
        num_encoder_blocks=4,
        depths=[1, 1, 1, 1],
        hidden_sizes=[8, 8, 16, 16],
        num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16,
        num_labels=3,
    )
    return transformers.SegformerForSemanticSegmentation(config)


def _detr() -> nn.Module:
    backbone = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], out_features=["stage4"]
    )
    layers = {key: value for key, value in ENCODER_DECODER.items() if key not in ("vocab_size", "use_cache")}
    config = transformers.DetrConfig(
        use_timm_backbone=False, backbone=None, backbone_config=backbone, num_queries=5, num_labels=4, **layers
    )
    return transformers.DetrForObjectDetection(config)


def _wav2vec2() -> nn.Module:
    config = transformers.Wav2Vec2Config(
        vocab_size=20,
        conv_dim=(8, 8),
        conv_stride=(5, 2),
        conv_kernel=(10, 3),
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
        **SMALL,
    )
    return transformers.Wav2Vec2ForCTC(config)


def _wav2vec2_inputs(draw: Draw, sizes: tuple[int, ...]) -> Inputs:
    batch, samples = sizes
    mask = torch.ones(batch, samples, dtype=torch.long)
    for row in range(1, batch):
        mask[row, draw.size(samples // 2, samples) :] = 0
    return {"input_values": draw.normal(batch, samples) * mask, "attention_mask": mask}


def _whisper() -> nn.Module:
    config = transformers.WhisperConfig(
        num_mel_bins=8,
        max_source_positions=20,
        max_target_positions=16,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
        **ENCODER_DECODER,
    )
    return transformers.WhisperForConditionalGeneration(config)


def _vit() -> nn.Module:
    config = transformers.ViTConfig(image_size=32, patch_size=8, num_labels=4, **SMALL)
    return transformers.ViTForImageClassification(config)


def _swin() -> nn.Module:
    config = transformers.SwinConfig(
        image_size=32, patch_size=2, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=4, num_labels=4
    )
    return transformers.SwinForImageClassification(config)


MODELS = [
    _text_model("BERT", _bert, _text(token_type_ids=_type_ids), "token_type_ids"),
    _text_model("RoBERTa", _roberta),
    _text_model("ELECTRA", _electra),
    _text_model("DistilBERT", _distilbert),
    _text_model("MPNet", _mpnet),
    _text_model("ModernBERT", _modernbert),
    _text_model("Qwen2", _qwen2, _text("left")),
    _text_model("GPT-2", _gpt2),
    _text_model("Llama", _llama, _text("left")),
    _seq2seq("T5", _t5),
    _seq2seq("BART", _bart),
    TransformersModel(
        "CLIP",
        _clip,
        _clip_inputs,
        ((2, 7, 1), (3, 12, 2)),
        lambda draw: (draw.size(1, 8), draw.size(1, LONGEST), draw.size(1, 4)),
        {
            "input_ids": {0: "texts[1:8]", 1: f"sequence[1:{LONGEST}]"},
            "attention_mask": {0: "texts", 1: "sequence"},
            "pixel_values": {0: "images[1:4]"},
        },
    ),
    _picture("SegFormer", _segformer, 64, 128, 32),
    _picture("DETR", _detr, 64, 128, 32),
    TransformersModel(
        "Wav2Vec2",
        _wav2vec2,
        _wav2vec2_inputs,
        ((1, 400), (2, 700)),
        lambda draw: (draw.size(1, 4), draw.size(200, 1500)),
        {"input_values": {0: "batch[1:4]", 1: "samples[200:4000]"}, "attention_mask": {0: "batch", 1: "samples"}},
    ),
    TransformersModel(
        "Whisper",
        _whisper,
        lambda draw, sizes: {
            "input_features": draw.normal(sizes[0], 8, 40),
            "decoder_input_ids": draw.ids(*sizes),
            "decoder_attention_mask": draw.mask(*sizes),
        },
        ((1, 3), (2, 5)),
        lambda draw: (draw.size(1, 4), draw.size(1, 16)),
        {
            "input_features": {0: "batch[1:4]"},
            "decoder_input_ids": {0: "batch", 1: "target[1:16]"},
            "decoder_attention_mask": {0: "batch", 1: "target"},
        },
    ),
    _picture("ViT", _vit, 32, 32, 8),
    _picture("Swin", _swin, 32, 32, 8),
]


def wrong_on_usual_inputs(known: TransformersModel, bundle: Path, format_name: str) -> list[str]:
    """What a bundle's file gives otherwise than a model that was never exported, on inputs that no export has seen."""
    manifest = json.loads((bundle / "bundle.json").read_text())
    inputs, outputs = ([spec["name"] for spec in manifest[key]] for key in ("inputs", "outputs"))
    file = (
        OnnxFile(bundle / "model.onnx", inputs, outputs)
        if format_name == "onnx"
        else TorchScriptFile(bundle / "model.pt", inputs, outputs)
    )
    model = known.model()
    wrong = []
    for given in known.usual_inputs():
        with torch.no_grad():
            expected = [to_numpy(value) for _, value in flatten(model(**given))]
        for name, a, b in zip(outputs, expected, file.run([given[key] for key in inputs]), strict=True):
            difference = compare(a, b, str(a.dtype))
            if not difference.agrees:
                shapes = {key: list(value.shape) for key, value in given.items()}
                wrong.append(f"{known.name} as {format_name}, {name} of {shapes}: {difference.summary}")
    return wrong

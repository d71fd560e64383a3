"""The models of this benchmark, with seeded weights: writes each as TorchScript, and compiled by AOTInductor.

    python models.py FOLDER [1 2]

Writes FOLDER/NAME.pt, and FOLDER/NAME-N.pt2 compiled for N threads, as `python -m tensorferry aoti --threads N` does.
"""

from __future__ import annotations

import sys
import sysconfig
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Mlp(nn.Module):
    """Shapes: float32 [1, 10] -> [1, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(10, 10), nn.ReLU(), nn.Linear(10, 10))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Espcn(nn.Module):
    """Super-resolution by three. Shapes: float32 [1, 1, 224, 224] -> [1, 1, 672, 672]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 64, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(64, 64, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(64, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 9, 3, padding=1),
            nn.PixelShuffle(3),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Block(nn.Module):
    """Two convolutions and a shortcut, as in He et al., "Deep Residual Learning", figure 5, left."""

    def __init__(self, taken: int, given: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(taken, given, 3, stride, 1, bias=False), nn.BatchNorm2d(given), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(given, given, 3, 1, 1, bias=False), nn.BatchNorm2d(given))
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or taken != given:
            self.shortcut = nn.Sequential(nn.Conv2d(taken, given, 1, stride, bias=False), nn.BatchNorm2d(given))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.second(self.first(x)) + self.shortcut(x))


class ResNet18(nn.Module):
    """Shapes: float32 [1, 3, 224, 224] -> [1, 1000]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        )
        widths = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
        blocks = [[Block(taken, given, stride), Block(given, given, 1)] for taken, given, stride in widths]
        self.blocks = nn.Sequential(*[block for pair in blocks for block in pair])
        self.classes = nn.Linear(512, 1000)

    def forward(self, x: Tensor) -> Tensor:
        return self.classes(self.blocks(self.stem(x)).mean((2, 3)))


class Layer(nn.Module):
    """A post-norm encoder layer, as BERT's."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.mixed, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        query, key, value = (
            part.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for part in self.mixed(x).chunk(3, dim=-1)
        )
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(batch, length, width)
        x = self.norms[0](x + self.out(mixed))
        return self.norms[1](x + self.narrow(F.gelu(self.wide(x))))


class Encoder(nn.Module):
    """Of all-MiniLM-L6's size: six layers, 384 wide, twelve heads. Shapes: int64 [1, 128] -> float32 [1, 384]."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(30522, 384), nn.Embedding(512, 384)
        self.norm = nn.LayerNorm(384)
        self.layers = nn.Sequential(*[Layer(384, 12) for _ in range(6)])
        self.register_buffer("order", torch.arange(512))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.norm(self.words(ids) + self.places(self.order[: ids.shape[1]]))
        return F.normalize(self.layers(x).mean(1), dim=-1)


class PlusOne(nn.Module):
    """A picture in and out, for what memory does. Shapes: float32 [1, 3, 224, 224] -> the same."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 1


def example(name: str) -> Tensor:
    """The one input of a model; the same in every process."""
    torch.manual_seed(1)
    if name == "minilm":
        return torch.randint(0, 30522, (1, 128))
    shapes = {"mlp": (1, 10), "espcn": (1, 1, 224, 224), "resnet18": (1, 3, 224, 224), "plus-one": (1, 3, 224, 224)}
    return torch.rand(shapes[name])


MODELS = {"mlp": Mlp, "espcn": Espcn, "resnet18": ResNet18, "minilm": Encoder, "plus-one": PlusOne}


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    return MODELS[name]().eval()


def main() -> None:
    warnings.simplefilter("ignore")
    folder, threads = Path(sys.argv[1]), [int(text) for text in sys.argv[2:]]
    # else the linker may take a distribution's libtorch
    sysconfig.get_config_vars()["LIBDIR"] = str(Path(torch.__file__).parent / "lib")
    for name in MODELS:
        model, x = build(name), example(name)
        with torch.no_grad():
            torch.jit.save(torch.jit.trace(model, (x,)), folder / f"{name}.pt")
            for count in threads if name != "plus-one" else []:
                print(f"compiling {name} for {count} threads", file=sys.stderr, flush=True)
                configs = {"freezing": True, "cpp.threads": count}
                program = torch.export.export(model, (x,))
                package = str(folder / f"{name}-{count}.pt2")
                torch._inductor.aoti_compile_and_package(program, package_path=package, inductor_configs=configs)
    (folder / "complete").write_text(torch.__version__)


if __name__ == "__main__":
    main()

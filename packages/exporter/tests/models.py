"""Small models: good ones, and ones that an exporter gets wrong in silence."""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn


class Mlp(nn.Module):
    """float32 [batch, 8] -> [batch, 4]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Downscale(nn.Module):
    """float32 [batch, 3, height, width] -> [batch, 4, (height - 1)//2 + 1, (width - 1)//2 + 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, image: Tensor) -> Tensor:
        return self.norm(self.convolution(image)).relu()


class Recurrent(nn.Module):
    """float32 [batch, 3] and state [batch, 4] -> [batch, 2] and state [batch, 4]."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(3, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        h = self.cell(x, h)
        return self.head(h), h


class Embedding(nn.Module):
    """int64 [batch, length] -> float32 [batch, 6], mean of the tokens that are not 0."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 6)

    def forward(self, tokens: Tensor) -> Tensor:
        mask = (tokens != 0).unsqueeze(-1).float()
        return (self.embedding(tokens) * mask).sum(1) / mask.sum(1).clamp(min=1)


class Named(nn.Module):
    """A dict whose keys are not in alphabetical order, one of them called like an operator."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = self.linear(x)
        return {"softmax": y.softmax(-1), "linear": y, "best": y.argmax(-1)}


class AlwaysDrops(nn.Module):
    """Refuses to leave train mode."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Dropout(0.5)
        self.inner.train = lambda mode=True: self.inner  # type: ignore[method-assign]

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


class FunctionalDropout(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, 0.5)


class BranchOnValue(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2 if x.sum() > 0 else x - 1


class BranchOnSize(nn.Module):
    """Another formula above four rows."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 2 if x.size(0) > 4 else x - 1


class FrozenBranch(nn.Module):
    """Its branch on the values is taken while capturing, where a traced value is no number: `except` hides that."""

    def forward(self, x: Tensor) -> Tensor:
        try:
            positive = bool(x.sum() > 0)
        except Exception:
            positive = True
        return x * 2 if positive else x - 1


class OtherWhenExported(nn.Module):
    """A shortcut for exporters that is not the same."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 1.01 if torch.compiler.is_exporting() else x


class CountsCalls(nn.Module):
    """Writes to its own buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.calls.add_(1)
        return x * 2


class MixesRows(nn.Module):
    """A row's result depends on the other rows."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0, keepdim=True)


class PassesThrough(nn.Module):
    """An input as an output, and one value twice."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y = x + 1
        return x, y, y


class Unstable(nn.Module):
    """Cancels nearly everything: float32 itself is off by far more than any tolerance."""

    def forward(self, x: Tensor) -> Tensor:
        return (x * 1e6 + 1e6).sum(-1) - (x * 1e6).sum(-1) - 1e6 * x.shape[-1]


class NeedsFive(nn.Module):
    """A kernel of five without padding: shorter inputs fail."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(1, 1, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.convolution(x)


class Interrupted(nn.Module):
    """Somebody presses Ctrl-C at the given call of forward; calls of the capturing process do not count."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        if self.calls == self.at and not torch.compiler.is_exporting():
            raise KeyboardInterrupt
        return x + 1


class DiesWhenExported(nn.Module):
    """Takes the capturing process down, as a crash inside native code does."""

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_exporting():
            os._exit(42)
        return x + 1


class KeepsOutputOfLoop(nn.Module):
    """float32 [time, 2] -> [2]: a Python loop over a dynamic dim, which capture unrolls."""

    def forward(self, x: Tensor) -> Tensor:
        total = torch.zeros(2)
        for step in range(x.size(0)):
            total = total * 0.5 + x[step]
        return total


class LosesDigits(nn.Module):
    """The cosine of a number above a thousand: float32 is off by some 1e-5, which float64 shows."""

    def forward(self, x: Tensor) -> Tensor:
        return (x.cumsum(-1) * 100 + 1000).cos()


class Classifier(nn.Module):
    """float32 [batch, 1, 4, 4] -> [batch, 3], logits."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(16, 3)

    def forward(self, image: Tensor) -> Tensor:
        return self.linear(image.flatten(1))


class Scaled(nn.Module):
    """A vector times a scalar, and its sum, a scalar again."""

    def forward(self, x: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
        return x * factor, x.sum()


class Positions(nn.Module):
    """float32 [n] -> int64 [?, 1]: as many rows as there are positive values."""

    def forward(self, x: Tensor) -> Tensor:
        return (x > 0).nonzero()


class EitherWay(nn.Module):
    """A branch on values that capture keeps."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cond(x.sum() > 0, lambda x: x * 2, lambda x: x - 1, (x,))


class ScriptedBranch(nn.Module):
    """A branch on values that the tracer warns of and the compiler keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear(x)
        if bool(x.sum() > 0):
            return y * 2
        return y - 1


class LoopOverTime(nn.Module):
    """float32 [batch, time, 3] -> [batch, 3]: the tracer unrolls the loop and says nothing."""

    def forward(self, x: Tensor) -> Tensor:
        total = torch.zeros(x.size(0), 3)
        for step in range(x.size(1)):
            total = total * 0.5 + x[:, step]
        return total


class Lstm(nn.Module):
    """float32 [batch, time, 3] -> [batch, time, 5] and the last [1, batch, 5]."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 5, batch_first=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y, (h, _) = self.lstm(x)
        return y, h


class OtherWhenScripted(nn.Module):
    """A shortcut for the compiler that is not the same, and a loop that the tracer freezes."""

    def forward(self, x: Tensor) -> Tensor:
        total = x[0]
        for step in range(1, x.size(0)):
            total = total + x[step]
        if torch.jit.is_scripting():
            total = total * 1.01
        return total


class Mixed(nn.Module):
    """float32 [batch, 4], bool [batch, 4] and int64 [] -> float32, int64 and bool."""

    def forward(self, x: Tensor, keep: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        kept = torch.where(keep, x, torch.zeros_like(x))
        return kept, keep.sum(-1) + shift, ~keep


class Attention(nn.Module):
    """float32 [batch, time, 8] -> the same; its operator is newer than PyTorch 1.13."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(8, 24)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.project(x).chunk(3, -1)
        return nn.functional.scaled_dot_product_attention(query, key, value)

"""Models that one way of capture or another gets wrong, and a few that none does."""

from __future__ import annotations

import enum

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint


class PlainConvolution(nn.Module):
    """float32 [batch, 3, height, width] -> [batch, 4, (height - 1)//2 + 1, (width - 1)//2 + 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(4, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(functional.relu(self.first(x))))


class MaskedAttention(nn.Module):
    """float32 [batch, time, 8] and bool [batch, time] -> [batch, time, 8]."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(8, 24)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        query, key, value = self.project(x).view(x.size(0), x.size(1), 2, 12).transpose(1, 2).chunk(3, -1)
        scores = (query @ key.transpose(-1, -2)) / 2.0
        scores = scores.masked_fill(~mask[:, None, None, :], -1e4)
        return (scores.softmax(-1) @ value).transpose(1, 2).reshape(x.size(0), x.size(1), 8)


class Lstm(nn.Module):
    """float32 [batch, time, 3] -> [batch, time, 5] and the last [1, batch, 5]."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 5, batch_first=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y, (h, _) = self.lstm(x)
        return y, h


class BidirectionalLstm(nn.Module):
    """float32 [batch, time, 3] -> [batch, time, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 5, num_layers=2, bidirectional=True, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.lstm(x)[0]


class BranchOnValues(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear(x)
        if bool(x.sum() > 0):
            return y * 2
        return y - 1


class Cond(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cond(x.sum() > 0, lambda x: x * 2, lambda x: x - 1, (x,))


class BranchOnSize(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if x.size(0) > 4:
            return x * 2
        return x - 1


class LoopOverTime(nn.Module):
    """float32 [batch, time, 3] -> [batch, 3]."""

    def forward(self, x: Tensor) -> Tensor:
        total = torch.zeros(x.size(0), 3)
        for step in range(x.size(1)):
            total = total * 0.5 + x[:, step]
        return total


class While(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        while bool(x.abs().max() > 1):
            x = x * 0.5
        return x


class Gate(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if bool(x.mean() > 0.25):
            return x * 2
        return x - 1


class ScriptedSubmodule(nn.Module):
    """Compiled by its author, inside a module that is not."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.gate = torch.jit.script(Gate())

    def forward(self, x: Tensor) -> Tensor:
        return self.gate(self.linear(x).sigmoid())


class ListOfSteps(nn.Module):
    """float32 [batch, time, 3] -> the same."""

    def forward(self, x: Tensor) -> Tensor:
        state = torch.zeros(x.size(0), 3)
        states: list[Tensor] = []
        for index in range(x.size(1)):
            state = torch.tanh(state + x[:, index])
            states.append(state)
        return torch.stack(states, 1)


class EverySecond(nn.Module):
    """Writes into a part of a tensor whose size is dynamic."""

    def forward(self, x: Tensor) -> Tensor:
        y = torch.zeros_like(x)
        y[:, ::2] = x[:, ::2] * 3
        y[x > 0.5] = -1.0
        return y


class SingleRow(nn.Module):
    """A row alone is centred, several rows are not."""

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[0] == 1:
            x = x.squeeze(0)
            return (x - x.mean()).unsqueeze(0)
        return x


class LongestLength(nn.Module):
    """float32 [batch, time] and int64 [batch] -> [batch], the sum up to the longest length."""

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        longest = int(lengths.max())
        return x[:, :longest].sum(1)


class Closure(nn.Module):
    """The branch is in a function inside of forward, which no compiler takes."""

    def forward(self, x: Tensor) -> Tensor:
        factor = 2.0

        def scale(value: Tensor) -> Tensor:
            nonlocal factor
            if value.sum() < 0:
                factor = 0.5
            return value * factor

        return scale(x)


class CaughtBranch(nn.Module):
    """A traced value is no number, and the model hides that."""

    def forward(self, x: Tensor) -> Tensor:
        try:
            positive = float(x.sum()) > 0
        except Exception:
            positive = True
        return x * 2 if positive else x - 1


class Patches(nn.Module):
    """float32 [batch, 3, height, width] -> [batch, (height//4)*(width//4), 48]."""

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        x = x.reshape(b, c, h // 4, 4, w // 4, 4)
        return x.permute(0, 2, 4, 3, 5, 1).reshape(b, -1, 16 * c)


class BooleanMask(nn.Module):
    """The sum of the positive values, through a tensor whose size depends on values."""

    def forward(self, x: Tensor) -> Tensor:
        return x[x > 0].sum().reshape(1)


class Positions(nn.Module):
    """float32 [batch, time, 8] -> the same, sines of the positions added."""

    def forward(self, x: Tensor) -> Tensor:
        position = torch.arange(x.size(1), dtype=torch.float32).unsqueeze(1)
        scale = torch.exp(torch.arange(0, 8, 2, dtype=torch.float32) * -0.5)
        return x + torch.cat([torch.sin(position * scale), torch.cos(position * scale)], 1)


class GruOfLengths(nn.Module):
    """float32 [batch, time, 3] and int64 [batch] -> [batch, 5], the state at each row's own length."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(3, 5, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        states, _ = self.gru(x)
        last = (lengths - 1).clamp(min=0).minimum(torch.full_like(lengths, x.size(1) - 1))
        return states.gather(1, last[:, None, None].expand(-1, 1, 5)).squeeze(1)


class EarlyExit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x).relu()
            if x.mean() < 0.3:
                break
        return x


class CachedTable(nn.Module):
    """A table that grows when it has to."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.zeros(0)

    def forward(self, x: Tensor) -> Tensor:
        if self.table.size(0) < x.size(1):
            self.table = torch.arange(x.size(1), dtype=torch.float32).sqrt()
        return x * self.table[: x.size(1)]


class HalfPool(nn.Module):
    """float32 [batch, 1, length] -> [batch]: the mean of the first half, of one at least."""

    def forward(self, x: Tensor) -> Tensor:
        half = max(1, x.size(2) // 2)
        return x[:, 0, :half].mean(1)


class ScalarFromTensor(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        largest = x.abs().max().item()
        return x / (largest + 1.0)


class Mode(enum.Enum):
    MEAN = "mean"
    SUM = "sum"


class ModeAttribute(nn.Module):
    """Branches on attributes that never change, and on the dtype."""

    def __init__(self) -> None:
        super().__init__()
        self.mode = Mode.MEAN

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype == torch.float64:
            x = x * 3
        return x.mean(1) if self.mode is Mode.MEAN else x.sum(1)


class Checkpointed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return checkpoint(lambda value: self.linear(value).relu(), x, use_reentrant=False)


class WeightNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.utils.parametrizations.weight_norm(nn.Linear(8, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)


class LookupBySize(nn.Module):
    """A traced size is no key, and the dict gives its default."""

    SCALES = {3: 2.0, 5: 0.5}  # noqa: RUF012

    def forward(self, x: Tensor) -> Tensor:
        scale = self.SCALES.get(x.size(0), 1.0)
        return x * scale


class Comprehension(nn.Module):
    """float32 [batch, time] -> the same."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([x[:, step] * (step + 1) for step in range(x.size(1))], 1)


def _sign(x: Tensor) -> float:
    return 1.0 if x.sum() > 0 else -1.0


class HelperFunction(nn.Module):
    """The branch is in a function outside of the class, called through a lambda."""

    def forward(self, x: Tensor) -> Tensor:
        pick = lambda value: value * _sign(value)  # noqa: E731
        return pick(x)


class ThroughNumpy(nn.Module):
    """Leaves PyTorch: a trace takes the result for a constant."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(np.sqrt(np.abs(x.numpy())))


class GateInPython(nn.Module):
    """A branch on values in a submodule of a module that no compiler takes."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.gate = Gate()

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.gate(*[self.linear(value).sigmoid() for value in inputs])


class Decay(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        total = torch.zeros(x.size(0), 3)
        for moment in range(x.size(1)):
            total = total * 0.5 + x[:, moment]
        return total


class LoopInPython(nn.Module):
    """A loop over time, which the tracer freezes in silence, in a submodule of a module that no compiler takes."""

    def __init__(self) -> None:
        super().__init__()
        self.decay = Decay()

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.cat([self.decay(value) for value in inputs], 1) * 2

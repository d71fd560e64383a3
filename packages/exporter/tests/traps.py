"""The trap models with their inputs, and what becomes of each: a route where a file is right, a code where none is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

import trap_models as models

RANGES = {"batch": (1, 8, 1), "time": (1, 32, 1), "height": (4, 64, 4), "width": (4, 64, 4)}
# the exporter sees the first two, and makes 1, 2, one more, one less and the bounds of them
EXAMPLES = ({"batch": 3, "time": 7, "height": 12, "width": 20}, {"batch": 5, "time": 6, "height": 8, "width": 16})
FRESH = (
    {"batch": 1, "time": 1, "height": 4, "width": 4},
    {"batch": 1, "time": 9, "height": 28, "width": 8},
    {"batch": 2, "time": 3, "height": 16, "width": 48},
    {"batch": 5, "time": 17, "height": 36, "width": 36},
    {"batch": 6, "time": 4, "height": 24, "width": 52},
    {"batch": 7, "time": 31, "height": 60, "width": 56},
)
SCALES = (1.0, -0.7, 0.02, 4.0)

ROWS = {"x": ("float", ("batch", 8))}
SERIES = {"x": ("float", ("batch", "time", 3))}
IMAGES = {"x": ("float", ("batch", 3, "height", "width"))}
TOKENS = {"x": ("float", ("batch", "time", 8))}
TABLE = {"x": ("float", ("batch", "time"))}
LENGTHS = {"lengths": ("length", ("batch",))}


@dataclass(frozen=True)
class Trap:
    """One model."""

    model: type[nn.Module]
    inputs: dict[str, tuple[str, tuple[int | str, ...]]]
    onnx: str
    """The route that is right, or the code of the refusal."""
    torchscript: str
    line: str | None = None
    """What a wrong capture freezes: the text of that line, which stands once in the file."""
    traced: str | None = None
    """The code when the model is traced alone; None where that is right."""
    exported: str | None = None
    """The code of torch.export, where another route is right."""
    outputs: tuple[str, ...] = ("y",)

    @property
    def name(self) -> str:
        return self.model.__name__

    @property
    def dynamic(self) -> dict[str, dict[int, str]]:
        def declare(dim: str) -> str:
            low, high, step = RANGES[dim]
            return f"{dim}[{low}:{high}:{step}]"

        return {
            name: {axis: declare(dim) for axis, dim in enumerate(shape) if isinstance(dim, str)}
            for name, (_, shape) in self.inputs.items()
        }

    def examples(self) -> list[tuple[Tensor, ...]]:
        return [self._make(sizes, 1.0) for sizes in EXAMPLES]

    def fresh(self) -> Iterator[tuple[Tensor, ...]]:
        """Inputs that the exporter never saw."""
        for sizes in FRESH:
            for scale in SCALES:
                yield self._make(sizes, scale)

    def _make(self, sizes: dict[str, int], scale: float) -> tuple[Tensor, ...]:
        values = []
        for kind, dims in self.inputs.values():
            shape = [sizes.get(dim, dim) for dim in dims]
            if kind == "float":
                values.append((torch.rand(shape) - 0.2) * scale)
            elif kind == "mask":
                values.append(torch.rand(shape) > 0.3)
            else:
                values.append(torch.randint(1, sizes["time"] + 1, shape))
        return tuple(values)


def line_number(text: str) -> int:
    """Where a line stands in `trap_models.py`; it must stand there once."""
    lines = (Path(__file__).parent / "trap_models.py").read_text(encoding="utf-8").splitlines()
    (found,) = [number for number, line in enumerate(lines, 1) if line.strip() == text]
    return found


EXPORT, STRICT = "torch.export", "torch.export strict"
OF_SCRIPT, OF_TRACE = "legacy ONNX of the script", "legacy ONNX of the trace"
CAPTURE, RANGE, REPLAY = "CAPTURE_FAILED", "RANGE_CONTRADICTED", "REPLAY_MISMATCH"

OF_GATE, OF_DECAY = "trace with script of gate", "trace with script of decay"
IN_GATE, IN_DECAY = "if bool(x.mean() > 0.25):", "for moment in range(x.size(1)):"
HALF = "half = max(1, x.size(2) // 2)"
COMPREHENSION = "return torch.stack([x[:, step] * (step + 1) for step in range(x.size(1))], 1)"
THROUGH_NUMPY = "return torch.from_numpy(np.sqrt(np.abs(x.numpy())))"

# those that every exporter should be measured with
ELEVEN = [
    Trap(models.PlainConvolution, IMAGES, EXPORT, "trace"),
    Trap(models.Residual, {"x": ("float", ("batch", 4, "height", "width"))}, EXPORT, "trace"),
    Trap(models.MaskedAttention, {**TOKENS, "mask": ("mask", ("batch", "time"))}, EXPORT, "trace"),
    Trap(models.Lstm, SERIES, OF_SCRIPT, "trace", outputs=("y", "h"), exported=RANGE),
    Trap(models.BidirectionalLstm, SERIES, OF_SCRIPT, "trace", exported=RANGE),
    Trap(models.BranchOnValues, ROWS, OF_SCRIPT, "script", "if bool(x.sum() > 0):", REPLAY, CAPTURE),
    Trap(models.Cond, ROWS, EXPORT, CAPTURE, "return torch.cond(x.sum() > 0, lambda x: x * 2, lambda x: x - 1, (x,))"),
    Trap(models.BranchOnSize, ROWS, OF_SCRIPT, "script", "if x.size(0) > 4:", REPLAY, REPLAY),
    Trap(models.LoopOverTime, SERIES, OF_SCRIPT, "script", "for step in range(x.size(1)):", REPLAY, RANGE),
    Trap(models.While, ROWS, OF_SCRIPT, "script", "while bool(x.abs().max() > 1):", REPLAY, CAPTURE),
    Trap(models.ScriptedSubmodule, ROWS, OF_SCRIPT, "trace"),
]
MORE = [
    Trap(models.ListOfSteps, SERIES, OF_SCRIPT, "script", "for index in range(x.size(1)):", REPLAY, RANGE),
    Trap(models.EverySecond, TABLE, EXPORT, "trace"),
    Trap(models.SingleRow, ROWS, OF_SCRIPT, "script", "if x.shape[0] == 1:", REPLAY, REPLAY),
    Trap(models.LongestLength, {**TABLE, **LENGTHS}, STRICT, "script", "longest = int(lengths.max())", REPLAY, CAPTURE),
    Trap(models.Closure, ROWS, REPLAY, REPLAY, "if value.sum() < 0:", REPLAY),
    Trap(models.CaughtBranch, ROWS, REPLAY, REPLAY, "return x * 2 if positive else x - 1", REPLAY),
    Trap(models.Patches, IMAGES, EXPORT, "trace"),
    Trap(models.BooleanMask, ROWS, EXPORT, "trace"),
    Trap(models.Positions, TOKENS, EXPORT, "trace"),
    Trap(models.GruOfLengths, {**SERIES, **LENGTHS}, OF_SCRIPT, "trace", exported=RANGE),
    Trap(models.EarlyExit, ROWS, REPLAY, REPLAY, "if x.mean() < 0.3:", REPLAY),
    Trap(models.CachedTable, TABLE, EXPORT, "trace"),
    Trap(models.HalfPool, {"x": ("float", ("batch", 1, "time"))}, OF_SCRIPT, "script", HALF, REPLAY),
    Trap(models.ScalarFromTensor, ROWS, EXPORT, "script", "largest = x.abs().max().item()", REPLAY),
    Trap(models.ModeAttribute, ROWS, EXPORT, "trace"),
    Trap(models.Checkpointed, ROWS, EXPORT, "trace"),
    Trap(models.WeightNorm, ROWS, EXPORT, "trace"),
    Trap(models.LookupBySize, ROWS, REPLAY, REPLAY, "scale = self.SCALES.get(x.size(0), 1.0)", REPLAY),
    Trap(models.Comprehension, TABLE, OF_SCRIPT, "script", COMPREHENSION, REPLAY, RANGE),
    Trap(models.HelperFunction, ROWS, REPLAY, REPLAY, "return 1.0 if x.sum() > 0 else -1.0", REPLAY),
    Trap(models.ThroughNumpy, ROWS, STRICT, REPLAY, THROUGH_NUMPY, REPLAY, CAPTURE),
    Trap(models.GateInPython, ROWS, f"{OF_TRACE} with script of gate", OF_GATE, IN_GATE, exported=CAPTURE),
    Trap(models.LoopInPython, SERIES, f"{OF_TRACE} with script of decay", OF_DECAY, IN_DECAY, REPLAY, RANGE),
]

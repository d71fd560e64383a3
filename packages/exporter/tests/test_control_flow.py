"""The line at which two runs of PyTorch part."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

import trap_models
from tensorferry.control_flow import Parting
from tensorferry.diagnose import find_parting

POSITIVE, NEGATIVE = (torch.ones(3, 4),), (-torch.ones(3, 4),)
SHORT, LONG = (torch.ones(2, 4),), (torch.ones(6, 4),)


class OneLine(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        x = x + 1 if x.sum() > 0 else x - 1
        return x * 2


class ShortCircuit(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        small = x.size(0) < 9
        both = small and bool(x.sum() > 0) and bool(x.max() < 5)
        return x * float(both)


class Swallows(nn.Module):
    """The helper raises, the model goes on."""

    def forward(self, x: Tensor) -> Tensor:
        try:
            return self.checked(x)
        except ValueError:
            return x * 0

    def checked(self, x: Tensor) -> Tensor:
        if x.min() < 0:
            raise ValueError("negative")
        return x


class Generator(nn.Module):
    def rows(self, x: Tensor) -> Iterator[Tensor]:
        for index in range(x.size(0)):
            yield x[index]

    def forward(self, x: Tensor) -> Tensor:
        return sum(self.rows(x), torch.zeros(4))


class Lambda(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        pick = lambda value: value if value.sum() > 0 else -value  # noqa: E731
        return pick(x)


class TwoWays(nn.Module):
    """The first branch is the same for both, the second is not."""

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 2:
            x = x + 1
        if x.sum() <= 0:
            x = x * 3
        return x


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(nn.Linear(4, 4), TwoWays())

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(x * 0 + x)


class Straight(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, x, x.abs().sum() + x)


def line_of(model: type[nn.Module], text: str) -> int:
    lines, first = inspect.getsourcelines(model)
    (index,) = [index for index, line in enumerate(lines) if text in line]
    return first + index


def found(model: nn.Module, first: tuple[Tensor], second: tuple[Tensor]) -> Parting:
    parting = find_parting(model.eval(), first, second)
    assert parting is not None
    return parting


@pytest.mark.parametrize(
    ("model", "inputs", "kind", "text"),
    [
        (OneLine, (POSITIVE, NEGATIVE), "branch", "x + 1 if"),
        (ShortCircuit, (POSITIVE, NEGATIVE), "branch", "both ="),
        (Swallows, (POSITIVE, NEGATIVE), "branch", "if x.min() < 0"),
        (Generator, (SHORT, LONG), "loop", "for index in"),
        (Lambda, (NEGATIVE, POSITIVE), "branch", "lambda value"),
        (TwoWays, (POSITIVE, NEGATIVE), "branch", "if x.sum() <= 0"),
        (trap_models.While, (POSITIVE, (torch.full((3, 4), 9.0),)), "loop", "while bool"),
        (trap_models.Comprehension, (POSITIVE, (torch.ones(3, 7),)), "loop", "for step in range"),
        (trap_models.EarlyExit, ((torch.ones(3, 8) * 9,), (torch.zeros(3, 8),)), "branch", "if x.mean()"),
        (trap_models.Closure, (POSITIVE, NEGATIVE), "branch", "if value.sum() < 0"),
        (trap_models.CaughtBranch, (POSITIVE, NEGATIVE), "branch", "if positive else"),
        (trap_models.LookupBySize, (SHORT, (torch.ones(3, 4),)), "size", "SCALES.get"),
        (trap_models.ScalarFromTensor, (POSITIVE, (torch.ones(3, 4) * 2,)), "value", ".item()"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_line_is_the_one_that_decides(model: type[nn.Module], inputs: tuple, kind: str, text: str) -> None:
    parting = found(model(), *inputs)
    assert parting.kind == kind
    assert parting.place.line == line_of(model, text)
    assert text in parting.place.source
    assert parting.place.file == ("trap_models.py" if model.__module__ == "trap_models" else "test_control_flow.py")
    assert (parting.place.submodule, parting.place.type) == ("", model.__name__)


def test_a_helper_outside_of_the_class_belongs_to_the_module_that_calls_it() -> None:
    parting = found(trap_models.HelperFunction(), POSITIVE, NEGATIVE)
    assert parting.place.source == "return 1.0 if x.sum() > 0 else -1.0"
    assert parting.place.type == "HelperFunction"


def test_the_owner_is_the_innermost_submodule() -> None:
    model = Inner()
    nn.init.eye_(model.blocks[0].weight)
    parting = found(model, POSITIVE, NEGATIVE)
    assert (parting.place.submodule, parting.place.type) == ("blocks.1", "TwoWays")


def test_a_loop_says_how_often_and_a_value_says_what() -> None:
    assert found(trap_models.LoopOverTime(), (torch.ones(2, 7, 3),), (torch.ones(2, 5, 3),)).seen == (7, 5)
    lengths = [(torch.ones(2, 7), torch.tensor([2, last])) for last in (5, 3)]
    assert found(trap_models.LongestLength(), *lengths).seen == (5, 3)


@pytest.mark.parametrize(
    ("model", "shape"),
    [(Straight, (4,)), (trap_models.PlainConvolution, (3, 8, 8)), (trap_models.Lstm, (5, 3))],
)
def test_nothing_parts_in_a_model_without_branches(model: type[nn.Module], shape: tuple[int, ...]) -> None:
    assert find_parting(model().eval(), (torch.rand(2, *shape),), (-torch.rand(3, *shape),)) is None


def test_a_debugger_that_was_there_stays() -> None:
    before = sys.gettrace()

    def debugger(*_: object) -> None:
        return None

    sys.settrace(debugger)
    try:
        find_parting(OneLine(), POSITIVE, NEGATIVE)
        assert sys.gettrace() is debugger
    finally:
        sys.settrace(before)

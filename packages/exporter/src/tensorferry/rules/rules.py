"""The rules of all inputs of one export, and made-up inputs that keep them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ..dims import DynamicDims
from ..errors import ExportError
from ..tensors import describe
from .distribution import learn_distribution
from .mask import learn_mask
from .order import learn_order
from .rule import Rule
from .stated import Stated, read_stated, stated_mask
from .within import learn_within

Values = tuple[Tensor, ...]
MakeInputs = Callable[[dict[str, int]], Sequence[Tensor]]
"""Inputs for given sizes of the dims, by position."""


@dataclass(frozen=True)
class Limits:
    """Numbers that a value is kept between."""

    low: float | None
    high: float | None

    @property
    def text(self) -> str:
        return " and ".join(
            f"{sign} {limit:g}" for sign, limit in ((">=", self.low), ("<=", self.high)) if limit is not None
        )

    def mend(self, value: Tensor, sizes: Mapping[str, int]) -> Tensor:
        return value.clamp(self.low, self.high).to(value.dtype)


@dataclass(frozen=True)
class Rules:
    """What made-up inputs keep."""

    names: Sequence[str]
    dims: DynamicDims
    by_input: Mapping[str, list[Rule]] = field(default_factory=dict)
    given: frozenset[str] = frozenset()
    """Inputs whose values stay those of an example."""
    make: MakeInputs | None = None
    """The caller's own way to make inputs, in place of rules."""

    def mend(self, values: Sequence[Tensor]) -> Values:
        """The nearest values that keep the rules, of the same shapes and dtypes."""
        sizes = self.sizes(values)
        mended = []
        for name, value in zip(self.names, values, strict=True):
            for rule in self.by_input.get(name, ()):
                value = rule.mend(value, sizes)
            mended.append(value.contiguous())
        return tuple(mended)

    def notes(self) -> list[str]:
        """For the report: what was taken for a rule, so that a wrong guess can be seen."""
        if self.make:
            return ["made-up inputs come from the caller's `rules`"]
        said = [f"{name}: {', '.join(rule.text for rule in rules)}" for name, rules in self.by_input.items() if rules]
        said += [f"{name}: as given" for name in self.names if name in self.given]
        return [f"made-up inputs keep what the examples keep: {'; '.join(said)}"] if said else []

    def made(self, sizes: dict[str, int], like: Sequence[Tensor], turn: int = 0) -> Values:
        """What the caller's own way gives for these sizes; the same at every call.

        Parameters
        ----------
        like : an example's inputs, for dtypes
        turn : other draws of the same sizes

        Raises
        ------
        ExportError
            `OPTIONS_INVALID` where it gives something else than inputs of these sizes.
        """
        assert self.make
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(turn)
            try:
                found = tuple(self.make(dict(sizes)))
            except ExportError:
                raise
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
                raise ExportError("OPTIONS_INVALID", f"rules: the function fails for {sizes}: {said}") from error
        expected = {name: (value.dtype, value.dim()) for name, value in zip(self.names, like, strict=True)}
        got = {
            name: (value.dtype, value.dim()) if isinstance(value, Tensor) else type(value).__name__
            for name, value in zip(self.names, found, strict=False)
        }
        if len(found) != len(self.names) or got != expected or self.sizes(found) != dict(sizes):
            raise ExportError(
                "OPTIONS_INVALID",
                f"rules: for {sizes} the function gives {_show(self.names, found)}; expected inputs of these sizes, "
                f"with the dtypes of the examples: {_show(self.names, like)}",
            )
        return tuple(value.detach().contiguous() for value in found)

    def sizes(self, values: Sequence[Tensor]) -> dict[str, int]:
        """Of the named dims in these inputs."""
        shapes = {name: value.shape for name, value in zip(self.names, values, strict=True)}
        return {dim: shapes[name][axis] for name, axes in self.dims.axes.items() for axis, dim in axes.items()}


def _show(names: Sequence[str], values: Sequence[object]) -> str:
    return ", ".join(f"{name}: {describe(value)}" for name, value in zip(names, values, strict=False))


def read_rules(
    stated: Mapping[str, str] | MakeInputs | None, names: Sequence[str], examples: Sequence[Values], dims: DynamicDims
) -> Rules:
    """Learns the rules that hold in every example, except where the caller says them.

    Raises
    ------
    ExportError
        `OPTIONS_INVALID` for a rule that cannot be read, or that an example breaks.
    """
    if callable(stated):
        return Rules(names, dims, make=stated)
    if stated is not None and not isinstance(stated, Mapping):
        raise ExportError(
            "OPTIONS_INVALID",
            "rules: expected a dict such as {'attention_mask': 'mask'}, or a function that takes the sizes of the dims "
            f"and gives inputs, got {type(stated).__name__}",
        )
    unknown = [name for name in stated or {} if name not in names]
    if unknown:
        raise ExportError(
            "OPTIONS_INVALID", f"rules: no input is called {', '.join(unknown)}; inputs are {', '.join(names)}"
        )
    plain = Rules(names, dims)
    sizes = [plain.sizes(example) for example in examples]
    by_input: dict[str, list[Rule]] = {}
    given = set()
    for index, name in enumerate(names):
        values = [example[index] for example in examples]
        said = read_stated(name, stated[name], values[0], dims.ranges) if stated and name in stated else Stated()
        own = set(dims.axes.get(name, {}).values())
        by_input[name] = [] if said.any or said.as_given else _rules_of(said, values, sizes, own)
        if said.as_given:
            given.add(name)
    rules = Rules(names, dims, by_input, frozenset(given))
    if stated:
        _require_kept(rules, stated, examples)
    return rules


def _rules_of(said: Stated, values: Sequence[Tensor], sizes: Sequence[Mapping[str, int]], own: set[str]) -> list[Rule]:
    mask = learn_mask(values)
    if said.mask:
        return [stated_mask(mask)]
    rules: list[Rule] = []
    if said.low is not None or said.high is not None:
        rules.append(Limits(said.low, said.high))
    if mask and not said.rules and not said.bounds and not rules:
        return [mask]
    if values[0].is_floating_point():
        return [*rules, *(said.rules or [rule for rule in (learn_distribution(values), learn_order(values)) if rule])]
    if values[0].dtype == torch.bool:
        return [*rules, *said.rules]
    # bytes are pixels, which may have any value
    if values[0].dtype != torch.uint8:
        within = learn_within(values, sizes, own, said.bounds)
        rules = [*([within] if within and (not rules or said.bounds) else []), *rules]
    order = learn_order(values)
    return [*rules, *(said.rules or ([order] if order else []))]


def _require_kept(rules: Rules, stated: Mapping[str, str], examples: Sequence[Values]) -> None:
    """The examples themselves are evidence for a rule, or against it."""
    for index, example in enumerate(examples):
        for name, value, mended in zip(rules.names, example, rules.mend(example), strict=True):
            # a sum is only nearly one
            kept = torch.allclose(value, mended, atol=1e-3) if value.is_floating_point() else value.equal(mended)
            if name in stated and not kept:
                raise ExportError(
                    "OPTIONS_INVALID", f"rules[{name!r}]: {stated[name]!r} does not hold in examples[{index}]"
                )


def with_states(rules: Rules, names: Sequence[str], examples: Sequence[Values]) -> Rules:
    """The rules of a model that has got more inputs, its states: they have none.

    Parameters
    ----------
    names, examples : of all inputs, states last
    """
    count = len(names) - len(rules.names)
    make = rules.make

    def with_zeros(sizes: dict[str, int]) -> Sequence[Tensor]:
        assert make
        return (*make(sizes), *(torch.zeros_like(value) for value in examples[0][-count:]))

    return replace(rules, names=names, make=with_zeros if make else None)

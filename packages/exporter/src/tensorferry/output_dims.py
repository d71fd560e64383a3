"""Finds each output dim as an expression over the inputs' dims, and proves it on every replay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .dims import Dim, evaluate

DATA_DEPENDENT = "?"
"""Stands for a size that depends on values: no expression over the inputs' dims can be right."""
# how far up a guess is put to the test
FARTHEST = 128
Observation = tuple[Mapping[str, int], int]
"""Bound input dims of one run, and the size that the output had."""


def print_symbolic(expression: object, names: Mapping[str, str]) -> str | None:
    """A sympy expression of torch.export in the manifest's grammar, or None where the grammar has no word for it.

    Parameters
    ----------
    names : what each of its symbols stands for, as text
    """
    import sympy

    def walk(node: object) -> str | None:
        if isinstance(node, sympy.Integer):
            return str(int(node))
        if isinstance(node, sympy.Symbol):
            return names.get(str(node))
        kind = type(node).__name__
        arguments = [walk(argument) for argument in getattr(node, "args", ())]
        if not arguments or None in arguments:
            return None
        if isinstance(node, sympy.Mul):
            factors = sorted(arguments, key=lambda text: (not text.lstrip("-").isdigit(), text))
            return "*".join(in_parentheses(text) for text in factors)
        if isinstance(node, sympy.Add):
            # constants last: `height - 4`, not `-4 + height`
            terms = sorted(arguments, key=lambda text: (text.lstrip("-").isdigit(), text))
            text = terms[0]
            for term in terms[1:]:
                text += f" - {term[1:]}" if term.startswith("-") else f" + {term}"
            return text
        operator = {"FloorDiv": "//", "CleanDiv": "//", "Mod": "%", "PythonMod": "%"}.get(kind)
        if operator and len(arguments) == 2:
            return operator.join(in_parentheses(text) for text in arguments)
        return None

    return walk(expression)


def in_parentheses(text: str) -> str:
    return text if text.lstrip("-").isalnum() or text.replace("_", "").isalnum() else f"({text})"


def holds(dim: Dim, observations: Sequence[Observation]) -> bool:
    try:
        return all(evaluate(dim, bound) == size for bound, size in observations)
    except (KeyError, ZeroDivisionError):
        return False


def candidates(observations: Sequence[Observation]) -> Iterator[Dim]:
    """Simple expressions, simplest first, that the first two different observations suggest."""
    bound, size = observations[0]
    yield size
    yield from bound
    for name, value in bound.items():
        yield f"{name} {'+' if size > value else '-'} {abs(size - value)}"
        if value and size % value == 0:
            yield f"{size // value}*{name}"
        for divisor in range(2, 65):
            for offset in (0, divisor - 1, -1, 1):
                inner = name if offset == 0 else f"({name} {'+' if offset > 0 else '-'} {abs(offset)})"
                rest = size - (value + offset) // divisor
                if abs(rest) <= 8:
                    tail = "" if rest == 0 else f" {'+' if rest > 0 else '-'} {abs(rest)}"
                    yield f"{inner}//{divisor}{tail}"
        for other, second in bound.items():
            if other != name:
                factor, remainder = divmod(size, value + second)
                if remainder == 0 and factor == 1:
                    yield f"{name} + {other}"
                if value * second == size:
                    yield f"{name}*{other}"
                if value * second and size % (value * second) == 0:
                    yield f"{size // (value * second)}*{name}*{other}"
        for factor in range(2, 17):
            rest = size - factor * value
            yield f"{factor}*{name} {'+' if rest > 0 else '-'} {abs(rest)}"


def find_dim(symbolic: Dim, observations: Sequence[Observation]) -> Dim:
    """The dim that every run agrees with, else None.

    Parameters
    ----------
    symbolic : what torch.export says, tried first
    observations : at least one; without two sizes of a name only torch.export can know
    """
    if symbolic == DATA_DEPENDENT:
        return None
    if symbolic is not None and holds(symbolic, observations):
        return symbolic
    if len({tuple(sorted(bound.items())) for bound, _ in observations}) < 2:
        sizes = {size for _, size in observations}
        # without named dims every run had the same shapes: what changed then depends on values
        return observations[0][1] if not observations[0][0] and len(sizes) == 1 else None
    return next((dim for dim in candidates(observations) if holds(dim, observations)), None)


def turning_points(dim: Dim, bound: Mapping[str, int], steps: Mapping[str, int]) -> list[dict[str, int]]:
    """Sizes around the first and the last place where a division in a dim rounds to another number.

    Parameters
    ----------
    dim : an expression that agrees with what was seen
    bound, steps : size of every name, and what it is a multiple of
    """
    if not isinstance(dim, str) or not ("//" in dim or "%" in dim):
        return []
    points = []
    for name, size in bound.items():
        sizes = [count * steps[name] for count in range(1, max(4 * size, FARTHEST) // steps[name])]
        values = [evaluate(dim, {**bound, name: other}) for other in sizes]
        jumps = [index for index in range(1, len(sizes)) if values[index] != values[index - 1]]
        points += [{name: sizes[at]} for jump in {*jumps[:1], *jumps[-1:]} for at in (jump - 1, jump)]
    return points

"""What a tracer warns of is weighed by replay: whether the line ever goes another way, and whether the file follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .capture_torchscript import TraceWarning, name_warned_lines
from .dims import DimRange
from .errors import ExportError
from .examples import Case, at_sizes, replay_cases, shapes_of
from .python_numbers import numbers_taken
from .replay import Replay
from .request import Request
from .source_place import module_names

# the small sizes of a dim are where most lines part; of larger ones some are tried, each so many times the one before
ALL_BELOW = 16
GROWTH = 1.35
MOST_SIZES = 32


def weigh_warnings(request: Request, replay: Replay, warned: Sequence[TraceWarning]) -> list[str]:
    """Lines that ask for sizes are replayed at many more sizes; lines that ask for values must have gone both ways.

    A line of the second kind takes a number out of a tensor when PyTorch runs the model eagerly; sizes are numbers
    there from the start.

    Returns
    -------
    notes, on what the tracer warned of and what the replay showed

    Raises
    ------
    ExportError
        `CAPTURE_FAILED` for lines that every replayed input passed in the same way, and a replay's own codes.
    """
    seen = _values_seen(request)
    by_value = [warning for warning in warned if _key(warning) in seen]
    unseen = [warning for warning in by_value if len(seen[_key(warning)]) < 2]
    if unseen:
        error = ExportError(
            "CAPTURE_FAILED",
            "the replay agrees, but these lines depend on values and went the same way for every input. Give an "
            "example for which they go the other way; where there is none, capture='trace' accepts it",
        )
        name_warned_lines(error, unseen)
        raise error
    tried = 0
    if len(by_value) < len(warned):
        for case in _more_sizes(request):
            replay.run(case)
            tried += 1
    lines = list(dict.fromkeys(f"{warning.place.file}:{warning.place.line}" for warning in warned))
    shown = ", ".join(lines[:3]) + (f" and {len(lines) - 3} more" if len(lines) > 3 else "")
    where = f" at {tried} more sizes" if tried else ""
    return [f"the tracer warned of {shown}; the file agrees{where}, so what it warned of is harmless there"]


def _key(warning: TraceWarning) -> tuple[str, int]:
    return warning.place.file, warning.place.line


def _values_seen(request: Request) -> dict[tuple[str, int], set[object]]:
    """By line of the model's code, the numbers that it took out of tensors over everything that is replayed."""
    names = module_names(request.model)
    cases, _ = replay_cases(request.cases, request.inputs, request.dims, {}, request.rules, request.variants)
    seen: dict[tuple[str, int], set[object]] = {}
    for case in cases:
        try:
            taken = numbers_taken(request.model, case.inputs, names)
        except Exception:
            # made-up values that PyTorch refuses are no evidence; the replay has noted it
            continue
        for place, value in taken:
            seen.setdefault((place.file, place.line), set()).add(repr(value))
    return seen


def _more_sizes(request: Request) -> Iterator[Case]:
    """The first example at many sizes of each dim, one dim after the other."""
    if "sizes" not in request.variants:
        return
    first = request.cases[0]
    bound = request.dims.bind(shapes_of(first.inputs, request.inputs))
    for dim, size in bound.items():
        wanted = [{dim: other} for other in _spread(request.dims.ranges[dim], size) if other != size]
        yield from at_sizes(first, request.inputs, request.dims, wanted, request.rules)


def _spread(found: DimRange, size: int) -> list[int]:
    step = found.multiple_of
    highest = found.max or max(4 * size, found.min + ALL_BELOW * step)
    sizes = list(range(found.min, min(highest, found.min + ALL_BELOW * step) + 1, step))
    while sizes[-1] < highest and len(sizes) < MOST_SIZES:
        sizes.append(min(highest, max(sizes[-1] + step, int(sizes[-1] * GROWTH) // step * step)))
    return sizes

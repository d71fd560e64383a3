"""Everything that one export replays: examples, variants, prepared pictures, streams; and what dims follow from it."""

from __future__ import annotations

from collections.abc import Mapping

from .dims import Dim
from .examples import Case, at_sizes, shapes_of
from .goldens import run_steps
from .output_dims import find_dim, turning_points
from .progress import Progress
from .replay import Replay
from .request import Request
from .runtimes import WrittenFile

Shapes = list[list[Dim]]

# how many steps above an example's size show what a dim is, and how often a guess is put to the test
ODD_STEPS = (3, 11)
GUESSES = 8


def new_replay(request: Request, file: WrittenFile, below: Mapping[str, int], meter: Progress) -> Replay:
    return Replay(
        request.model, file, request.dims, below, meter, request.rules, request.variants, request.reference.name
    )


def replay_all(request: Request, replay: Replay, knows_dims: bool = True) -> None:
    """Replays everything there is.

    Parameters
    ----------
    knows_dims : whether torch.export says what the output dims are; else they are guessed, from more sizes

    Raises
    ------
    ExportError
    """
    replay.run_all(request.cases)
    if not knows_dims and "sizes" in request.variants:
        _try_guesses(request, replay)
    for raw in request.raw:
        replay.run(Case(raw.name, raw.inputs, is_example=True))
    if request.states:
        for case in request.cases:
            run_steps(request.model, replay.file, case, request.states)


def _try_guesses(request: Request, replay: Replay) -> None:
    """Replays at the sizes where the output dims that the runs so far suggest would be wrong if they were others."""
    first = request.cases[0]
    bound = request.dims.bind(shapes_of(first.inputs, request.inputs))
    steps = {dim: request.dims.ranges[dim].multiple_of for dim in bound}
    wanted = [{dim: size + count * steps[dim]} for dim, size in bound.items() for count in ODD_STEPS]
    tried: list[dict[str, int]] = []
    for _ in range(GUESSES):
        for case in at_sizes(first, request.inputs, request.dims, wanted, request.rules):
            replay.run(case)
        tried += wanted
        guesses = output_shapes(request, replay, [[None] * rank for rank in request.output_ranks])
        found = [sizes for dims in guesses for dim in dims for sizes in turning_points(dim, bound, steps)]
        wanted = [sizes for index, sizes in enumerate(found) if sizes not in tried and sizes not in found[:index]]
        if not wanted:
            return


def output_shapes(request: Request, replay: Replay, symbolic: Shapes) -> Shapes:
    """The output dims that hold in every replay."""
    return [
        [find_dim(dim, replay.axis(name, axis)) for axis, dim in enumerate(dims)]
        for name, dims in zip(request.outputs, symbolic, strict=True)
    ]

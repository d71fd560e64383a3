"""Says which line of the model's code a capture has frozen, and what to do about it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from functools import partial

from torch import Tensor, nn

from .control_flow import Parting, Place, find_parting, is_models_own, owner_of, place_of
from .errors import ExportError
from .examples import Case
from .isolate import run_isolated
from .scripted_parts import scripted_parts

# sizes of a contradicted range at which the lines are looked for
MOST_CASES = 12


def explain_difference(
    error: ExportError, model: nn.Module, scripted: Sequence[str], captured: Sequence[Tensor], case: Case
) -> None:
    """Adds to a replay's error the line at which the differing case parts from the captured example.

    Parameters
    ----------
    scripted : submodules that were scripted: what they do is no trace's fault
    captured : the inputs that the model was captured with
    case : the one that differs
    """
    try:
        parting = run_isolated(partial(_find, model, tuple(scripted), tuple(captured), case))
    except ExportError:
        # it could not be looked for; the replay's own error says the more important thing
        return
    if parting is None:
        error.add(
            f"No line of the model's Python takes another way for {case.name} than for the captured example: an "
            "operator is captured wrongly, or the model asks whether it is being exported"
        )
        return
    is_same_shape = [value.shape for value in captured] == [value.shape for value in case.inputs]
    _add(error, parting, case.name, "values" if is_same_shape else "sizes")


def explain_range(error: ExportError, model: nn.Module, captured: Sequence[Tensor], cases: Iterable[Case]) -> None:
    """Adds to `RANGE_CONTRADICTED` the line that treats one of the declared sizes in another way.

    Parameters
    ----------
    cases : the captured example at other sizes
    """
    with contextlib.suppress(ExportError):
        found = run_isolated(partial(_find_first, model, tuple(captured), list(cases)[:MOST_CASES]))
        if found:
            _add(error, found[1], found[0], "sizes")


def _find(model: nn.Module, scripted: Sequence[str], captured: Sequence[Tensor], case: Case) -> Parting | None:
    with scripted_parts(model, scripted):
        return find_parting(model, captured, case.inputs)


def _find_first(model: nn.Module, captured: Sequence[Tensor], cases: Sequence[Case]) -> tuple[str, Parting] | None:
    for case in cases:
        # PyTorch itself may refuse a size, which the replay says better
        with contextlib.suppress(Exception):
            parting = find_parting(model, captured, case.inputs)
            if parting:
                return case.name, parting
    return None


def _add(error: ExportError, parting: Parting, example: str, cause: str) -> None:
    if parting.kind == "loop":
        what = f"runs another number of times for {example}"
        if parting.seen:
            what = f"runs {parting.seen[1]} times for {example}, {parting.seen[0]} times for the captured example"
    elif parting.kind == "value":
        assert parting.seen is not None
        what = f"makes a Python number of a tensor: {parting.seen[1]} for {example}, {parting.seen[0]} for the captured one"
    else:
        what = f"goes another way for {example} than for the captured example"
    error.add(f"{show(parting.place)} {what}. {_advice(parting, cause)}", example=example, **details_of(parting.place))


def _advice(parting: Parting, cause: str) -> str:
    if parting.kind == "value":
        return "Keep it a tensor"
    name = parting.place.submodule
    script = "move it into a submodule of its own and give that to torch.jit.script"
    if name:
        script = f"script that submodule: model.{name} = torch.jit.script(model.{name})"
    if cause == "values":
        return f"It depends on values: torch.where or torch.cond keeps both ways; or {script}"
    return f"It depends on sizes: narrow the range in `dynamic`, split the model there, or {script}"


def show(place: Place) -> str:
    owner = ""
    if place.type is not None:
        owner = f", in {place.submodule or 'the model itself'} ({place.type})"
    return f"{place.file}:{place.line} (`{place.source}`{owner})"


def details_of(place: Place) -> dict[str, object]:
    return {
        "file": place.file,
        "line": place.line,
        "source": place.source,
        "submodule": place.submodule,
        "submodules": [place.submodule] if place.submodule else [],
    }


def place_in_traceback(error: BaseException, model: nn.Module) -> Place | None:
    """The innermost line of the model's own code that an exception passed through."""
    found, owner = None, None
    trace = error.__traceback__
    while trace:
        frame = trace.tb_frame
        owner = owner_of(frame) or owner
        if is_models_own(frame.f_code.co_filename):
            found = (frame.f_code.co_filename, trace.tb_lineno, owner)
        trace = trace.tb_next
    return None if found is None else place_of(*found, model)

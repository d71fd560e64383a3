"""Says which line of the model's code a capture has frozen, and what to do about it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from .control_flow import Parting, compare_calls, record
from .errors import ExportError
from .examples import Case
from .isolate import run_isolated
from .python_numbers import find_made_of_size, find_taken
from .scripted_parts import scripted_parts
from .source_place import Place, is_models_own, module_names, owner_of, place_of

# sizes of a contradicted range at which the lines are looked for
MOST_CASES = 12


def find_parting(model: nn.Module, first: Sequence[Tensor], second: Sequence[Tensor]) -> Parting | None:
    """The first line at which eager PyTorch takes another way for the second inputs than for the first.

    Where no line parts, the first one that makes another Python number of a tensor or of a size.

    Parameters
    ----------
    first, second : one tensor per input; the model has to run both

    Returns
    -------
    None when there is no such line
    """
    names = module_names(model)
    record(model, first)
    runs = record(model, first), record(model, second)
    return compare_calls(*runs, names) or find_taken(model, first, second, names) or find_made_of_size(*runs, names)


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
        found = run_isolated(partial(_find, model, tuple(scripted), tuple(captured), case))
    except ExportError:
        # it could not be looked for; the replay's own error says the more important thing
        return
    if found:
        _add(error, found[0], case.name, found[1])
    elif "file" not in error.details:
        error.add(
            f"No line of the model's Python takes another way for {case.name} than for the captured example: an "
            "operator is captured wrongly, or the model asks whether it is being exported"
        )


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


def _find(
    model: nn.Module, scripted: Sequence[str], captured: Sequence[Tensor], case: Case
) -> tuple[Parting, str] | None:
    """Where the case parts, and whether its values or its sizes are the cause."""
    with scripted_parts(model, scripted):
        parting = find_parting(model, captured, case.inputs)
        if parting is None:
            return None
        # the captured values at the case's sizes: do they part at the same line?
        cause = "sizes" if _parts_by_size(model, captured, case, parting) else "values"
        return parting, cause


def _parts_by_size(model: nn.Module, captured: Sequence[Tensor], case: Case, parting: Parting) -> bool:
    if [value.shape for value in captured] == [value.shape for value in case.inputs]:
        return False
    resized = [_with_shape(value, other.shape) for value, other in zip(captured, case.inputs, strict=True)]
    with contextlib.suppress(Exception):
        again = find_parting(model, captured, resized)
        return again is not None and again.place == parting.place
    return True


def _with_shape(value: Tensor, shape: Sequence[int]) -> Tensor:
    """The values repeated or cut."""
    for axis, size in enumerate(shape):
        value = value.index_select(axis, torch.arange(size) % value.shape[axis])
    return value


def _find_first(model: nn.Module, captured: Sequence[Tensor], cases: Sequence[Case]) -> tuple[str, Parting] | None:
    names = module_names(model)
    record(model, captured)
    run = record(model, captured)
    for case in cases:
        # PyTorch itself may refuse a size, which the replay says better
        with contextlib.suppress(Exception):
            parting = compare_calls(run, record(model, case.inputs), names)
            if parting:
                return case.name, parting
    return None


def _add(error: ExportError, parting: Parting, example: str, cause: str) -> None:
    if parting.kind == "loop":
        what = f"runs another number of times for {example}"
        if parting.seen:
            what = f"runs {_times(parting.seen[1])} for {example}, {_times(parting.seen[0])} for the captured example"
    elif parting.kind in ("value", "size"):
        what = f"makes numbers of a {'tensor' if parting.kind == 'value' else 'size'}"
        if parting.seen:
            what += f": {parting.seen[1]} for {example}, {parting.seen[0]} for the captured example"
    else:
        what = f"goes another way for {example} than for the captured example"
    details = details_of(parting.place)
    details["submodules"] = sorted({*error.details.get("submodules", ()), *details["submodules"]})
    error.add(f"{show(parting.place)} {what}. {_advice(parting, cause)}", **{**details, "example": example})


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _advice(parting: Parting, cause: str) -> str:
    if parting.kind == "value":
        return "Keep it a tensor"
    if parting.kind == "size":
        cause = "sizes"
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


def details_of(place: Place) -> dict[str, Any]:
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
    return None if found is None else place_of(*found, module_names(model))

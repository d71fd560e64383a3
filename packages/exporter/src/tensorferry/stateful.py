"""Buffers that forward writes to become states: an input and an output of the model, zeros at first."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .call import Wrapper, own_name
from .eager import explain, explain_failure, outputs_of
from .errors import ExportError
from .examples import Case, value_variants
from .goldens import STEPS, step_inputs
from .names import NAME
from .repeatable import equal_results
from .rules import Rules
from .snapshot import Snapshot, owner_of, same
from .tensors import describe, flatten, to_tensor


class BufferStates(Wrapper):
    """`forward(*inputs, *states)` -> `(*results, *states)`: the module with some of its buffers as arguments.

    The module's own buffers stay as they are.
    """

    def __init__(self, model: nn.Module, buffers: Sequence[str]) -> None:
        super().__init__(model)
        self.buffer_names = list(buffers)

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        slots = [owner_of(self.model, name) for name in self.buffer_names]
        inputs, states = values[: -len(slots)], values[-len(slots) :]
        before = [owner._buffers[key] for owner, key in slots]
        try:
            for (owner, key), state in zip(slots, states, strict=True):
                # forward may write into it
                owner._buffers[key] = state.clone()
            result = self.model(*inputs)
            after = [owner._buffers[key] for owner, key in slots]
        finally:
            for (owner, key), value in zip(slots, before, strict=True):
                owner._buffers[key] = value
        return (*(value for _, value in flatten(result)), *after)

    def __prepare_scriptable__(self) -> nn.Module:
        raise ExportError(
            "CAPTURE_FAILED",
            f"torch.jit.script keeps buffers inside the module, and {', '.join(self.buffer_names)} must be arguments; "
            "pass the state to forward and return it",
        )


@dataclass(frozen=True)
class Stateful:
    """A model whose written buffers have become states."""

    model: nn.Module
    cases: list[Case]
    """With values of the states that the model itself came to."""
    states: list[tuple[str, str]]
    note: str


def find_written_buffers(model: nn.Module, inputs: Sequence[str], cases: Sequence[Case], rules: Rules) -> list[str]:
    """Buffers that forward writes to on any example, as it is or at other values. The model stays as it is.

    Parameters
    ----------
    inputs : their names, for messages

    Raises
    ------
    ExportError
        `EXAMPLES_INVALID` where the model refuses an example.
    """
    start = Snapshot(model)
    written: list[str] = []
    for case in cases:
        # without buffers there is nothing to find at other values
        for variant in (case, *(value_variants(case, rules) if start.buffers else ())):
            try:
                outputs_of(model, variant.inputs)
            except ExportError:
                raise
            except Exception as error:
                # made-up values may be refused, an example may not
                if variant.is_example:
                    named = dict(zip(inputs, case.inputs, strict=True))
                    raise explain_failure(model, named, case.name, error) from error
            finally:
                written += start.written_buffers()
                start.restore()
    return list(dict.fromkeys(written))


def states_of_buffers(
    model: nn.Module, buffers: Sequence[str], cases: Sequence[Case], taken: Sequence[str]
) -> Stateful | None:
    """Turns written buffers into states and runs both models step by step: they must be equal, bit by bit.

    Parameters
    ----------
    buffers : what `find_written_buffers` found
    taken : names of the inputs and outputs

    Returns
    -------
    None when the buffers are caches of a size that changes, and the results do not depend on them

    Raises
    ------
    ExportError
        `MODEL_STATEFUL` when zeros are not where they begin, their size changes, or TorchScript holds them.
    """
    start = Snapshot(model)
    try:
        shown = {name: own_name(model, name) for name in buffers}
        resized = _resized(model, buffers, cases, start)
        start.restore()
        if resized:
            if _forgets(model, cases, start):
                return None
            name, before, after = resized
            raise ExportError(
                "MODEL_STATEFUL",
                f"forward() replaces its buffer {shown[name]}, {before}, by {after}; a state keeps its dtype and "
                "shape. Register zeros of the shape that it has while running, or make it an argument of forward and "
                "a result, and name the pair in `states`",
                buffers=[shown[found] for found in buffers],
            )
        for name in buffers:
            _require_zeros_in_python(model, name, shown[name])
        wrapped = BufferStates(model, buffers)
        streamed = [_stream(model, wrapped, case, index, start) for index, case in enumerate(cases)]
    finally:
        start.restore()
    states = [_names(name, taken) for name in shown.values()]
    pairs = ", ".join(f"{before} -> {after}" for before, after in states)
    note = (
        f"forward writes to {'its buffer' if len(buffers) == 1 else 'its buffers'} {', '.join(shown.values())}: each "
        f"is an input and an output now, zeros at first, fed back by stream() ({pairs})"
    )
    return Stateful(wrapped, streamed, states, note)


def _require_zeros_in_python(model: nn.Module, name: str, shown: str) -> None:
    owner, key = owner_of(model, name)
    if isinstance(owner, torch.jit.ScriptModule):
        raise ExportError(
            "MODEL_STATEFUL",
            f"TorchScript code writes to its own buffer {shown}, which nothing outside can set; script a module whose "
            "forward takes the state and returns it, and name the pair in `states`",
            buffers=[shown],
        )
    value = owner._buffers[key]
    if bool((value != 0).any()):
        largest = float(value.to(torch.float64).nan_to_num(nan=float("inf")).abs().max())
        raise ExportError(
            "MODEL_STATEFUL",
            f"forward() writes to its buffer {shown}, and it begins at other values than zeros (up to {largest:.3g}); "
            f"a bundle's states begin at zeros. Was the model run before? Then reset it: model.{shown}.zero_(). Else "
            "keep the difference from the first value in the buffer",
            buffers=[shown],
        )


def _resized(
    model: nn.Module, buffers: Sequence[str], cases: Sequence[Case], start: Snapshot
) -> tuple[str, str, str] | None:
    """The first buffer whose shape or dtype a run changes, with what it was and became."""
    for case in cases:
        start.restore()
        for step in range(STEPS):
            outputs_of(model, step_inputs(case.inputs, step))
            now = dict(model.named_buffers(remove_duplicate=False))
            for name in buffers:
                before = start.buffers[name].content if name in start.buffers else None
                after = now.get(name)
                if before is None or after is None or (before.shape, before.dtype) != (after.shape, after.dtype):
                    return name, describe(before), describe(after)
    return None


def _forgets(model: nn.Module, cases: Sequence[Case], start: Snapshot) -> bool:
    """Whether each example gives the same from the start as after all the others."""
    fresh = []
    for case in cases:
        start.restore()
        fresh.append([value.copy() for value in outputs_of(model, case.inputs)])
    for _ in range(2):
        for case, expected in zip(cases, fresh, strict=True):
            if not equal_results(expected, outputs_of(model, case.inputs)):
                return False
    return True


def _stream(model: nn.Module, wrapped: BufferStates, case: Case, index: int, start: Snapshot) -> Case:
    """The case with states as the model itself has them after some steps; both models must agree on every step."""
    start.restore()
    states = [torch.zeros_like(start.buffers[name].content) for name in wrapped.buffer_names]
    kept = states
    for step in range(STEPS):
        inputs = step_inputs(case.inputs, step)
        try:
            # copies: a result may be the buffer that the next step writes to
            expected = [value.copy() for value in outputs_of(model, inputs)]
            got = outputs_of(wrapped, [*inputs, *states])
        except ExportError:
            raise
        except Exception as error:
            raise ExportError(
                "EXAMPLES_INVALID", f"the model itself fails on example {case.name}, step {step}: {explain(error)}"
            ) from error
        own = [owner_of(model, name) for name in wrapped.buffer_names]
        after = [owner._buffers[key].clone() for owner, key in own]
        count = len(expected)
        states = [to_tensor(value) for value in got[count:]]
        agree = equal_results(expected, got[:count]) and all(map(same, after, states))
        if not agree:
            raise ExportError(
                "MODEL_STATEFUL",
                f"example {case.name}, step {step}: with its buffers as arguments the model gives other results than "
                "by itself, so it keeps more state than them; make all of it buffers, or arguments and results",
            )
        if step <= index:
            kept = states
    return dataclasses.replace(case, inputs=(*case.inputs, *kept))


def _names(buffer: str, taken: Sequence[str]) -> tuple[str, str]:
    """`h` -> (`h`, `h_next`), or others where these are taken."""
    base = buffer if NAME.match(buffer) else f"buffer.{buffer}"
    if base in taken or f"{base}_next" in taken:
        base = f"{base}_state"
    return base, f"{base}_next"

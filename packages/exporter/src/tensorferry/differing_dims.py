"""The dims of a model whose caller names none: those in which the examples differ."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from .eager import outputs_of
from .examples import Case
from .import_dims import find_dims
from .import_inputs import Declared
from .snapshot import unchanged


def differing_dims(
    model: nn.Module, inputs: Sequence[str], cases: Sequence[Case]
) -> tuple[dict[str, dict[int, str]], list[str]]:
    """What `dynamic` is to be, and notes on it; nothing where all examples have the same sizes.

    The model is run at other sizes of each axis that differs, to find the range that it takes.
    """
    shapes = {tuple(value.shape for value in case.inputs) for case in cases}
    if len(shapes) < 2:
        return {}, []

    def accepts(values: tuple[Tensor, ...]) -> Exception | None:
        with unchanged(model):
            try:
                outputs_of(model, values)
            except Exception as error:
                return error
        return None

    declared = [Declared(name, value.dtype, None) for name, value in zip(inputs, cases[0].inputs, strict=True)]
    found = find_dims(declared, [case.inputs for case in cases], {}, accepts, "PyTorch")
    places = [f"{name}: {axes}" for name, axes in found.dynamic.items()]
    return found.dynamic, [
        f"dims are those in which the examples differ ({'; '.join(places)}); `dynamic` says otherwise",
        *found.notes,
    ]

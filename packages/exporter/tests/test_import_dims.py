"""Which sizes a model takes, found by running it at some."""

import pytest
import torch

from tensorferry.dims import DimRange
from tensorferry.import_dims import find_dims, group_axes, own_name, probe_range
from tensorferry.import_inputs import Declared


@pytest.mark.parametrize(
    ("takes", "size", "found"),
    [
        (lambda size: size >= 1, 8, DimRange()),
        (lambda size: size >= 5, 8, DimRange(5)),
        (lambda size: size >= 3, 3, DimRange(3)),
        (lambda size: size <= 512, 8, DimRange(1, 512)),
        (lambda size: 7 <= size <= 77, 9, DimRange(7, 77)),
        (lambda size: size % 32 == 0, 64, DimRange(32, None, 32)),
        (lambda size: size % 16 == 0 and size >= 48, 64, DimRange(48, None, 16)),
        (lambda size: size == 224, 224, None),
        (lambda size: size in (8, 9), 8, DimRange(8, 9)),
    ],
)
def test_a_range(takes, size: int, found: DimRange | None) -> None:
    tried = []

    def runs(other: int) -> bool:
        tried.append(other)
        return takes(other)

    assert probe_range(runs, size, 1024) == found
    assert len(tried) < 30
    assert max(tried) <= 1024


def declared(*shapes: tuple | None) -> list[Declared]:
    return [Declared(name, torch.float32, shape) for name, shape in zip("abcd", shapes, strict=False)]


def example(*shapes: tuple[int, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(torch.zeros(shape) for shape in shapes)


def test_names_of_the_file_are_shared_and_no_name_is_never_equal() -> None:
    found = group_axes(declared(("n", 3, None), ("n", None)), [example((2, 3, 5), (2, 5))])
    assert found == {"n": [("a", 0), ("b", 0)], "a_2": [("a", 2)], "b_1": [("b", 1)]}


def test_a_name_that_the_examples_contradict_is_split() -> None:
    found = group_axes(declared(("n", 3), ("n",)), [example((2, 3), (5,))])
    assert found == {"a_0": [("a", 0)], "b_0": [("b", 0)]}


def test_without_a_declaration_only_what_differs_between_examples_changes() -> None:
    examples = [example((2, 3, 7, 7), (2, 9)), example((4, 3, 5, 5), (4, 9))]
    assert group_axes(declared(None, None), examples) == {
        "batch": [("a", 0), ("b", 0)],
        "a_2": [("a", 2)],
        "a_3": [("a", 3)],
    }


def test_a_declared_dim_that_is_none_is_fixed_and_told() -> None:
    def accepts(inputs):
        return None if inputs[0].shape[1] == 4 else ValueError("expected 4 features\nmore")

    found = find_dims(declared(("n", "m")), [example((2, 4))], {}, accepts, "ort")
    assert found.dynamic == {"a": {0: "n[1:]"}}
    assert found.notes == ["m: written as 4, ort refuses the sizes beside it (expected 4 features)"]


def test_unnamed_axes_that_change_together_share_a_name() -> None:
    def accepts(inputs):
        return None if inputs[0].shape[0] == inputs[1].shape[0] else ValueError("batches differ")

    found = find_dims(declared((None, 3), (None, None)), [example((2, 3), (2, 5))], {}, accepts, "ort")
    assert found.dynamic == {"a": {0: "batch[1:]"}, "b": {0: "batch[1:]", 1: "b_1[1:]"}}


def test_what_the_caller_declares_is_taken_for_every_input_with_that_dim() -> None:
    found = find_dims(
        declared(("n", 3), ("n",)), [example((2, 3), (2,))], {"a": {0: "batch[1:64]"}}, lambda _: None, "ort"
    )
    assert found.dynamic == {"a": {0: "batch[1:64]"}, "b": {0: "batch"}}


def test_a_name_from_an_input() -> None:
    assert own_name("pixel_values", 2) == "pixel_values_2"
    assert own_name("3d.x", 0) == "input_3d_x_0"

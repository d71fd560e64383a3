"""What every kind of imported model file has: a module that runs the given file, and what it declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from .dims import DimRange, DynamicDims, parse_declaration
from .eager import explain_failure, outputs_of
from .errors import ExportError
from .examples import Case, resized
from .import_dims import FoundDims, find_dims, group_axes
from .import_inputs import HIGHEST_INDEX, Declared, Inputs, bind_by_name, first_example, make_inputs
from .prove import Prove
from .reference import Reference

Example = Sequence[Tensor] | Mapping[str, Tensor]


@dataclass
class ImportedModel:
    """A model file, opened by the runtime that reads it."""

    model: nn.Module
    """Runs the given file."""
    inputs: list[Declared]
    outputs: list[str] | None
    """None: the module gives a dict, or the caller names them."""
    reference: Reference
    content: bytes
    """Of the file, with its weights inside."""
    prove: Prove
    """Writes and replays the bundle's model file."""
    notes: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [found.name for found in self.inputs]

    def accepts(self, inputs: Inputs) -> Exception | None:
        """What the model fails with on these inputs; None when it runs."""
        try:
            outputs_of(self.model, inputs)
        except Exception as error:
            return error
        return None


def read_given(examples: Sequence[Example], names: Sequence[str]) -> list[Inputs]:
    """Tuples in the inputs' order; an example may be a mapping by name."""
    found = []
    for index, example in enumerate(examples):
        if isinstance(example, Mapping):
            found.append(bind_by_name(example, names, f"examples[{index}]"))
        elif isinstance(example, (tuple, list)) and len(example) == len(names):
            found.append(tuple(example))
        else:
            raise ExportError(
                "EXAMPLES_INVALID",
                f"examples[{index}]: expected a tensor for each of {', '.join(names)}, as a tuple or by name",
            )
    if any(not isinstance(value, Tensor) for example in found for value in example):
        raise ExportError("EXAMPLES_INVALID", "examples: expected tensors; torch.from_numpy(array) makes one")
    return found


def complete_examples(
    opened: ImportedModel, given: Sequence[Inputs], dynamic: Mapping[str, Mapping[int, str]], edge: int | None
) -> tuple[list[Inputs], FoundDims]:
    """At least two examples, and the dims that the model really takes.

    Parameters
    ----------
    given : what the caller has; none are made up, and one gets a second of other sizes
    dynamic : what the caller declares
    edge : of pictures, where something says it
    """
    examples = [tuple(value.contiguous() for value in example) for example in given]
    is_made = not examples
    if is_made:
        examples = [first_example(opened.inputs, opened.accepts, edge)]
        opened.notes.append("the inputs are generated; --examples takes real ones, which prove more")
    refused = opened.accepts(examples[0])
    if refused is not None:
        raise explain_failure(opened.model, dict(zip(opened.names, examples[0], strict=True)), "0", refused)
    if not dynamic and all(found.shape is None for found in opened.inputs) and not group_axes(opened.inputs, examples):
        opened.notes.append(
            f"no size may change: all examples have the same; --dynamic {opened.names[0]}:0=batch or examples of other "
            "sizes say otherwise"
        )
    found = find_dims(opened.inputs, examples, dynamic, opened.accepts, opened.reference.name)
    if len(examples) == 1:
        examples.append(_second(opened, examples[0], found, is_made))
    return examples, found


def _second(opened: ImportedModel, first: Inputs, found: FoundDims, is_made: bool) -> Inputs:
    """Another size of every dim that may change, and other values."""
    axes: dict[str, dict[int, str]] = {}
    ranges: dict[str, DimRange] = {}
    for name, places in found.dynamic.items():
        for axis, text in places.items():
            dim, declared = parse_declaration(text, "dynamic")
            axes.setdefault(name, {})[axis] = dim
            ranges[dim] = declared or ranges.get(dim, DimRange())
    dims = DynamicDims(ranges, axes)
    bound = dims_of(axes, opened.names, first)
    wanted = {}
    for dim, size in bound.items():
        step = ranges[dim].multiple_of
        wanted[dim] = size + step if ranges[dim].holds(size + step) else size - step
    for sizes in (wanted, *({dim: size} for dim, size in wanted.items()), {}):
        example = resized(Case("", first), opened.names, dims, sizes)
        if is_made:
            shapes = {
                (name, axis): size
                for name, value in zip(opened.names, example, strict=True)
                for axis, size in enumerate(value.shape)
            }
            for highest in HIGHEST_INDEX:
                made = make_inputs(opened.inputs, shapes, seed=1, highest=highest)
                if opened.accepts(made) is None:
                    return made
        turned = tuple(torch.roll(value.flatten(), 1).reshape(value.shape) for value in example)
        if opened.accepts(turned) is None:
            return turned
    return first


def dims_of(axes: Mapping[str, Mapping[int, str]], names: Sequence[str], inputs: Inputs) -> dict[str, int]:
    return {dim: inputs[names.index(name)].shape[axis] for name, places in axes.items() for axis, dim in places.items()}

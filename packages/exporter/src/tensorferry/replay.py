"""Runs the written file beside eager PyTorch, on examples and variants, and refuses what differs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from torch import nn

from .dims import DynamicDims
from .eager import Float64, explain, explain_failure, outputs_of
from .errors import ExportError
from .examples import Case, shapes_of, size_variants, value_variants
from .isolate import first_lines
from .output_dims import Observation
from .progress import Progress
from .runtimes import WrittenFile
from .tensors import TOLERANCES, compare, describe

# a model whose float32 is further off than this from its float64 proves nothing
LARGEST_ALLOWANCE = (1e-3, 1e-2)


class Replay:
    """Collects what the runs of one export have shown.

    Attributes
    ----------
    cases : how many were replayed
    max_abs : the largest absolute difference of any of them
    notes : what could not be replayed, for the report
    observations : for every output and axis the sizes seen, to find its dims
    """

    def __init__(
        self, model: nn.Module, file: WrittenFile, dims: DynamicDims, below: Mapping[str, int], progress: Progress
    ) -> None:
        self.model, self.file, self.dims, self.progress = model, file, dims, progress
        self.below = below
        self.precise = Float64(model)
        self.cases = 0
        self.max_abs = 0.0
        self.notes: list[str] = []
        self.nan: dict[str, tuple[str, str, int]] = {}
        self.observations: dict[str, list[tuple[dict[str, int], tuple[int, ...]]]] = {}

    def run_all(self, examples: Sequence[Case]) -> None:
        """Every example, then every example at other values, then the first at other sizes."""
        self.notes.clear()
        self.nan.clear()
        sizes, skipped = size_variants(examples[0], self.file.inputs, self.dims, self.below)
        self.notes += skipped
        values = [variant for example in examples for variant in value_variants(example)]
        total = len(examples) + len(sizes) + len(values)
        for index, case in enumerate([*examples, *sizes, *values]):
            self.progress.show(f"replay in {self.file.runtime}", index + 1, total)
            self.run(case)

    def run(self, case: Case) -> list[np.ndarray] | None:
        """Replays one case and returns PyTorch's outputs; None when PyTorch itself refuses the values.

        Raises
        ------
        ExportError
            `RANGE_CONTRADICTED`, `RUNTIME_REFUSED`, `REPLAY_MISMATCH`.
        """
        try:
            expected = outputs_of(self.model, case.inputs)
        except ExportError:
            raise
        except Exception as error:
            return self._refused_by_eager(case, error)
        shown = ", ".join(f"{name}: {describe(v)}" for name, v in zip(self.file.inputs, case.inputs, strict=True))
        try:
            got = self.file.run(case.inputs)
        except Exception as error:
            raise ExportError(
                "RUNTIME_REFUSED",
                f"example {case.name} ({shown}): PyTorch runs it, {self.file.runtime} does not: {explain(error)}",
            ) from error
        if len(expected) != len(got):
            raise ExportError(
                "REPLAY_MISMATCH",
                f"example {case.name}: PyTorch gives {len(expected)} results, the written model {len(got)}",
            )
        errors: list[float] | None = None
        for index, (name, a, b) in enumerate(zip(self.file.outputs, expected, got, strict=True)):
            dtype = str(a.dtype)
            difference = compare(a, b, dtype)
            if not difference.agrees and a.dtype == np.float32 and a.shape == b.shape:
                errors = errors or self.precise.error(case.inputs, expected)
                difference = compare(a, b, dtype, allowance(errors[index], a))
            if not difference.agrees:
                atol, rtol = TOLERANCES.get(dtype, (0.0, 0.0))
                raise ExportError(
                    "REPLAY_MISMATCH",
                    f"example {case.name} ({shown}), {name}: the written model differs from PyTorch: "
                    f"{difference.summary} (tolerance {atol:g} + {rtol:g} * |expected|). "
                    "Something was frozen while capturing, or the model has no stable answer there",
                    example=case.name,
                    output=name,
                    max_abs=difference.max_abs,
                )
            self.max_abs = max(self.max_abs, difference.max_abs)
            if a.dtype.kind == "f" and np.isnan(a).any():
                self._note_nan(name, case, float(np.isnan(a).mean()))
        self.cases += 1
        bound = self.dims.bind(shapes_of(case.inputs, self.file.inputs))
        for name, value in zip(self.file.outputs, expected, strict=True):
            self.observations.setdefault(name, []).append((bound, tuple(value.shape)))
        return expected

    def _refused_by_eager(self, case: Case, error: Exception) -> None:
        if case.is_example:
            named = dict(zip(self.file.inputs, case.inputs, strict=True))
            raise explain_failure(self.model, named, case.name, error) from error
        if case.bound:
            raise ExportError(
                "RANGE_CONTRADICTED",
                f"{case.name}: PyTorch itself fails there: {explain(error)}; narrow the range in `dynamic`"
                f"{self._narrower(case)}",
                dims=dict(case.bound),
            ) from error
        reason = first_lines(str(error), 120).splitlines()[0] if str(error) else ""
        self.notes.append(
            f"{case.name}: not replayed, PyTorch itself refuses these values ({type(error).__name__}: {reason})"
        )

    def _narrower(self, case: Case) -> str:
        """The next range to try, where one dim is too small."""
        if len(case.bound) != 1:
            return ""
        ((dim, size),) = case.bound
        declared = self.dims.ranges[dim]
        if size != declared.min:
            return ""
        return f', to "{dim}{dataclasses.replace(declared, min=size + declared.multiple_of)}" or less'

    def _note_nan(self, output: str, case: Case, share: float) -> None:
        """One note for each output, on the first case and how many more there are."""
        first, text, more = self.nan.get(output, ("", "", -1))
        if text in self.notes:
            self.notes.remove(text)
        first = first or f"{case.name} ({share:.0%} of the elements)"
        others = f" and on {more + 1} more" if more >= 0 else ""
        text = f"{output}: PyTorch itself gives NaN on {first}{others}; the file gives NaN at the same places"
        self.nan[output] = (first, text, more + 1)
        self.notes.append(text)

    def axis(self, output: str, axis: int) -> list[Observation]:
        """What was seen of one output's axis."""
        return [(bound, shape[axis]) for bound, shape in self.observations[output]]


def allowance(error: float, expected: np.ndarray) -> float:
    """Ten times the difference between float32 and float64, with an end to it."""
    finite = np.abs(expected[np.isfinite(expected)])
    atol, rtol = LARGEST_ALLOWANCE
    return min(10 * error, atol + rtol * float(finite.max(initial=0.0)))

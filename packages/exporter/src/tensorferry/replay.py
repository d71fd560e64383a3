"""Runs the written file beside eager PyTorch, on examples and variants, and refuses what differs."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from torch import nn

from .dims import DynamicDims
from .eager import Float64, explain, explain_failure, outputs_of
from .errors import ExportError
from .examples import VARIANTS, Case, replay_cases, shapes_of
from .isolate import first_lines
from .made_up import say_made_up
from .output_dims import Observation
from .progress import Progress
from .rules import Rules
from .runtimes import WrittenFile
from .tensors import TOLERANCES, compare, describe, far_elements, is_floating
from .unpromised import unpromised

# a model whose float32 is further off than this from its float64 proves nothing
LARGEST_ALLOWANCE = (1e-3, 1e-2)


class Replay:
    """Collects what the runs of one export have shown.

    Attributes
    ----------
    cases : how many were replayed
    max_abs : the largest absolute difference of any of them
    notes : what could not be replayed, for the report
    differing : the case on which the file failed or gave another answer
    observations : for every output and axis the sizes seen, to find its dims
    """

    def __init__(
        self,
        model: nn.Module,
        file: WrittenFile,
        dims: DynamicDims,
        below: Mapping[str, int],
        progress: Progress,
        rules: Rules,
        variants: Collection[str] = VARIANTS,
        reference: str = "PyTorch",
    ) -> None:
        self.model, self.file, self.dims, self.progress = model, file, dims, progress
        self.rules, self.variants = rules, variants
        self.reference = reference
        self.below = below
        self.precise = Float64(model)
        self.cases = 0
        self.max_abs = 0.0
        self.differing: Case | None = None
        self.notes: list[str] = []
        self.nan: dict[str, tuple[str, str, int]] = {}
        self.observations: dict[str, list[tuple[dict[str, int], tuple[int, ...]]]] = {}

    def run_all(self, examples: Sequence[Case]) -> None:
        """Every example, then every example at other values, then the first at other sizes."""
        self.notes.clear()
        self.nan.clear()
        cases, skipped = replay_cases(examples, self.file.inputs, self.dims, self.below, self.rules, self.variants)
        self.notes += skipped
        for index, case in enumerate(cases):
            self.progress.show(f"replay in {self.file.runtime}", index + 1, len(cases))
            self.run(case)

    def run(self, case: Case) -> list[np.ndarray] | None:
        """Replays one case and returns PyTorch's outputs; None when PyTorch itself refuses the values.

        Raises
        ------
        ExportError
            `RANGE_CONTRADICTED`, `RUNTIME_REFUSED`, `REPLAY_MISMATCH`; `details["made_up"]` where it rests on an input
            that is no example.
        """
        try:
            return self._run(case)
        except ExportError as error:
            if not case.is_example:
                say_made_up(error, self.file.inputs, case.inputs)
            raise

    def _run(self, case: Case) -> list[np.ndarray] | None:
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
            self.differing = case
            raise ExportError(
                "RUNTIME_REFUSED",
                f"example {case.name} ({shown}): {self.reference} runs it, {self.file.runtime} does not: "
                f"{explain(error)}",
                example=case.name,
            ) from error
        if len(expected) != len(got):
            self.differing = case
            raise ExportError(
                "REPLAY_MISMATCH",
                f"example {case.name}: {self.reference} gives {len(expected)} results, the written model {len(got)}",
                example=case.name,
            )
        errors: list[float] | None = None
        left_out: list[np.ndarray] | None = None
        for index, (name, a, b) in enumerate(zip(self.file.outputs, expected, got, strict=True)):
            dtype = str(a.dtype)
            difference = compare(a, b, dtype)
            if not difference.agrees and a.dtype == np.float32 and a.shape == b.shape:
                errors = errors or self.precise.error(case.inputs, expected)
                difference = compare(a, b, dtype, allowance(errors[index], a))
            if not difference.agrees and not case.is_example:
                left_out = left_out or self._unpromised(case, expected, got)
                if left_out:
                    a, b = a[~left_out[index]], b[~left_out[index]]
                    difference = compare(a, b, dtype)
            if not difference.agrees:
                self.differing = case
                atol, rtol = TOLERANCES.get(dtype, (0.0, 0.0))
                raise ExportError(
                    "REPLAY_MISMATCH",
                    f"example {case.name} ({shown}), {name}: the written model differs from {self.reference}: "
                    f"{difference.summary} (tolerance {atol:g} + {rtol:g} * |expected|). {self._why(a, b)}",
                    example=case.name,
                    output=name,
                    max_abs=difference.max_abs,
                )
            self.max_abs = max(self.max_abs, difference.max_abs)
            if is_floating(a) and np.isnan(a).any():
                self._note_nan(name, case, float(np.isnan(a).mean()))
        self.cases += 1
        bound = self.dims.bind(shapes_of(case.inputs, self.file.inputs))
        for name, value in zip(self.file.outputs, expected, strict=True):
            self.observations.setdefault(name, []).append((bound, tuple(value.shape)))
        return expected

    def _unpromised(
        self, case: Case, expected: Sequence[np.ndarray], got: Sequence[np.ndarray]
    ) -> list[np.ndarray] | None:
        """For each output the elements that differ, where PyTorch promises none of them; None where it does."""
        if any(a.shape != b.shape or a.dtype != b.dtype for a, b in zip(expected, got, strict=True)):
            return None
        errors = self.precise.error(case.inputs, expected)
        far = [
            far_elements(a, b, allowance(error, a) if a.dtype == np.float32 else 0.0)
            for a, b, error in zip(expected, got, errors, strict=True)
        ]
        is_so, reason = unpromised(self.model, case.inputs, expected, far)
        if not is_so:
            return None
        counts = [
            f"{int(one.sum())} of {one.size} elements of {name}"
            for name, one in zip(self.file.outputs, far, strict=True)
            if one.any()
        ]
        self.notes.append(
            f"{case.name}: {', '.join(counts)} left out of the comparison: {self.reference}'s own answer hangs on "
            f"{reason} there, and another runtime may give another"
        )
        return far

    def _why(self, expected: np.ndarray, got: np.ndarray) -> str:
        if expected.shape == got.shape and is_floating(expected) and (np.isnan(expected) & ~np.isnan(got)).any():
            return (
                f"{self.reference} gives NaN there, which no other runtime has to give too: let the model give a "
                "number, such as by clamp(min=1) before a division by a count"
            )
        return "Something was frozen while capturing, or the model has no stable answer there"

    def _refused_by_eager(self, case: Case, error: Exception) -> None:
        if case.is_example:
            named = dict(zip(self.file.inputs, case.inputs, strict=True))
            raise explain_failure(self.model, named, case.name, error) from error
        if case.bound:
            raise ExportError(
                "RANGE_CONTRADICTED",
                f"{case.name}: {self.reference} itself fails there: {explain(error)}; narrow the range in `dynamic`"
                f"{self._narrower(case)}",
                dims=dict(case.bound),
            ) from error
        reason = first_lines(str(error), 120).splitlines()[0] if str(error) else ""
        self.notes.append(
            f"{case.name}: not replayed, {self.reference} itself refuses these values ({type(error).__name__}: "
            f"{reason})"
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
        text = f"{output}: {self.reference} itself gives NaN on {first}{others}; the file gives NaN at the same places"
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

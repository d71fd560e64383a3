"""The numbers a backend must reproduce, as one safetensors file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import torch
from torch import Tensor, nn

from .eager import outputs_of
from .errors import ExportError
from .examples import Case
from .pipeline import RawCase
from .replay import Replay, allowance
from .runtimes import WrittenFile
from .tensors import TOLERANCES, compare, to_numpy

STEPS = 3
# bytes of the goldens: a note above the first, a refusal above the second
LARGE_GOLDENS = 10_000_000
LARGEST_GOLDENS = 200_000_000


@dataclass
class Goldens:
    """Tensors by key (`CASE/inputs.NAME`), and the manifest's entries of the cases."""

    tensors: dict[str, np.ndarray] = field(default_factory=dict)
    cases: list[dict[str, Any]] = field(default_factory=list)
    raised: dict[str, float] = field(default_factory=dict)
    """Absolute tolerance by dtype, where float32 itself is further off than usual."""

    def add(self, prefix: str, part: str, names: Sequence[str], values: Sequence[np.ndarray]) -> None:
        for name, value in zip(names, values, strict=True):
            self.tensors[f"{prefix}/{part}.{name}"] = np.ascontiguousarray(value)

    def add_example(self, case: Case, replay: Replay) -> None:
        outputs = outputs_of(replay.model, case.inputs)
        self.add(case.name, "inputs", replay.file.inputs, [to_numpy(value) for value in case.inputs])
        self.add(case.name, "outputs", replay.file.outputs, outputs)
        self.cases.append({"name": case.name})
        self._raise_tolerance(replay, case.inputs, outputs)

    def add_raw(
        self, raw: RawCase, replay: Replay, outputs: Sequence[np.ndarray], results: Mapping[str, np.ndarray]
    ) -> None:
        """A picture with all its stages; the manifest's entry still lacks the file's size and hash."""
        self.tensors[f"{raw.name}/decoded"] = np.ascontiguousarray(raw.decoded)
        self.add(raw.name, "inputs", replay.file.inputs, [to_numpy(raw.input)])
        self.add(raw.name, "outputs", replay.file.outputs, outputs)
        for key, value in results.items():
            self.tensors[f"{raw.name}/{key}"] = np.ascontiguousarray(value)
        stages = ["decoded", "inputs", "outputs", *(["result"] if results else [])]
        self.cases.append({"name": raw.name, "raw": raw.file_name, "stages": stages})
        self._raise_tolerance(replay, [raw.input], outputs)

    def add_steps(self, case: Case, replay: Replay, states: Sequence[tuple[str, str]]) -> None:
        """Three runs in a row from zeros, states fed back: keys `CASE/STEP/…`, state inputs are not stored."""
        names = replay.file.inputs
        state_inputs = {name for name, _ in states}
        for step, (fed, outputs) in enumerate(run_steps(replay.model, replay.file, case, states)):
            given = [
                (name, to_numpy(value)) for name, value in zip(names, fed, strict=True) if name not in state_inputs
            ]
            self.add(f"{case.name}/{step}", "inputs", [name for name, _ in given], [value for _, value in given])
            self.add(f"{case.name}/{step}", "outputs", replay.file.outputs, outputs)
            self._raise_tolerance(replay, fed, outputs)
        self.cases.append({"name": case.name, "steps": STEPS})

    def _raise_tolerance(self, replay: Replay, inputs: Sequence[Tensor], outputs: Sequence[np.ndarray]) -> None:
        for error, value in zip(replay.precise.error(inputs, outputs), outputs, strict=True):
            if value.dtype == np.float32:
                needed = allowance(error, value)
                if needed > max(TOLERANCES["float32"][0], self.raised.get("float32", 0.0)):
                    self.raised["float32"] = round_up(needed)

    def tolerance(self, dtypes: Sequence[str]) -> dict[str, dict[str, float]]:
        found = {}
        for dtype in sorted(set(dtypes) & set(TOLERANCES)):
            atol, rtol = TOLERANCES[dtype]
            found[dtype] = {"atol": self.raised.get(dtype, atol), "rtol": rtol}
        return found

    def content(self) -> bytes:
        """The file. safetensors orders its entries by dtype and name: the same tensors give the same bytes.

        Raises
        ------
        ExportError
            `EXAMPLES_INVALID` when it would be larger than `LARGEST_GOLDENS`.
        """
        by_case: dict[str, int] = {}
        for key, value in self.tensors.items():
            case = key.split("/")[0]
            by_case[case] = by_case.get(case, 0) + value.nbytes
        require_small(by_case)
        return safetensors.numpy.save(dict(sorted(self.tensors.items())))


def run_steps(
    model: nn.Module, file: WrittenFile, case: Case, states: Sequence[tuple[str, str]]
) -> list[tuple[list[Tensor], list[np.ndarray]]]:
    """Runs PyTorch and the written file step by step from zeros and compares each step.

    Returns
    -------
    for each step the inputs, states included, and PyTorch's outputs
    """
    state_inputs = dict(states)
    state = {
        name: torch.zeros_like(value)
        for name, value in zip(file.inputs, case.inputs, strict=True)
        if name in state_inputs
    }
    runtime_state = dict(state)
    steps = []
    for step in range(STEPS):
        # other values at every step, all of them the example's own
        turned = [torch.roll(value.flatten(), step).reshape(value.shape) for value in case.inputs]
        fed = [state.get(name, value) for name, value in zip(file.inputs, turned, strict=True)]
        outputs = outputs_of(model, fed)
        got = file.run([runtime_state.get(name, value) for name, value in zip(file.inputs, turned, strict=True)])
        for name, a, b in zip(file.outputs, outputs, got, strict=True):
            difference = compare(a, b, str(a.dtype))
            if not difference.agrees:
                raise ExportError("REPLAY_MISMATCH", f"example {case.name}, step {step}, {name}: {difference.summary}")
        steps.append((fed, outputs))
        for name, output in states:
            index = file.outputs.index(output)
            state[name], runtime_state[name] = (
                torch.from_numpy(outputs[index].copy()),
                torch.from_numpy(got[index].copy()),
            )
    return steps


def require_small(by_case: Mapping[str, int]) -> None:
    """Refuses goldens that nobody wants to download.

    Parameters
    ----------
    by_case : bytes of each case's tensors
    """
    size = sum(by_case.values())
    if size > LARGEST_GOLDENS:
        largest = max(by_case, key=lambda case: by_case[case])
        raise ExportError(
            "EXAMPLES_INVALID",
            f"the goldens would take {size / 1e6:.0f} MB, {by_case[largest] / 1e6:.0f} of them for {largest}; at "
            f"most {LARGEST_GOLDENS / 1e6:.0f} MB are written. Give smaller examples and pictures: they prove as much",
            case=largest,
            size=size,
        )


def large_files(folder: Path) -> list[str]:
    """A note where the goldens in `folder` are worth a thought."""
    size = sum(path.stat().st_size for path in folder.glob("goldens.*"))
    if size <= LARGE_GOLDENS:
        return []
    return [f"the goldens take {size / 1e6:.1f} MB; smaller examples and pictures prove as much"]


def round_up(value: float) -> float:
    """To one significant digit: 0.00012 -> 0.0002."""
    digits = -math.floor(math.log10(value))
    return round(math.ceil(value * 10**digits) / 10**digits, digits + 1)

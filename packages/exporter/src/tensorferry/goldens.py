"""The numbers a backend must reproduce, as one safetensors file."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
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
from .goldens_size import require_small
from .raw_cases import RawCase
from .replay import Replay, allowance
from .runtimes import WrittenFile
from .tensors import TOLERANCES, compare, to_numpy, to_tensor

STEPS = 3
Postprocess = Callable[[Sequence[np.ndarray], dict[str, np.ndarray]], dict[str, np.ndarray]]
"""The result's arrays of a model's outputs and of what the preprocessing put aside."""
# bytes above which a note is worth it
LARGE_GOLDENS = 10_000_000


@dataclass
class Goldens:
    """Tensors by key (`CASE/inputs.NAME`), and the manifest's entries of the cases."""

    tensors: dict[str, np.ndarray] = field(default_factory=dict)
    cases: list[dict[str, Any]] = field(default_factory=list)
    raised: dict[str, float] = field(default_factory=dict)
    """Absolute tolerance by dtype, where float32 itself is further off than usual."""
    measured: dict[str, float] = field(default_factory=dict)
    """By output, how far PyTorch's result is at most from the same model in float64."""

    def add(self, prefix: str, part: str, names: Sequence[str], values: Sequence[np.ndarray]) -> None:
        for name, value in zip(names, values, strict=True):
            # not ascontiguousarray: it makes a scalar a list of one
            self.tensors[f"{prefix}/{part}.{name}"] = np.asarray(value, order="C")

    def add_example(self, case: Case, replay: Replay, postprocess: Postprocess | None = None) -> None:
        """One example; where a model without pictures has a postprocess, with its result."""
        outputs = outputs_of(replay.model, case.inputs)
        self.add(case.name, "inputs", replay.file.inputs, [to_numpy(value) for value in case.inputs])
        self.add(case.name, "outputs", replay.file.outputs, outputs)
        results = postprocess(outputs, {}) if postprocess else {}
        self._add_results(case.name, results)
        stages = {"stages": ["inputs", "outputs", "result"]} if results else {}
        self.cases.append({"name": case.name, **stages})
        self._raise_tolerance(replay, case.inputs, outputs)

    def add_raw(self, raw: RawCase, replay: Replay, postprocess: Postprocess) -> None:
        """Pictures with all their stages; the manifest's entry still lacks the files' sizes and hashes."""
        outputs = outputs_of(replay.model, raw.inputs)
        for name, picture in raw.pictures.items():
            key = f"{raw.name}/decoded" if raw.is_alone else f"{raw.name}/decoded.{name}"
            self.tensors[key] = np.asarray(picture.decoded, order="C")
        self.add(raw.name, "inputs", replay.file.inputs, [to_numpy(value) for value in raw.inputs])
        self.add(raw.name, "outputs", replay.file.outputs, outputs)
        results = postprocess(outputs, raw.context)
        self._add_results(raw.name, results)
        stages = ["decoded", "inputs", "outputs", *(["result"] if results else [])]
        files = {name: picture.file_name for name, picture in raw.pictures.items()}
        pictures = {"raw": next(iter(files.values()))} if raw.is_alone else {"raws": files}
        self.cases.append({"name": raw.name, **pictures, "stages": stages})
        self._raise_tolerance(replay, raw.inputs, outputs)

    def _add_results(self, case: str, results: Mapping[str, np.ndarray]) -> None:
        for key, value in results.items():
            self.tensors[f"{case}/{key}"] = np.asarray(value, order="C")

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
        errors = replay.precise.error(inputs, outputs)
        for name, error, value in zip(replay.file.outputs, errors, outputs, strict=True):
            self.measured[name] = max(error, self.measured.get(name, 0.0))
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


def step_inputs(inputs: Sequence[Tensor], step: int) -> list[Tensor]:
    """Other values at every step, all of them the example's own."""
    return [torch.roll(value.flatten(), step).reshape(value.shape) for value in inputs]


def _require_agreement(where: str, name: str, expected: np.ndarray, got: np.ndarray) -> None:
    difference = compare(expected, got, str(expected.dtype))
    if not difference.agrees:
        raise ExportError("REPLAY_MISMATCH", f"{where}, {name}: {difference.summary}")


def run_steps(
    model: nn.Module,
    file: WrittenFile,
    case: Case,
    states: Sequence[tuple[str, str]],
    on_result: Callable[[str, str, np.ndarray, np.ndarray], None] = _require_agreement,
) -> list[tuple[list[Tensor], list[np.ndarray]]]:
    """Runs PyTorch and the written file step by step from zeros and compares each step.

    Parameters
    ----------
    on_result : told of each output: where, its name, PyTorch's and the file's; by default it raises where they differ

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
        turned = step_inputs(case.inputs, step)
        fed = [state.get(name, value) for name, value in zip(file.inputs, turned, strict=True)]
        outputs = outputs_of(model, fed)
        got = file.run([runtime_state.get(name, value) for name, value in zip(file.inputs, turned, strict=True)])
        for name, a, b in zip(file.outputs, outputs, got, strict=True):
            on_result(f"example {case.name}, step {step}", name, a, b)
        steps.append((fed, outputs))
        for name, output in states:
            index = file.outputs.index(output)
            state[name], runtime_state[name] = to_tensor(outputs[index]), to_tensor(got[index])
    return steps


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

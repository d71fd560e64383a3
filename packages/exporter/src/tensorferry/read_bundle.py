"""A bundle on disk, whole and replayable."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from .errors import ExportError
from .fit_text import find_unfit, parse_json
from .manifest import SCHEMA
from .tensors import TOLERANCES, compare, to_numpy, to_tensor

Run = Callable[[Sequence[Tensor]], Sequence[np.ndarray]]


@dataclass(frozen=True)
class Bundle:
    """A bundle whose listed files have been read by their size and hash."""

    folder: Path
    manifest: Mapping[str, Any]

    @staticmethod
    def open(folder: Path) -> Bundle:
        """Raises
        ------
        ExportError
            `BUNDLE_INVALID` when there is no manifest, or one of another form.
        """
        path = folder / "bundle.json"
        try:
            manifest = parse_json(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ExportError(
                "BUNDLE_INVALID", f"{folder}: expected a folder with a bundle.json ({error.strerror})"
            ) from error
        except ValueError as error:
            raise ExportError("BUNDLE_INVALID", f"{path}: not JSON ({error})") from error
        schema = manifest.get("schema") if isinstance(manifest, dict) else None
        if schema != SCHEMA:
            raise ExportError("BUNDLE_INVALID", f"{path}: expected schema {SCHEMA!r}, got {schema!r}")
        if problem := find_unfit(manifest):
            raise ExportError("BUNDLE_INVALID", f"{path}: {problem}")
        return Bundle(folder, manifest)

    @property
    def inputs(self) -> list[str]:
        return [spec["name"] for spec in self.manifest["inputs"]]

    @property
    def outputs(self) -> list[str]:
        return [spec["name"] for spec in self.manifest["outputs"]]

    def read(self, entry: Mapping[str, Any]) -> bytes:
        """A listed file.

        Raises
        ------
        ExportError
            `BUNDLE_INVALID` when it is absent or another than the listed one.
        """
        path = self.folder / entry["path"]
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise ExportError("BUNDLE_INVALID", f"{entry['path']}: leads out of the bundle")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ExportError("BUNDLE_INVALID", f"{path}: {error.strerror}") from error
        found = hashlib.sha256(content).hexdigest()
        if found != entry["sha256"]:
            raise ExportError(
                "BUNDLE_INVALID",
                f"{path}: expected {entry['size']} bytes with sha256 {entry['sha256']}, got {len(content)} bytes with "
                f"{found}; copy or export the bundle again",
            )
        return content

    def find_file(self, path: str) -> Mapping[str, Any]:
        """The entry of a file that an artifact or the program lists."""
        models = [*self.manifest["artifacts"], *([self.manifest["program"]] if "program" in self.manifest else [])]
        found = [entry for model in models for entry in model["files"] if entry["path"] == path]
        if not found:
            raise ExportError("BUNDLE_INVALID", f"{path}: no file of the bundle")
        return found[0]

    def goldens(self) -> Goldens:
        """Raises
        ------
        ExportError
            `BUNDLE_INVALID` when it has none: nothing could be shown to be right then.
        """
        if not self.manifest.get("goldens"):
            raise ExportError("BUNDLE_INVALID", f"{self.folder}: no goldens, so nothing can be shown to be right")
        return Goldens(self, safetensors.torch.load(self.read(self.manifest["goldens"]["file"])))


@dataclass(frozen=True)
class Goldens:
    """What PyTorch gave when the bundle was made."""

    bundle: Bundle
    tensors: Mapping[str, Tensor]

    def first_inputs(self) -> list[Tensor]:
        """The inputs of the first case, in the signature's order; states are zeros."""
        case = self.bundle.manifest["goldens"]["cases"][0]
        return self._inputs(f"{case['name']}/0" if "steps" in case else case["name"], {})

    def runs(self) -> Iterator[tuple[str, list[np.ndarray], list[np.ndarray]]]:
        """Name, inputs and outputs of each run in order; a stream's steps begin from PyTorch's own state."""
        for case in self.bundle.manifest["goldens"]["cases"]:
            state: dict[str, Tensor] = {}
            for step in range(case.get("steps", 1)):
                prefix = f"{case['name']}/{step}" if "steps" in case else case["name"]
                outputs = {name: self.tensors[f"{prefix}/outputs.{name}"] for name in self.bundle.outputs}
                inputs = self._inputs(prefix, state)
                yield prefix, [to_numpy(v) for v in inputs], [to_numpy(v) for v in outputs.values()]
                state = {pair["input"]: outputs[pair["output"]] for pair in self.bundle.manifest["states"]}

    def _inputs(self, prefix: str, state: Mapping[str, Tensor]) -> list[Tensor]:
        outputs = {pair["input"]: pair["output"] for pair in self.bundle.manifest["states"]}
        values = []
        for name in self.bundle.inputs:
            if name in outputs:
                # a state has its output's dtype and shape
                values.append(state.get(name, torch.zeros_like(self.tensors[f"{prefix}/outputs.{outputs[name]}"])))
            else:
                values.append(self.tensors[f"{prefix}/inputs.{name}"])
        return values

    def replay(self, run: Run, runtime: str, precision: str) -> tuple[int, float]:
        """Runs every case, streams step by step with the states fed back.

        Parameters
        ----------
        run : one array per output, in the signature's order
        runtime : its name, for messages
        precision : whose tolerance holds

        Returns
        -------
        how many runs, and the largest absolute difference

        Raises
        ------
        ExportError
            `REPLAY_MISMATCH` naming case, output, place and both values.
        """
        given = self.bundle.manifest["goldens"]["tolerance"].get(precision, {})
        tolerance = (given["atol"], given["rtol"]) if given else TOLERANCES.get(precision, TOLERANCES["float32"])
        states = self.bundle.manifest["states"]
        runs, worst = 0, 0.0
        for case in self.bundle.manifest["goldens"]["cases"]:
            state: dict[str, Tensor] = {}
            for step in range(case.get("steps", 1)):
                prefix = f"{case['name']}/{step}" if "steps" in case else case["name"]
                got = run(self._inputs(prefix, state))
                if len(got) != len(self.bundle.outputs):
                    raise ExportError(
                        "REPLAY_MISMATCH",
                        f"{runtime} gives {len(got)} results, the bundle has {len(self.bundle.outputs)} outputs",
                    )
                for name, value in zip(self.bundle.outputs, got, strict=True):
                    expected = to_numpy(self.tensors[f"{prefix}/outputs.{name}"])
                    difference = compare(expected, value, str(expected.dtype), tolerance=tolerance)
                    if not difference.agrees:
                        raise ExportError(
                            "REPLAY_MISMATCH",
                            f"case {prefix}, {name}: {runtime} differs from PyTorch: {difference.summary}",
                            case=prefix,
                            output=name,
                            max_abs=difference.max_abs,
                        )
                    worst = max(worst, difference.max_abs)
                by_name = dict(zip(self.bundle.outputs, got, strict=True))
                state = {pair["input"]: to_tensor(by_name[pair["output"]]) for pair in states}
                runs += 1
        return runs, worst

"""What an export has proven, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .errors import ExportError, plain_text

# the route of a file that was there already
IMPORTED = "imported"
# of a reason in the table; `to_dict` has all of it
LONGEST_LINE = 160


@dataclass(frozen=True)
class ArtifactReport:
    """One file that agrees with the reference."""

    name: str
    format: str
    route: str
    runtime: str
    size: int
    """Bytes."""
    cases: int
    """How many inputs it was replayed on."""
    max_abs: float
    """Largest absolute difference from the reference over all of them."""
    tried: dict[str, ExportError] = field(default_factory=dict)
    """The routes before this one, and why they were not right."""

    @property
    def origin(self) -> str:
        return ", imported" if self.route == IMPORTED else f" by {self.route}"


@dataclass(frozen=True)
class OutputTolerance:
    """How far one output may be off in another runtime: `atol + rtol * |expected|`."""

    atol: float
    rtol: float
    float64_difference: float
    """Largest difference of PyTorch's own result from the same model in float64, over the goldens."""


@dataclass(frozen=True)
class PrecisionReport:
    """One file of lower precision beside the one in float32."""

    name: str
    size: int
    """Bytes."""
    size_ratio: float
    """To the float32 file."""
    max_abs: float
    """Largest absolute difference from eager PyTorch over everything replayed."""
    noise: float
    """Largest root mean square difference of one run, in standard deviations of the output."""
    atol: float
    """The tolerance of its goldens."""
    milliseconds: float
    """Median of a run in ONNX Runtime with one thread on this machine, on the largest input that was replayed."""
    time_ratio: float
    """To float32, measured in turns; above 1 is slower."""
    time_ratio_range: tuple[float, float]
    """Smallest and largest of the rounds."""


@dataclass(frozen=True)
class ExportReport:
    """The result of `export_bundle` and `import_bundle`."""

    out: str
    name: str
    version: str
    artifacts: list[ArtifactReport]
    inputs: dict[str, str]
    """Dtype and dims as text, such as `float32[batch, 1, height, width]`."""
    outputs: dict[str, str]
    batch: str | None
    """The dim whose rows were proven independent."""
    goldens: list[str]
    size: int
    """Bytes of all files."""
    dims: dict[str, dict[str, Any]] = field(default_factory=dict)
    """`min`, `max` and so on of every named dim, as in the manifest."""
    tolerance: dict[str, OutputTolerance] = field(default_factory=dict)
    """By output, those of floating-point numbers."""
    reference: str = "PyTorch"
    """Whose numbers the goldens are."""
    precisions: list[PrecisionReport] = field(default_factory=list)
    """What lower precisions cost and save."""
    refused: dict[str, ExportError] = field(default_factory=dict)
    """Formats that were asked for and could not be proven, with the reason; the bundle does not list them."""
    notes: list[str] = field(default_factory=list)
    """What could not be shown, each with its reason."""
    seconds: dict[str, float] = field(default_factory=dict)
    """What each step took, in the order of their first turn."""

    @property
    def exit_code(self) -> int:
        """What the command ends with: 0, or 3 where a format that was asked for is not in the bundle."""
        return 3 if self.refused else 0

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, default=str)

    def to_dict(self) -> dict[str, Any]:
        plain = replace(self, refused={}, artifacts=[replace(artifact, tried={}) for artifact in self.artifacts])
        found = {**asdict(plain), "refused": _as_data(self.refused), "exit_code": self.exit_code}
        for entry, artifact in zip(found["artifacts"], self.artifacts, strict=True):
            entry["tried"] = _as_data(artifact.tried)
        return found

    def __str__(self) -> str:
        source = "" if self.reference == "PyTorch" else f", from {self.reference}"
        rows = [
            ("bundle", f"{self.name} {self.version} in {self.out}, {self.size / 1000:.1f} kB"),
            *((f"input {name}", text) for name, text in self.inputs.items()),
            *((f"output {name}", text) for name, text in self.outputs.items()),
            (
                "batch",
                f"{self.batch}: rows proven independent" if self.batch else "no dim whose rows are proven independent",
            ),
            *(
                (
                    artifact.name,
                    f"{artifact.size / 1000:.1f} kB{artifact.origin}; {artifact.runtime} replayed {artifact.cases} "
                    f"inputs, at most {artifact.max_abs:.2g} off",
                )
                for artifact in self.artifacts
            ),
            *(
                (f"not {route}", _first_line(str(reason)))
                for artifact in self.artifacts
                for route, reason in artifact.tried.items()
            ),
            *((name, f"REFUSED, not in the bundle: {reason}") for name, reason in self.refused.items()),
            ("goldens", f"{', '.join(self.goldens)}{source}"),
            *(
                (
                    f"tolerance {name}",
                    f"{found.atol:g} + {found.rtol:g} * |expected|; {self.reference} itself is at most "
                    f"{found.float64_difference:.2g} off float64",
                )
                for name, found in self.tolerance.items()
            ),
            *(("note", note) for note in self.notes),
        ]
        width = max(len(label) for label, _ in rows)
        below = "\n" + " " * (width + 2)
        lines = [f"{label.ljust(width)}  {plain_text(text).replace(chr(10), below)}" for label, text in rows]
        return "\n".join([*lines, *(["", *self._precision_lines()] if self.precisions else [])])

    @property
    def verbose(self) -> str:
        """The table, and below it the whole reason of every refused format and every way that was not right."""
        reasons = {
            **{
                f"{artifact.name}, not {route}": error
                for artifact in self.artifacts
                for route, error in artifact.tried.items()
            },
            **{f"{name}, refused": error for name, error in self.refused.items()},
        }
        return "\n\n".join([str(self), *(f"{name}: {error.verbose}" for name, error in reasons.items())])

    def _precision_lines(self) -> list[str]:
        """A table with a line for each precision."""
        cells = [("precision", "size", "of float32", "largest error", "noise", "tolerance", "ms", "time")]
        for one in self.precisions:
            low, high = one.time_ratio_range
            cells.append(
                (
                    one.name,
                    f"{one.size / 1000:.1f} kB",
                    f"{one.size_ratio:.0%}",
                    f"{one.max_abs:.2g}",
                    f"{one.noise:.2g}",
                    f"{one.atol:.2g}",
                    f"{one.milliseconds:.3g}",
                    f"{one.time_ratio:.2f}x ({low:.2f} to {high:.2f})",
                )
            )
        widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
        return ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]


def _as_data(errors: Mapping[str, ExportError]) -> dict[str, dict[str, Any]]:
    return {name: error.to_dict() for name, error in errors.items()}


def _first_line(reason: str) -> str:
    line = reason.split("\n", 1)[0]
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} …"

"""What an export has proven, for people and for programs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class ArtifactReport:
    """One file that agrees with PyTorch."""

    name: str
    format: str
    route: str
    runtime: str
    size: int
    """Bytes."""
    cases: int
    """How many inputs it was replayed on."""
    max_abs: float
    """Largest absolute difference from eager PyTorch over all of them."""


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
    """The result of `export_bundle`."""

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
    precisions: list[PrecisionReport] = field(default_factory=list)
    """What lower precisions cost and save."""
    refused: dict[str, str] = field(default_factory=dict)
    """Formats that were asked for and could not be proven, with the reason; the bundle does not list them."""
    notes: list[str] = field(default_factory=list)
    """What could not be shown, each with its reason."""

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
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
                    f"{artifact.size / 1000:.1f} kB by {artifact.route}; {artifact.runtime} replayed {artifact.cases} "
                    f"inputs, at most {artifact.max_abs:.2g} off",
                )
                for artifact in self.artifacts
            ),
            *((name, f"REFUSED, not in the bundle: {reason}") for name, reason in self.refused.items()),
            ("goldens", ", ".join(self.goldens)),
            *(("note", note) for note in self.notes),
        ]
        width = max(len(label) for label, _ in rows)
        lines = [f"{label.ljust(width)}  {text}" for label, text in rows]
        return "\n".join([*lines, *(["", *self._precision_lines()] if self.precisions else [])])

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

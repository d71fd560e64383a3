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
        return "\n".join(f"{label.ljust(width)}  {text}" for label, text in rows)

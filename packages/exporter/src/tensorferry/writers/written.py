"""What the writers share: their result, the artifact they take, and whole folders."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import ExportError
from ..read_bundle import Bundle


@dataclass(frozen=True)
class Written:
    """The result of a writer."""

    out: str
    files: list[str]
    """Relative to `out`."""
    notes: list[str]
    """What the other format has no place for, and what was chosen."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        rows = [("folder", self.out), *(("file", name) for name in self.files), *(("note", n) for n in self.notes)]
        return "\n".join(f"{label:6}  {text}" for label, text in rows)


def find_artifact(bundle: Bundle, name: str | None, formats: Sequence[str]) -> Mapping[str, Any]:
    """The artifact called `name`, else the first of the first format.

    Raises
    ------
    ExportError
        `OPTIONS_INVALID` where there is none.
    """
    artifacts = bundle.manifest["artifacts"]
    for wanted in formats:
        for artifact in artifacts:
            if artifact["format"] == wanted and name in (None, artifact["name"]):
                return artifact
    listing = ", ".join(f"{artifact['name']} ({artifact['format']})" for artifact in artifacts)
    raise ExportError(
        "OPTIONS_INVALID",
        f"artifact: expected {name or 'one'} in {' or '.join(formats)}, the bundle holds {listing}",
    )


def read_model(bundle: Bundle, artifact: Mapping[str, Any]) -> bytes:
    """The artifact's one file.

    Raises
    ------
    ExportError
        `NOT_YET` for several files, `BUNDLE_INVALID` for a damaged one.
    """
    if len(artifact["files"]) != 1:
        paths = ", ".join(entry["path"] for entry in artifact["files"])
        raise ExportError("NOT_YET", f"{artifact['name']}: expected one file with its weights inside, got {paths}")
    return bundle.read(artifact["files"][0])


def dropped_steps(manifest: Mapping[str, Any]) -> list[str]:
    """Notes on the pipeline, which the other formats have no place for."""
    notes = []
    for half in ("preprocess", "postprocess"):
        steps = [step["op"] for entry in manifest[half] for step in entry["steps"]]
        if steps:
            notes.append(f"not written: {half} ({', '.join(steps)}); the caller does it")
    return notes


def dropped_ranges(manifest: Mapping[str, Any], covered: str | None = None) -> list[str]:
    """A note on the bounds of dims, which become any size.

    Parameters
    ----------
    covered : a dim whose bounds are written
    """
    ranges = []
    for name, found in manifest["dims"].items():
        step = f", a multiple of {found['multiple_of']}" if "multiple_of" in found else ""
        if name != covered and (found["min"] > 1 or found["max"] is not None or step):
            end = "any" if found["max"] is None else found["max"]
            ranges.append(f"{name} {found['min']} to {end}{step}")
    return [f"not written: the sizes that were proven ({'; '.join(ranges)})"] if ranges else []


@contextlib.contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder that takes its place when everything is written.

    Raises
    ------
    ExportError
        `OUTPUT_EXISTS` where `out` exists and is not an empty folder.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ExportError("OUTPUT_EXISTS", f"out: {out} is there already; name a new or empty folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent))
    try:
        yield staging
        staging.chmod(0o755)
        if out.is_dir():
            out.rmdir()
        staging.rename(out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def listed(folder: Path) -> list[str]:
    """Every file below it, relative to it, in order."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())

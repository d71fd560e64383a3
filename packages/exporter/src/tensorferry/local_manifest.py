"""`bundle.local.json`: what was compiled for this one machine, beside a bundle and never part of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import ExportError
from .fit_text import parse_json
from .folder import LOCAL_MANIFEST
from .manifest import file_entry, to_text

LOCAL_SCHEMA = "tensorferry.bundle.local/1"


@dataclass
class LocalManifest:
    """The manifest's entries, and the folder they lie in."""

    folder: Path
    artifacts: list[dict[str, Any]]

    @staticmethod
    def read(folder: Path) -> LocalManifest:
        """An absent one is empty.

        Raises
        ------
        ExportError
            `BUNDLE_INVALID` for a file of another form: it may be somebody's work.
        """
        path = folder / LOCAL_MANIFEST
        try:
            manifest = parse_json(path.read_text(encoding="utf-8"))
            if manifest["schema"] != LOCAL_SCHEMA:
                raise ValueError(f"schema {manifest['schema']!r}, expected {LOCAL_SCHEMA!r}")
            return LocalManifest(folder, [dict(entry) for entry in manifest["artifacts"]])
        except FileNotFoundError:
            return LocalManifest(folder, [])
        except (ValueError, KeyError, TypeError) as error:
            raise ExportError("BUNDLE_INVALID", f"{path}: cannot be read ({error}); delete it") from error

    def find(self, name: str) -> dict[str, Any] | None:
        return next((entry for entry in self.artifacts if entry.get("name") == name), None)

    def is_current(self, entry: Mapping[str, Any], made_from: Mapping[str, str], requires: Mapping[str, Any]) -> bool:
        """Whether its file is whole, and was compiled from these files in this way."""
        if entry.get("made_from") != dict(made_from) or not requires.items() <= entry.get("requires", {}).items():
            return False
        try:
            files = [(self.folder / file["path"], file["sha256"]) for file in entry["files"]]
            return all(hashlib.sha256(path.read_bytes()).hexdigest() == sha256 for path, sha256 in files)
        except (OSError, KeyError):
            return False

    def put(self, entry: dict[str, Any], staged: Path, made_from: Mapping[str, str]) -> dict[str, Any]:
        """Moves a file to its place and lists it; entries that were compiled from other files go.

        Whoever reads between the two steps finds a sha256 that does not fit, never another file under a right one.
        """
        kept = [other for other in self.artifacts if other["name"] != entry["name"] and other["made_from"] == made_from]
        order = ("name", "format", "precision", "files")
        listed = {**entry, "files": [file_entry(staged.parent, staged.name)]}
        listed = {**{key: listed[key] for key in order}, **listed}
        self.artifacts = [*kept, listed]
        text = to_text({"schema": LOCAL_SCHEMA, "artifacts": self.artifacts})
        manifest = staged.parent / LOCAL_MANIFEST
        manifest.write_text(text, encoding="utf-8", newline="\n")
        staged.replace(self.folder / staged.name)
        manifest.replace(self.folder / LOCAL_MANIFEST)
        return listed

"""Writes a bundle beside its place and moves it there whole, so that no half bundle is ever seen."""

from __future__ import annotations

import contextlib
import shutil
import signal
import site
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import torch

from .errors import ExportError
from .fit_text import parse_json

LOCAL_MANIFEST = "bundle.local.json"


def _listed_files(out: Path) -> set[str]:
    """The files that an earlier export wrote there."""
    try:
        manifest = parse_json((out / "bundle.json").read_text(encoding="utf-8"))
        models = [*manifest["artifacts"], *([manifest["program"]] if "program" in manifest else [])]
        files = [entry["path"] for model in models for entry in model["files"]]
        goldens = manifest.get("goldens") or {"cases": []}
        files += [case["raw"]["path"] for case in goldens["cases"] if "raw" in case]
        files += [entry["path"] for case in goldens["cases"] for entry in case.get("raws", {}).values()]
        if "file" in goldens:
            files.append(goldens["file"]["path"])
        return {"bundle.json", *files}
    except FileNotFoundError:
        return set()
    except (ValueError, KeyError, TypeError):
        return {"bundle.json"}


def local_files(out: Path) -> set[str]:
    """What `python -m tensorferry aoti` left there: `bundle.local.json` and the files that it lists."""
    try:
        local = parse_json((out / LOCAL_MANIFEST).read_text(encoding="utf-8"))
        return {LOCAL_MANIFEST, *(entry["path"] for found in local["artifacts"] for entry in found["files"])}
    except FileNotFoundError:
        return set()
    except (ValueError, KeyError, TypeError):
        return {LOCAL_MANIFEST}


def require_free(out: Path) -> None:
    """`out` may be absent, empty, or an earlier bundle."""
    if out.exists() and not out.is_dir():
        raise ExportError("OUTPUT_EXISTS", f"out: {out} is a file; name a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / "bundle.json").is_file():
        raise ExportError(
            "OUTPUT_EXISTS", f"out: {out} holds other things and no bundle.json; name an empty or new folder"
        )


@contextlib.contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A new folder beside `out` that takes its place at the end; removed when anything fails.

    An earlier bundle there is replaced; files that it did not list (such as its README.md) are kept.
    """
    require_free(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with _leaving_on_sigterm():
        staging = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent))
        try:
            yield staging
            staging.chmod(0o755)
            if out.is_dir():
                _replace(out, staging)
            else:
                staging.rename(out)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


@contextlib.contextmanager
def _leaving_on_sigterm() -> Iterator[None]:
    """SIGTERM ends the process as an exception, so that everything is cleaned up; a handler of the caller's stays."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _replace(out: Path, staging: Path) -> None:
    # what was compiled from the earlier files goes with them
    ours = {*_listed_files(out), *local_files(out)}
    for path in sorted(out.iterdir()):
        if path.name not in ours and not (staging / path.name).exists():
            if path.is_dir():
                shutil.copytree(path, staging / path.name)
            else:
                shutil.copy2(path, staging / path.name)
    before = out.with_name(f"{staging.name}.before")
    out.rename(before)
    try:
        staging.rename(out)
    except OSError:
        before.rename(out)
        raise
    shutil.rmtree(before, ignore_errors=True)


def machine_paths() -> list[str]:
    """Places of this machine that no published file may name."""
    torch_folder = Path(torch.__file__).parent
    places = [Path.cwd(), Path.home(), Path(tempfile.gettempdir()), torch_folder, Path(__file__).parent]
    places += [Path(place) for place in site.getsitepackages()]
    texts = {str(place.absolute()) for place in places} | {str(place.resolve()) for place in places}
    # "/" or "C:\" is in any file
    return sorted(text for text in texts if len(text) > 4)


def require_no_machine_path(folder: Path) -> None:
    """Searches every file for this machine's paths.

    Raises
    ------
    ExportError
        `MACHINE_PATH` naming file and path.
    """
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        for text in machine_paths():
            if text.encode() in content or text.encode("utf-16-le") in content:
                raise ExportError(
                    "MACHINE_PATH",
                    f"{path.name} holds {text!r}; names, docs, labels and pictures must not tell of this machine",
                )


def bundle_name(out: Path) -> str | None:
    """The name of the bundle that is there already."""
    try:
        return parse_json((out / "bundle.json").read_text(encoding="utf-8"))["name"]
    except (OSError, ValueError, KeyError, TypeError):
        return None

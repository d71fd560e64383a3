"""`pkg.module:NAME` and `path/to/file.py:NAME`: the user's own code, and what it says when it fails."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from torch import nn

from ..errors import ExportError
from ..suggestion import did_you_mean

T = TypeVar("T")


def load_object(spec: str, option: str) -> Any:
    """The object that a spec names, called when it is a function or a class.

    Parameters
    ----------
    spec : a module of `sys.path`, or a file whose folder is put there, then `:` and a name
    option : who asks, for messages

    Raises
    ------
    ExportError
        `OPTIONS_INVALID`, with the line of the user's code that failed.
    """
    place, _, name = spec.rpartition(":")
    if not place or not name:
        raise ExportError(
            "OPTIONS_INVALID", f"{option}: expected pkg.module:NAME or path/to/file.py:NAME, got {spec!r}"
        )
    module = _from_file(Path(place), option) if place.endswith(".py") else _from_path(place, name, option)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            known = [key for key in vars(found) if not key.startswith("_")] if hasattr(found, "__dict__") else []
            raise ExportError("OPTIONS_INVALID", f"{option}: {place} has no {part!r}{did_you_mean(part, known)}")
        found = getattr(found, part)
    # a module is callable too
    if isinstance(found, nn.Module) or not callable(found):
        return found
    return _run(found, f"{option}: {name}() of {place}")


def _from_path(place: str, name: str, option: str) -> ModuleType:
    try:
        is_there = importlib.util.find_spec(place) is not None
    except (ImportError, ValueError):
        is_there = False
    if not is_there:
        raise ExportError(
            "OPTIONS_INVALID",
            f"{option}: there is no module {place}; run the command in the folder that holds it, or give "
            f"path/to/file.py:{name}",
        )
    return _run(lambda: importlib.import_module(place), f"{option}: importing {place}")


def _from_file(path: Path, option: str) -> ModuleType:
    if not path.is_file():
        raise ExportError("OPTIONS_INVALID", f"{option}: there is no file {path}")
    folder = str(path.parent.absolute())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    loaded = sys.modules.get(path.stem)
    if loaded and getattr(loaded, "__file__", None) and Path(str(loaded.__file__)).resolve() == path.resolve():
        return loaded
    # TorchScript writes the module's name into the file: it must not depend on the folder
    name = path.stem if loaded is None else f"{path.stem}_"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader = spec.loader
    _run(lambda: loader.exec_module(module), f"{option}: importing {path}")
    return module


def _run(function: Callable[[], T], what: str) -> T:
    try:
        return function()
    except ExportError:
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f" ({last.filename}:{last.lineno})" if not last.filename.startswith("<") else ""
        raise ExportError("OPTIONS_INVALID", f"{what} failed: {type(error).__name__}: {error}{place}") from error

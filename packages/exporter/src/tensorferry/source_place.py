"""Lines of the model's own code: whose they are, and where they stand."""

from __future__ import annotations

import linecache
import os
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import FrameType

import torch
from torch import nn

from .torchscript_trace import module_relative

# code that takes no way of the model's own
FOREIGN = tuple(
    f"{Path(folder)}{os.sep}" for folder in (torch.__path__[0], Path(__file__).parent, sysconfig.get_paths()["stdlib"])
)
PACKAGES = ("site-packages", "dist-packages")
Names = Mapping[int, tuple[str, str]]


@dataclass(frozen=True)
class Place:
    """A line of the model's code."""

    file: str
    """Relative to its package."""
    line: int
    source: str
    submodule: str | None
    """Whose forward it belongs to, by its name in the model: `""` is the model itself, None is unknown."""
    type: str | None
    """The submodule's class."""


def module_names(model: nn.Module) -> Names:
    """Name and class of every module, by its id."""
    return {id(module): (name, type(module).__name__) for name, module in model.named_modules()}


def place_of(file: str, line: int, owner: nn.Module | None, names: Names) -> Place:
    name, kind = names.get(id(owner), (None, None))
    return Place(module_relative(file), line, linecache.getline(file, line).strip(), name, kind)


def owner_of(frame: FrameType) -> nn.Module | None:
    """The module whose method this is."""
    code = frame.f_code
    if not code.co_argcount:
        return None
    found = frame.f_locals.get(code.co_varnames[0])
    return found if isinstance(found, nn.Module) else None


def nearest(frame: FrameType | None) -> tuple[FrameType | None, nn.Module | None]:
    """The innermost frame of the model's own code, and the module that it works for."""
    while frame and not is_models_own(frame.f_code.co_filename):
        frame = frame.f_back
    above = frame
    while above and owner_of(above) is None:
        above = above.f_back
    return frame, owner_of(above) if above else None


@lru_cache(maxsize=4096)
def is_models_own(file: str) -> bool:
    """Whether a file is neither PyTorch's, Python's nor this package's."""
    if file.startswith(("<frozen ", "<eval_with_key>")):
        return False
    inside = [folder for folder in FOREIGN if file.startswith(folder)]
    # packages lie inside of the standard library's folder
    return not inside or (inside == [FOREIGN[-1]] and any(name in Path(file).parts for name in PACKAGES))

"""What runs change inside a module: buffers, plain attributes, hooks and submodules, and how to put them back."""

from __future__ import annotations

import contextlib
import functools
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

# what every module has; the rest of its attributes are its author's
OWN = frozenset(vars(nn.Module()))
# of those, what a module is made of and what is called around it: its first run may add hooks, buffers and submodules
STRUCTURE = tuple(key for key, value in vars(nn.Module()).items() if isinstance(value, (dict, set)))
# what state is kept in beside tensors; their subclasses may do more when they are filled again
CONTAINERS = (list, deque, dict, OrderedDict, defaultdict)
MISSING = object()


@dataclass
class _Kept:
    """One object, and what was in it."""

    value: Any
    content: Any = None
    version: int = 0
    parts: dict[Any, _Kept] = field(default_factory=dict)
    """Tensors and containers among its elements."""

    @staticmethod
    def of(value: Any) -> _Kept:
        if isinstance(value, Tensor):
            # weights, wherever else they are listed, are the optimizer's to change
            comparable = value.layout == torch.strided and value.device.type == "cpu"
            is_kept = comparable and not isinstance(value, nn.Parameter)
            return _Kept(value, value.detach().clone() if is_kept else None, _version(value))
        if type(value) not in CONTAINERS:
            return _Kept(value)
        parts = {key: _Kept.of(item) for key, item in _items(value).items() if isinstance(item, (Tensor, *CONTAINERS))}
        return _Kept(value, value.copy(), 0, parts)

    def changed(self, now: Any) -> bool:
        """Whether `now` is another object than then, or was written to."""
        if now is not self.value:
            plain = isinstance(now, (bool, int, float, str))
            return not (plain and type(now) is type(self.value) and now == self.value)
        if isinstance(now, Tensor):
            return _version(now) != self.version or (self.content is not None and not same(now, self.content))
        if type(now) not in CONTAINERS:
            return False
        before, items = _items(self.content), _items(now)
        return (
            before.keys() != items.keys()
            or any(items[key] is not item for key, item in before.items())
            or any(part.changed(items[key]) for key, part in self.parts.items())
        )

    def restore(self) -> Any:
        """The object, with its content put back."""
        if self.content is None or not self.changed(self.value):
            return self.value
        if isinstance(self.value, Tensor):
            with torch.no_grad():
                if self.value.shape != self.content.shape:
                    self.value.data = self.content.clone()
                self.value.copy_(self.content)
            self.version = _version(self.value)
            return self.value
        self.value.clear()
        if isinstance(self.value, dict):
            self.value.update(self.content)
        else:
            self.value.extend(self.content)
        for part in self.parts.values():
            part.restore()
        return self.value


def _items(value: Any) -> dict[Any, Any]:
    return dict(value.items() if isinstance(value, dict) else enumerate(value))


class Snapshot:
    """A module's buffers, plain attributes, hooks and submodules at one moment."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.structure = [
            (module, key, held, held.copy())
            for module in _python_modules(model).values()
            for key in STRUCTURE
            if (held := vars(module).get(key)) is not None
        ]
        self.buffers = {name: _Kept.of(value) for name, value in _buffers(model).items()}
        self.attributes = {key: _Kept.of(value) for key, value in _attributes(model).items()}

    def written_buffers(self) -> list[str]:
        """Those that were replaced, written to (with the same values too), or are new."""
        now = _buffers(self.model)
        return [
            name
            for name in dict.fromkeys([*self.buffers, *now])
            if name not in self.buffers or self.buffers[name].changed(now.get(name, MISSING))
        ]

    def changed_attributes(self) -> list[str]:
        """Names such as `encoder.memory` of attributes that are no buffers and are others now."""
        now = _attributes(self.model)
        return [
            ".".join(filter(None, key))
            for key in dict.fromkeys([*self.attributes, *now])
            if key not in self.attributes or self.attributes[key].changed(now.get(key, MISSING))
        ]

    def restore(self) -> None:
        """Puts everything back, the same objects with the same values."""
        for module, key, held, content in self.structure:
            vars(module)[key] = held
            if not _same_items(held, content):
                held.clear()
                held.update(content)
        for name, kept in self.buffers.items():
            owner, key = owner_of(self.model, name)
            value = kept.restore()
            if isinstance(owner, torch.jit.ScriptModule):
                setattr(owner, key, value)
            else:
                owner._buffers[key] = value
        modules = _python_modules(self.model)
        for path, key in _attributes(self.model):
            if (path, key) not in self.attributes:
                del vars(modules[path])[key]
        for (path, key), kept in self.attributes.items():
            vars(modules[path])[key] = kept.restore()


@contextlib.contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    """Whatever is run inside leaves the model as it was."""
    start = Snapshot(model)
    try:
        yield
    finally:
        start.restore()


def owner_of(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    """`encoder.h` -> the module encoder and `h`."""
    *path, key = name.split(".")
    # TorchScript has no get_submodule
    return functools.reduce(getattr, path, model), key


def same(a: Tensor, b: Tensor) -> bool:
    """Equal in shape, dtype and values, where NaN equals NaN."""
    return a.shape == b.shape and a.dtype == b.dtype and bool(((a == b) | ((a != a) & (b != b))).all())


def _buffers(model: nn.Module) -> dict[str, Tensor]:
    return dict(model.named_buffers(remove_duplicate=False))


def _attributes(model: nn.Module) -> dict[tuple[str, str], Any]:
    return {
        (path, key): value
        for path, module in _python_modules(model).items()
        for key, value in vars(module).items()
        if key not in OWN
    }


def _python_modules(model: nn.Module) -> dict[str, nn.Module]:
    return {path: found for path, found in model.named_modules() if not isinstance(found, torch.jit.ScriptModule)}


def _same_items(held: Any, content: Any) -> bool:
    """The same names; of a dict the same objects under them, in the same order: hooks run in theirs."""
    if isinstance(held, set):
        return held == content
    return list(held) == list(content) and all(held[key] is value for key, value in content.items())


def _version(value: Tensor) -> int:
    """How often the tensor was written to; tensors of inference mode do not count."""
    return 0 if value.is_inference() else value._version

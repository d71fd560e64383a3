"""How the model is called: which of its methods, and its arguments by position, by name or inside containers."""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from .errors import ExportError


class Wrapper(nn.Module):
    """A module that runs the caller's own in another way; that one is `model`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        # the caller's model is in eval mode, and its own train() is not to be called once more
        self.training = False


def own_name(model: nn.Module, name: str) -> str:
    """The name that the caller's model has for one of its parts."""
    while isinstance(model, Wrapper):
        name, model = name.removeprefix("model."), model.model
    return name


@dataclass(frozen=True)
class Signature:
    """What a method takes."""

    positional: list[str] = field(default_factory=list)
    by_name: list[str] = field(default_factory=list)
    """Those that can be given by name only."""
    any_positional: bool = False
    any_by_name: bool = False

    @property
    def names(self) -> list[str]:
        return [*self.positional, *self.by_name]


def methods_of(model: nn.Module) -> list[str]:
    """The public methods that the model's own classes define."""
    if isinstance(model, torch.jit.ScriptModule):
        return sorted(name for name in model._c._method_names() if not name.startswith("_"))
    found: dict[str, None] = {}
    for kind in type(model).__mro__:
        if kind is nn.Module:
            break
        # what ModuleList and the like have is no model's method
        if kind.__module__.startswith("torch."):
            continue
        found |= {name: None for name, value in vars(kind).items() if inspect.isfunction(value)}
    return [name for name in found if not name.startswith("_") and not hasattr(nn.Module, name)]


def require_method(model: nn.Module, method: str) -> None:
    """Raises `OPTIONS_INVALID` where the model has no such method, naming those that it has."""
    others = [name for name in methods_of(model) if name != "forward"]
    its = f"its methods are {', '.join(others)}" if others else "it has no other methods"
    name = type(model).__name__
    if method == "forward":
        absent = (
            "forward" not in methods_of(model) and "forward" not in model._c._method_names()
            if isinstance(model, torch.jit.ScriptModule)
            else getattr(model.forward, "__func__", None) is nn.Module.forward
        )
        if absent:
            advice = f"; export one of them: method={others[0]!r}" if others else "; define forward"
            raise ExportError("OPTIONS_INVALID", f"model: {name} has no forward, {its}{advice}")
        return
    if not isinstance(method, str) or not method.isidentifier() or not callable(getattr(model, method, None)):
        raise ExportError("OPTIONS_INVALID", f"method: {name} has no method {method!r}; {its}")


def read_signature(model: nn.Module, method: str) -> Signature:
    function = getattr(model, method)
    if isinstance(model, torch.jit.ScriptModule) and hasattr(function, "schema"):
        # the first one is the module itself
        return Signature([argument.name for argument in function.schema.arguments][1:])
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return Signature(any_positional=True, any_by_name=True)
    kinds = inspect.Parameter
    return Signature(
        [one.name for one in parameters if one.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)],
        [one.name for one in parameters if one.kind == kinds.KEYWORD_ONLY],
        any(one.kind == kinds.VAR_POSITIONAL for one in parameters),
        any(one.kind == kinds.VAR_KEYWORD for one in parameters),
    )


def calling(
    model: nn.Module, method: str, count: int, arguments: Sequence[str], types: Sequence[type] = ()
) -> nn.Module:
    """A module of `count` tensors that calls `model.METHOD(ARGUMENTS)`.

    Its forward is written as source code, because torch.jit.script takes no `*inputs` and `**inputs`.

    Parameters
    ----------
    arguments : expressions over `input_0`, `input_1` and so on, such as `mask=input_1` or `(input_0, input_1,)`
    types : what the expressions call by its name
    """
    parameters = ", ".join(["self", *(f"input_{index}" for index in range(count))])
    target = "self.model" if method == "forward" else f"self.model.{method}"
    code = f"class Call(Wrapper):\n    def forward({parameters}):\n        return {target}({', '.join(arguments)})\n"
    file = f"<tensorferry: {method}({', '.join(arguments)})>"
    # torch.jit.script and stack traces read it there
    linecache.cache[file] = (len(code), None, code.splitlines(True), file)
    known = {kind.__name__: kind for kind in types}
    names = {
        "Wrapper": Wrapper,
        "torch": torch,
        "pack_padded_sequence": pack_padded_sequence,
        "__name__": __name__,
        **known,
    }
    exec(compile(code, file, "exec"), names)
    return names["Call"](model)

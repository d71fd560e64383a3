"""A bare TorchScript file as a bundle: its signature from forward's schema, its numbers from PyTorch's own loader."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from .eager import explain, run_eager
from .errors import ExportError
from .import_inputs import Declared, Inputs
from .import_model import ImportedModel
from .progress import Progress
from .prove import TORCHSCRIPT_FILE, Proof, Proven
from .reference import Reference
from .replay_request import Shapes, new_replay, replay_all
from .report import IMPORTED
from .request import Request
from .runtimes import TORCH, TorchScriptFile, refused_by_torchscript
from .torchscript_file import finish_torchscript
from .torchscript_versions import required_torch


def open_torchscript(
    path: Path, inputs: Sequence[str] | None = None, outputs: Sequence[str] | None = None
) -> ImportedModel:
    """Loads a file with `torch.jit.load`, which runs no Python.

    Parameters
    ----------
    inputs, outputs : names in forward's order, instead of its parameters' and of made-up ones

    Raises
    ------
    ExportError
        `FORMAT_UNSUPPORTED`, `RUNTIME_REFUSED`, `NAMES_INVALID`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = torch.jit.load(str(path), map_location="cpu")
            # a frozen module has no mode
            with contextlib.suppress(Exception):
                module.eval()
    except Exception as error:
        raise refused_by_torchscript(path.name, error) from error
    parameters = _parameters(module, path.name)
    names = list(inputs) if inputs is not None else [found.name for found in parameters]
    required = [found for found in parameters if not found.has_default_value()]
    if not len(required) <= len(names) <= len(parameters):
        raise ExportError(
            "NAMES_INVALID",
            f"inputs: {len(names)} names ({', '.join(names)}), and forward takes "
            f"{', '.join(f'{found.name}: {found.type}' for found in parameters)}",
        )
    left = list(module.forward.schema.arguments)[1 + len(names) :]
    notes = [f"forward's {found.name} is left at its default" for found in left]
    try:
        content = finish_torchscript(path.read_bytes())
    except Exception as error:
        raise ExportError(
            "FORMAT_UNSUPPORTED",
            f"{path.name}: an archive of another form ({explain(error)}); write it once more: "
            f"torch.jit.load('{path.name}').save('again.pt')",
        ) from error
    return ImportedModel(
        module,
        [Declared(name, None, None) for name in names],
        None,
        Reference(f"torchscript {TORCH}", {"torch": TORCH, "goldens": f"torchscript {TORCH}, not eager PyTorch"}),
        content,
        partial(_prove, content),
        notes,
    )


def _parameters(module: Any, name: str) -> list[Any]:
    """forward's parameters that are tensors; what is not must come last and have a default."""
    if not hasattr(module, "forward"):
        methods = ", ".join(module._c._method_names()) or "none"
        raise ExportError(
            "FORMAT_UNSUPPORTED", f"{name} has no forward (methods: {methods}); give it one and save it again"
        )
    found = list(module.forward.schema.arguments)[1:]
    tensors = []
    for parameter in found:
        kind = str(parameter.type)
        if kind in ("Tensor", "Optional[Tensor]"):
            tensors.append(parameter)
        elif parameter.has_default_value():
            break
        else:
            raise ExportError(
                "FORMAT_UNSUPPORTED",
                f"{name}: forward takes {parameter.name}: {kind}, and a bundle has tensors only; wrap it in a module "
                "whose forward takes tensors, and script that",
            )
    return tensors


def name_results(opened: ImportedModel, example: Inputs, outputs: Sequence[str] | None) -> list[str] | None:
    """The caller's names, None for a dict's own, else `output` or `output_0` and so on."""
    if outputs is not None or opened.accepts(example) is not None:
        # read_request says what the model refuses
        return None if outputs is None else list(outputs)
    keys = [key for key, _ in run_eager(opened.model, example)]
    if None not in keys and len(set(keys)) == len(keys):
        return None
    return ["output"] if len(keys) == 1 else [f"output_{index}" for index in range(len(keys))]


def _prove(content: bytes, request: Request, folder: Path, input_shapes: Shapes, meter: Progress) -> Proof:
    path = folder / TORCHSCRIPT_FILE
    path.write_bytes(content)
    file = TorchScriptFile(path, request.inputs, request.outputs)
    replay = new_replay(request, file, {}, meter)
    replay_all(request, replay, knows_dims=False)
    proven = Proven("torchscript", TORCHSCRIPT_FILE, IMPORTED, {"torch": required_torch(file.module)}, replay)
    return Proof([proven], {}, [[None] * rank for rank in request.output_ranks])

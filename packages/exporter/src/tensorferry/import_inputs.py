"""Inputs for a model that came without any: given files, or values made from what the file declares."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from .errors import ExportError
from .tensors import DTYPES

Inputs = tuple[Tensor, ...]
CHANNELS = (3, 1)
EDGES = (32, 64, 224, 256, 128, 384, 512, 299)
LENGTHS = (8, 16, 4, 32, 77, 128, 3, 256, 512, 576, 1024, 1)
SAMPLE_RATES = ("sr", "sample_rate", "sampling_rate")
# an index into any table of more rows; the second is for flags
HIGHEST_INDEX = (40, 2)


@dataclass(frozen=True)
class Declared:
    """What a model file says of one input."""

    name: str
    dtype: torch.dtype | None
    shape: tuple[int | str | None, ...] | None
    """A size, a name that is the same size everywhere, or None for any size. None as a whole: nothing is known."""

    def __str__(self) -> str:
        dtype = DTYPES[self.dtype] if self.dtype else "any dtype"
        shape = "…" if self.shape is None else ", ".join(str(dim or "?") for dim in self.shape)
        return f"{self.name}: {dtype}[{shape}]"


def read_example_file(path: Path) -> list[dict[str, Tensor]]:
    """Examples of a .safetensors or .npz file.

    Keys are the inputs' names for one example, `CASE/NAME` for several; a bundle's goldens (`CASE/inputs.NAME`) do too.

    Returns
    -------
    for each example its tensors by name

    Raises
    ------
    ExportError
        `EXAMPLES_INVALID`
    """
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as loaded:
                tensors = {key: torch.from_numpy(loaded[key]) for key in loaded.files}
        else:
            tensors = safetensors.torch.load_file(path)
    except Exception as error:
        raise ExportError("EXAMPLES_INVALID", f"{path}: cannot be read as .safetensors or .npz ({error})") from error
    cases: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        case, _, name = key.rpartition("/")
        if not name.startswith("outputs."):
            cases.setdefault(case, {})[name.removeprefix("inputs.")] = value
    return [case for _, case in sorted(cases.items())]


def bind_by_name(example: Mapping[str, Tensor], names: Sequence[str], where: str) -> Inputs:
    missing = [name for name in names if name not in example]
    unknown = [name for name in example if name not in names]
    if missing or unknown:
        raise ExportError(
            "EXAMPLES_INVALID",
            f"{where}: expected the inputs {', '.join(names)}, got {', '.join(map(str, example))}",
        )
    return tuple(example[name] for name in names)


def first_example(
    declared: Sequence[Declared], accepts: Callable[[Inputs], Exception | None], edge: int | None = None
) -> Inputs:
    """The first inputs that the model runs, tried from likely sizes.

    Parameters
    ----------
    accepts : runs the model and returns what it failed with
    edge : of pictures, where something says it

    Raises
    ------
    ExportError
        `EXAMPLES_INVALID` with the model's own last words, when it takes none of them.
    """
    unknown = [str(found) for found in declared if found.shape is None or found.dtype is None]
    if unknown:
        raise ExportError(
            "EXAMPLES_INVALID",
            f"the file does not say what it takes ({'; '.join(unknown)}); give two examples: --examples "
            "file.npz, file.safetensors (keys are the inputs' names, CASE/NAME for several) or pkg.module:NAME",
        )
    failure: Exception | None = None
    for sizes in _guesses(declared, edge):
        for highest in HIGHEST_INDEX:
            example = make_inputs(declared, sizes, seed=0, highest=highest)
            error = accepts(example)
            if error is None:
                return example
            failure = failure or error
            if not any(found.dtype in (torch.int64, torch.int32) for found in declared):
                break
    shown = "; ".join(map(str, declared))
    raise ExportError(
        "EXAMPLES_INVALID",
        f"no generated input runs ({shown}); give two examples: --examples file.npz, file.safetensors or "
        f"pkg.module:NAME. The model says: {type(failure).__name__}: {str(failure)[:400]}",
    )


def _guesses(declared: Sequence[Declared], edge: int | None) -> Iterator[dict[tuple[str, int], int]]:
    """Sizes for every axis without one, likely ones first."""
    edges = [edge, *EDGES] if edge else list(EDGES)
    pictures = [found.shape for found in declared if found.shape and len(found.shape) == 4]
    others = [found.shape for found in declared if found.shape and len(found.shape) != 4]
    has_pictures = any(not isinstance(dim, int) for shape in pictures for dim in shape[2:])
    free_channels = any(not isinstance(shape[1], int) for shape in pictures)
    has_lengths = any(not isinstance(dim, int) for shape in others for dim in shape[1:])
    for batch, channels, size, length, is_first_open in itertools.product(
        (2, 1),
        CHANNELS if free_channels else (1,),
        edges if has_pictures else (1,),
        LENGTHS if has_lengths else (1,),
        # the batch is axis 0, or wherever the first size is open: a state is [layers, batch, features]
        (False, True) if others else (False,),
    ):
        named: dict[str, int] = {}
        sizes = {}
        for found in declared:
            open_axes = [axis for axis, dim in enumerate(found.shape or ()) if not isinstance(dim, int)]
            is_picture = len(found.shape or ()) == 4
            for axis in open_axes:
                dim = (found.shape or ())[axis]
                is_batch = axis == (open_axes[0] if is_first_open and not is_picture else 0)
                guess = batch if is_batch else length if not is_picture else channels if axis == 1 else size
                sizes[found.name, axis] = named.setdefault(dim, guess) if dim else guess
        yield sizes


def make_inputs(declared: Sequence[Declared], sizes: Mapping[tuple[str, int], int], seed: int, highest: int) -> Inputs:
    """Values from a seed: normal numbers, small indices, masks that hide a few at the end."""
    source = torch.Generator().manual_seed(seed)
    made = []
    for found in declared:
        shape = [dim if isinstance(dim, int) else sizes[found.name, axis] for axis, dim in enumerate(found.shape or ())]
        assert found.dtype is not None
        made.append(_values(found.name, found.dtype, shape, source, highest, masks_end=seed > 0))
    return tuple(made)


def _values(
    name: str, dtype: torch.dtype, shape: Sequence[int], source: torch.Generator, highest: int, masks_end: bool
) -> Tensor:
    lowered = name.lower()
    if "mask" in lowered and not dtype.is_floating_point:
        mask = torch.ones(shape, dtype=dtype)
        if masks_end and mask.dim() and mask.shape[-1] > 2:
            mask[..., -2:] = 0
        return mask
    if lowered in SAMPLE_RATES:
        return torch.full(tuple(shape), 16000, dtype=dtype)
    if dtype.is_floating_point:
        return torch.randn(shape, generator=source).to(dtype)
    if dtype == torch.uint8:
        return torch.randint(0, 256, tuple(shape), generator=source).to(dtype)
    if "position" in lowered and shape:
        return torch.arange(shape[-1]).expand(*shape).contiguous().to(dtype)
    limit = 2 if dtype == torch.bool or "type" in lowered or "segment" in lowered else highest
    return torch.randint(0, limit, tuple(shape), generator=source).to(dtype)

"""Compiles a bundle's program with AOTInductor for this machine, and writes it only when its numbers are PyTorch's."""

from __future__ import annotations

import json
import os
import platform
import sys
import sysconfig
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .archive import read_archive
from .eager import explain
from .errors import ExportError
from .exported_program import load_program
from .isolate import run_isolated
from .local_manifest import LocalManifest
from .pack_convolutions import pack_convolutions
from .progress import Progress
from .read_bundle import Bundle
from .runtimes import TORCH
from .tensors import flatten, to_numpy

NAME = "aot-inductor"
FILE = "aot-inductor.local.pt2"
DEVICES = ("cpu",)
# what a compiler's -march takes, the machine it is for, and how wide AOTInductor's own vectors may be there, in bits
LEVELS = {
    "x86-64": ("x86_64", 1),
    "x86-64-v2": ("x86_64", 1),
    "x86-64-v3": ("x86_64", 256),
    "x86-64-v4": ("x86_64", 512),
    "armv8-a": ("aarch64", 128),
}


@dataclass(frozen=True)
class Compiled:
    """What `compile_bundle` wrote, or found."""

    path: Path
    entry: dict[str, Any]
    """Its entry in `bundle.local.json`."""
    is_new: bool

    def __str__(self) -> str:
        verified, file = self.entry["verified"], self.entry["files"][0]
        requires = self.entry["requires"]
        rows = [
            ("package", f"{self.path}, {file['size'] / 1e6:.1f} MB{'' if self.is_new else ', up to date'}"),
            ("goldens", f"{verified['cases']} runs in {verified['runtime']}, at most {verified['max_abs']:.2g} off"),
            (
                "runs on",
                f"{requires['platform']} {requires['machine']} with "
                f"{requires['isa'] if requires['march'] == 'native' else requires['march']}, torch {requires['torch']}",
            ),
            *([("unfrozen", f"slower than it could be: {self.entry['unfrozen']}")] if "unfrozen" in self.entry else []),
            ("sha256", file["sha256"]),
            ("to run it", f"libtorch({{ trust: {{ sha256: '{file['sha256']}' }} }})"),
        ]
        return "\n".join(f"{label:9}  {text}" for label, text in rows)


def compile_bundle(
    folder: str | Path,
    *,
    device: str = "cpu",
    threads: int | None = None,
    march: str = "native",
    force: bool = False,
    progress: bool = True,
) -> Compiled:
    """Compiles the program of a bundle and records it in `bundle.local.json`.

    Parameters
    ----------
    folder : the bundle
    device : `"cpu"`
    threads : compiles the kernels for this many threads; None leaves it to each session
    march : `"native"` for this very CPU, or one of `LEVELS`, which every CPU of that level runs: the package
        may then be copied to other machines of the same system and PyTorch version
    force : compile although the recorded package is up to date
    progress : whether to say on stderr what is going on, from two seconds on

    Raises
    ------
    ExportError
        `BUNDLE_INVALID`, `PROGRAM_ABSENT`, `COMPILER_ABSENT`, `COMPILE_FAILED`, `REPLAY_MISMATCH`, `OPTIONS_INVALID`.
        What lay there before stays then.
    """
    if device not in DEVICES:
        raise ExportError("OPTIONS_INVALID", f"device: expected {' or '.join(DEVICES)}, got {device!r}")
    if threads is not None and threads < 1:
        raise ExportError("OPTIONS_INVALID", f"threads: expected 1 or more, got {threads}")
    _check_level(march)
    bundle = Bundle.open(Path(folder))
    program = bundle.manifest.get("program")
    if not program:
        raise ExportError(
            "PROGRAM_ABSENT",
            f"{folder}: the bundle has no torch.export program (it has "
            f"{', '.join(found['format'] for found in bundle.manifest['artifacts'])}); export it again with "
            'formats=["aot-inductor", …]',
        )
    listed = [*program["files"], *([bundle.find_file(program["weights"])] if "weights" in program else [])]
    made_from = {entry["path"]: entry["sha256"] for entry in listed}
    local = LocalManifest.read(bundle.folder)
    options = {"device": device, "threads": threads if threads is not None else "session", "march": march}
    # packed weights lie in the layout of that version's oneDNN
    here = {"torch": f"=={_release()}", "platform": sys.platform, "machine": platform.machine(), **options}
    found = local.find(NAME)
    if found and not force and local.is_current(found, made_from, here):
        return Compiled(bundle.folder / FILE, found, is_new=False)
    contents = [bundle.read(entry) for entry in listed]
    meter = Progress(progress)
    try:
        with tempfile.TemporaryDirectory(prefix=".aoti.", dir=bundle.folder) as staging:
            staged = Path(staging) / FILE
            runs, max_abs, package, unfrozen = _compile_frozen_or_not(bundle, contents, staged, threads, march, meter)
            entry = {
                "name": NAME,
                "format": "aot-inductor",
                "precision": program["precision"],
                "requires": {**here, **package},
                "route": program.get("route", "torch.export"),
                "verified": {"runtime": f"aot-inductor {TORCH}", "cases": runs, "max_abs": float(f"{max_abs:.2g}")},
                **({"unfrozen": unfrozen} if unfrozen else {}),
                "made_from": made_from,
            }
            entry = local.put(entry, staged, made_from)
    finally:
        meter.end()
    return Compiled(bundle.folder / FILE, entry, is_new=True)


def _check_level(march: str) -> None:
    machine = platform.machine().lower().replace("amd64", "x86_64").replace("arm64", "aarch64")
    fitting = ["native", *(name for name, (needed, _) in LEVELS.items() if needed == machine)]
    if march not in fitting:
        raise ExportError("OPTIONS_INVALID", f"march: expected {' or '.join(fitting)} on this machine, got {march!r}")


def _release() -> str:
    return ".".join(TORCH.split(".")[:2])


def _compile_frozen_or_not(
    bundle: Bundle, contents: Sequence[bytes], path: Path, threads: int | None, march: str, meter: Progress
) -> tuple[int, float, dict[str, str], str | None]:
    """Freezes where PyTorch can: not float64, and not a convolution whose weights are computed.

    Returns
    -------
    what `_compile_and_replay` does, and why it is not frozen, or None
    """

    def attempt(freezing: bool) -> tuple[int, float, dict[str, str]]:
        work = partial(_compile_and_replay, bundle, contents, path, _configs(threads, march, freezing))
        return run_isolated(work, lambda: meter.show("compile with AOTInductor and a C++ compiler"))

    try:
        return *attempt(freezing=True), None
    except ExportError as error:
        if error.code == "COMPILER_ABSENT":
            raise
        return *attempt(freezing=False), f"weights are not folded and packed: {error.message}"


def _configs(threads: int | None, march: str, freezing: bool) -> dict[str, Any]:
    """What AOTInductor is told. `freezing`: weights are folded, and packed for this CPU."""
    return {
        "freezing": freezing,
        **({"post_grad_custom_pre_pass": pack_convolutions} if freezing else {}),
        "cpp.threads": threads or os.cpu_count() or 1,
        "cpp.dynamic_threads": threads is None,
        **({} if march == "native" else {"cpp.march": march, "cpp.simdlen": LEVELS[march][1]}),
        "aot_inductor.metadata": {"torch_version": TORCH},
    }


def _compile_and_replay(
    bundle: Bundle, contents: Sequence[bytes], path: Path, configs: dict[str, Any]
) -> tuple[int, float, dict[str, str]]:
    """In a process of its own: compiled code that is wrong may end it.

    Returns
    -------
    how many runs, the largest absolute difference, and what the package needs
    """
    goldens = bundle.goldens()
    _link_own_libtorch()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = load_program(*contents)
        # AOTInductor asks for them, by their place alone: sizes come from the program's own ranges
        program._example_inputs = (tuple(goldens.first_inputs()), {})
        try:
            # with gradients on, freezing is passed over without a word: nothing is folded, fused or packed
            with torch.no_grad():
                torch._inductor.aoti_compile_and_package(program, package_path=str(path), inductor_configs=configs)
        except Exception as error:
            raise _compile_error(error) from error
        try:
            loaded = torch._inductor.aoti_load_package(str(path), run_single_threaded=True)
        except Exception as error:
            raise ExportError("RUNTIME_REFUSED", f"the compiled package does not load: {explain(error)}") from error

    def run(inputs: Sequence[Tensor]) -> list[np.ndarray]:
        return [to_numpy(value) for _, value in flatten(loaded(*[value.clone() for value in inputs]))]

    runs, max_abs = goldens.replay(run, f"AOTInductor {TORCH}", bundle.manifest["program"]["precision"])
    return runs, max_abs, _package_facts(path.read_bytes())


def _link_own_libtorch() -> None:
    """AOTInductor looks for libtorch in Python's own library folder first, where there may be another."""
    sysconfig.get_config_vars()["LIBDIR"] = str(Path(torch.__file__).parent / "lib")


def _compile_error(error: Exception) -> ExportError:
    if not _has_compiler():
        return ExportError(
            "COMPILER_ABSENT",
            "AOTInductor needs a C++ compiler and found none; install one (apt-get install g++, xcode-select "
            "--install) or name it in CXX",
        )
    return ExportError("COMPILE_FAILED", f"AOTInductor: {explain(error)}")


def _has_compiler() -> bool:
    from torch._inductor.cpp_builder import get_cpp_compiler

    try:
        get_cpp_compiler()
    except Exception:
        return False
    return True


def _package_facts(content: bytes) -> dict[str, str]:
    """What the package says of the machine it is for."""
    metadata = next(
        json.loads(found) for path, found in read_archive(content).items() if path.endswith("_metadata.json")
    )
    facts = {"platform": "AOTI_PLATFORM", "machine": "AOTI_MACHINE", "isa": "AOTI_CPU_ISA"}
    return {name: metadata.get(key, "") for name, key in facts.items()}

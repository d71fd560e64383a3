"""torch.export's program as a file: data only, the same on every machine; AOTInductor compiles it where it will run."""

from __future__ import annotations

import hashlib
import io
import json
import warnings

import torch

from .archive import read_archive, write_archive

# notes of the exporter about the source, with this machine's paths
NOTES = ("stack_trace", "nn_module_stack", "source_fn_stack", "from_node", "torch_fn", "custom")
SAMPLES = "data/sample_inputs/model.pt"
WEIGHTS = "data/weights/weight_"
# the entries that lie in the bundle's TorchScript file, by their path there
SHARED = "extra/shared.json"


def program_bytes(program: torch.export.ExportedProgram) -> bytes:
    """The program's archive without example inputs (which PyTorch would pickle) and without source locations."""
    modules = [module for module in program.graph_module.modules() if isinstance(module, torch.fx.GraphModule)]
    for node in [node for module in modules for node in module.graph.nodes]:
        for note in NOTES:
            node.meta.pop(note, None)
    program._example_inputs = None
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(program, buffer)
    return write_archive(read_archive(buffer.getvalue()))


def share_weights(program: bytes, script: bytes) -> bytes:
    """The program without the weights that the TorchScript file holds too, byte by byte."""
    held = {hashlib.sha256(content).digest(): path for path, content in read_archive(script).items() if content}
    entries = read_archive(program)
    shared = {
        path: held[digest]
        for path, content in entries.items()
        if path.startswith(WEIGHTS) and (digest := hashlib.sha256(content).digest()) in held
    }
    kept = {path: content for path, content in entries.items() if path not in shared}
    return write_archive({**kept, SHARED: json.dumps(shared, sort_keys=True).encode()})


def load_program(content: bytes, script: bytes | None = None) -> torch.export.ExportedProgram:
    """Reads what `program_bytes` or `share_weights` wrote.

    Parameters
    ----------
    script : the TorchScript file that shares its weights

    Raises
    ------
    ValueError
        when the archive holds pickled example inputs (reading them would run code), or lacks weights.
    """
    entries = read_archive(content)
    if entries.get(SAMPLES):
        raise ValueError(f"the program holds {SAMPLES}, a pickle; this package writes none")
    shared = json.loads(entries.pop(SHARED, b"{}"))
    held = read_archive(script) if script is not None else {}
    absent = sorted(path for path in shared.values() if path not in held)
    if absent:
        raise ValueError(f"the program takes {absent[0]} from the bundle's TorchScript file, which does not hold it")
    entries |= {path: held[source] for path, source in shared.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.load(io.BytesIO(write_archive(entries)))

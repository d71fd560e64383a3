"""torch.export's program as a file: data only, the same on every machine; AOTInductor compiles it where it will run."""

from __future__ import annotations

import io
import warnings

import torch

from .archive import read_archive, write_archive

# notes of the exporter about the source, with this machine's paths
NOTES = ("stack_trace", "nn_module_stack", "source_fn_stack", "from_node", "torch_fn", "custom")
SAMPLES = "data/sample_inputs/model.pt"


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


def load_program(content: bytes) -> torch.export.ExportedProgram:
    """Reads what `program_bytes` wrote.

    Raises
    ------
    ValueError
        when the archive holds pickled example inputs: reading them would run code.
    """
    if read_archive(content).get(SAMPLES):
        raise ValueError(f"the program holds {SAMPLES}, a pickle; this package writes none")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.load(io.BytesIO(content))

"""Makes a TorchScript archive fit for publication: no paths, no traced inputs, the same bytes every time."""

from __future__ import annotations

from .archive import read_archive, write_archive
from .torchscript_code import canonical_names, pickled_names, read_definitions, rename_pickle, write_code

PICKLES = ("data.pkl", "constants.pkl")


def finish_torchscript(content: bytes) -> bytes:
    """Rewrites what `torch.jit.save` wrote.

    Names do not depend on what the process compiled before, stack traces name files relative to their packages, and the
    inputs of the trace, dates and PyTorch's serialization id are left out.

    Parameters
    ----------
    content : the archive

    Returns
    -------
    the archive that PyTorch loads as the same module
    """
    entries = read_archive(content)
    definitions = read_definitions(entries)
    mentioned = (name for path in PICKLES if path in entries for name in pickled_names(entries[path]))
    names = canonical_names(definitions, mentioned)
    finished: dict[str, bytes] = {}
    for path, text in entries.items():
        if path.startswith(("code/", "traced_inputs")):
            continue
        finished[path] = rename_pickle(text, names) if path in PICKLES else text
        if path == "data.pkl":
            finished |= write_code(definitions, names)
    return write_archive(finished)

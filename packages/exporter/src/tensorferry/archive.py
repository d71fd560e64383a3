"""PyTorch's zip archives, written so that the same content gives the same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

FOLDER = "model"
# PyTorch maps tensors into memory at this alignment
ALIGNMENT = 64
LOCAL_HEADER = 30


def read_archive(content: bytes) -> dict[str, bytes]:
    """Every entry by its path below the archive's one folder, in the archive's order."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name.split("/", 1)[-1]: archive.read(name) for name in archive.namelist()}


def write_archive(entries: Mapping[str, bytes]) -> bytes:
    """The entries in their order, uncompressed, each at a multiple of 64 bytes, without dates.

    The folder inside is called `model` whatever the file is called. `.data/serialization_id`, a random-looking number
    that nothing reads, stays out.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path, content in entries.items():
            if path == ".data/serialization_id":
                continue
            entry = zipfile.ZipInfo(f"{FOLDER}/{path}", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            start = buffer.tell() + LOCAL_HEADER + len(entry.filename.encode()) + 4
            padding = -start % ALIGNMENT
            entry.extra = b"FB" + padding.to_bytes(2, "little") + b"Z" * padding
            archive.writestr(entry, content)
    return buffer.getvalue()

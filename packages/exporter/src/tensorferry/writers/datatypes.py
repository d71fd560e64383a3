"""Dtypes by the names of the Open Inference Protocol, which Triton and MLServer share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ExportError

DATATYPES = {
    "float64": "FP64",
    "float32": "FP32",
    "float16": "FP16",
    "bfloat16": "BF16",
    "int64": "INT64",
    "int32": "INT32",
    "int16": "INT16",
    "int8": "INT8",
    "uint8": "UINT8",
    "bool": "BOOL",
}


def datatype(spec: Mapping[str, Any], server: str, without: tuple[str, ...] = ()) -> str:
    """The name of a spec's dtype.

    Raises
    ------
    ExportError
        `NOT_YET` for a dtype that `server` does not take.
    """
    found = DATATYPES.get(spec["dtype"])
    if found is None or spec["dtype"] in without:
        raise ExportError("NOT_YET", f"{spec['name']}: {server} takes no {spec['dtype']}")
    return found

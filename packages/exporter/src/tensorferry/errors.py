"""The one error class of the exporter, and its codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CODES = {
    "OPTIONS_INVALID": "an argument of export_bundle is wrong",
    "EXAMPLES_INVALID": "the examples cannot prove anything, or the model refuses one",
    "NAMES_INVALID": "names do not match what the model takes and gives",
    "DIMS_INVALID": "`dynamic` does not fit the examples",
    "RANGE_CONTRADICTED": "a declared range is wider than what the model does",
    "MODEL_TRAINING": "a submodule still trains after eval()",
    "MODEL_STATEFUL": "the model keeps state inside itself",
    "NOT_DETERMINISTIC": "two runs on the same input differ",
    "CAPTURE_FAILED": "PyTorch could not capture the model",
    "RUNTIME_REFUSED": "the runtime does not load or run the written file",
    "REPLAY_MISMATCH": "the written file gives other numbers than PyTorch",
    "PIPELINE_INVALID": "a preprocess or postprocess step is wrong",
    "OUTPUT_EXISTS": "the output folder holds something else",
    "MACHINE_PATH": "a written file holds a path of this machine",
    "BUNDLE_INVALID": "the folder holds no bundle, or one that is damaged",
    "PROGRAM_ABSENT": "the bundle holds no torch.export program to compile",
    "COMPILER_ABSENT": "AOTInductor found no C++ compiler",
    "COMPILE_FAILED": "AOTInductor could not compile the program",
    "NOT_YET": "known, and not built yet",
}


class ExportError(Exception):
    """Raised where nothing could be proven; no bundle is left behind.

    Attributes
    ----------
    code : one of `CODES`; stable, branch on it
    message : what was expected, what came, what to do
    details : the same as data
    """

    def __init__(self, code: str, message: str, **details: Any) -> None:
        assert code in CODES, code
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.details: Mapping[str, Any] = details

    def add(self, text: str) -> None:
        """One more line of the message."""
        self.message += f"\n{text}"
        self.args = (f"{self.code}: {self.message}",)

"""The one error class of the exporter, and its codes."""

from __future__ import annotations

import re
import textwrap
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
    "FORMAT_UNSUPPORTED": "the file or folder is nothing that can be imported",
    "PROGRAM_ABSENT": "the bundle holds no torch.export program to compile",
    "COMPILER_ABSENT": "AOTInductor found no C++ compiler",
    "COMPILE_FAILED": "AOTInductor could not compile the program",
    "NOT_YET": "known, and not built yet",
    "UNEXPECTED": "an error of PyTorch's, of the system's or of this package's own that nothing here foresaw",
}

# colours and other codes of terminals, which PyTorch and other libraries write into their messages
TERMINAL_CODES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
# a place in the model's code, or an advice
OURS = re.compile(r"\(`.*`(?:, in |\))|^(?:Branches|The tracer warned|In eval mode|No line of the model) ?")
# how a message says that no example is behind it
MADE_UP = "Nobody gave this input"
# of a message where a line or two are wanted
BRIEF_LINES, BRIEF_LINE = 2, 600


def plain_text(text: str) -> str:
    """Without terminal codes."""
    return TERMINAL_CODES.sub("", text)


def brief(message: str) -> str:
    """Two lines: the cause, and the line of code or the advice that is ours among what PyTorch says below it; a third
    where it rests on an input that was made up.
    """
    lines = [line.strip() for line in message.splitlines() if line.strip()] or [""]
    ours = next((line for line in reversed(lines[1:]) if OURS.search(line)), None)
    made_up = [line for line in lines[1:] if line.startswith(MADE_UP)]
    rest = [line for line in lines if line not in made_up]
    lines = [*([lines[0], ours] if ours else rest[:BRIEF_LINES]), *made_up[:1]]
    return "\n".join(line if len(line) <= BRIEF_LINE else f"{line[:BRIEF_LINE]} …" for line in lines)


class ExportError(Exception):
    """Raised where nothing could be proven; no bundle is left behind.

    Attributes
    ----------
    code : one of `CODES`; stable, branch on it
    message : what was expected, what came, what to do
    details : the same as data; `attempts` has the whole reason of every way that was tried
    """

    def __init__(self, code: str, message: str, **details: Any) -> None:
        assert code in CODES, code
        message = plain_text(message)
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.details: Mapping[str, Any] = details

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"code": self.code, "message": self.message, "details": dict(self.details)}

    def add(self, text: str, **details: Any) -> None:
        """One more line of the message, and more details."""
        self.message += f"\n{plain_text(text)}"
        self.details = {**self.details, **details}
        self.args = (f"{self.code}: {self.message}",)

    @property
    def verbose(self) -> str:
        """The message, below it the whole reason of every way that was tried, and where an unexpected error arose."""
        parts = [str(self)]
        for name, reason in self.details.get("attempts", {}).items():
            parts.append(f"{name}:\n{textwrap.indent(plain_text(str(reason)), '  ')}")
        if "traceback" in self.details:
            parts.append(str(self.details["traceback"]).rstrip())
        return "\n\n".join(parts)

"""One line on stderr for work that takes longer than two seconds."""

from __future__ import annotations

import sys
import time
from typing import TextIO

QUIET_SECONDS = 2.0


class Progress:
    """Says what is going on. Silent for the first two seconds, and when `enabled` is false.

    On a terminal the line is rewritten; elsewhere each new stage gets a line of its own.
    """

    def __init__(self, enabled: bool = True, stream: TextIO | None = None) -> None:
        self.enabled = enabled
        self.stream = stream or sys.stderr
        self.started = time.monotonic()
        self.width = 0
        self.stage = ""

    def show(self, stage: str, done: int | None = None, total: int | None = None) -> None:
        """Parameters
        ----------
        stage : such as "replay"
        done, total : how many of how many parts, where they can be counted
        """
        seconds = time.monotonic() - self.started
        if not self.enabled or seconds < QUIET_SECONDS:
            return
        is_terminal = self.stream.isatty()
        if not is_terminal and stage == self.stage:
            return
        self.stage = stage
        count = f" {done}/{total}" if done is not None else ""
        line = f"tensorferry: {stage}{count} ({seconds:.0f} s)"
        self.stream.write(f"\r{line.ljust(self.width)}" if is_terminal else f"{line}\n")
        self.stream.flush()
        self.width = len(line)

    def end(self) -> None:
        if self.width and self.stream.isatty():
            self.stream.write(f"\r{' ' * self.width}\r")
            self.stream.flush()

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
        self.seconds: dict[str, float] = {}
        self.step = ""
        self.since = self.started

    def show(self, stage: str, done: int | None = None, total: int | None = None) -> None:
        """Parameters
        ----------
        stage : such as "replay"
        done, total : how many of how many parts, where they can be counted
        """
        self._count(stage)
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

    def _count(self, step: str) -> None:
        """Puts the time since the last call down to the step that was on."""
        now = time.monotonic()
        if self.step:
            self.seconds[self.step] = self.seconds.get(self.step, 0.0) + now - self.since
        self.step, self.since = step, now

    def taken(self) -> dict[str, float]:
        """Seconds of every step so far, in the order of their first turn."""
        self._count("")
        return {step: round(seconds, 3) for step, seconds in self.seconds.items()}

    def end(self) -> None:
        if self.width and self.stream.isatty():
            self.stream.write(f"\r{' ' * self.width}\r")
            self.stream.flush()

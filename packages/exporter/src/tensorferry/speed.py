"""How long two written files take beside each other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from torch import Tensor

from .runtimes import WrittenFile

FEWEST_ROUNDS, ROUNDS = 3, 9
# of one side of one round: much longer than the clock's step
ROUND_SECONDS = 0.02
# of all rounds: an export does not wait for more, except for the fewest rounds
SECONDS = 2.0


@dataclass(frozen=True)
class Speed:
    """Of one file against another on the same inputs, one thread each."""

    milliseconds: float
    """Median of a run."""
    ratio: float
    """Median over the rounds of its time to the other's; above 1 is slower."""
    lowest: float
    highest: float
    """Of the rounds' ratios."""


def measure_speed(file: WrittenFile, other: WrittenFile, inputs: Sequence[Tensor]) -> Speed:
    """Runs both in turns on this machine."""
    for warming in (file, other):
        _seconds(warming, inputs, 2)
    together = _seconds(file, inputs, 1) + _seconds(other, inputs, 1)
    runs = max(1, round(2 * ROUND_SECONDS / together))
    rounds = min(ROUNDS, max(FEWEST_ROUNDS, round(SECONDS / (runs * together))))
    pairs = [(_seconds(file, inputs, runs), _seconds(other, inputs, runs)) for _ in range(rounds)]
    ratios = [own / others for own, others in pairs]
    return Speed(1000 * median(own for own, _ in pairs), median(ratios), min(ratios), max(ratios))


def _seconds(file: WrittenFile, inputs: Sequence[Tensor], runs: int) -> float:
    """Of one run, on average."""
    start = time.perf_counter()
    for _ in range(runs):
        file.run(inputs)
    return (time.perf_counter() - start) / runs

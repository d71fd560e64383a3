"""How far a file of lower precision is from float32 PyTorch: in standard deviations of each output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .eager import explain
from .errors import ExportError
from .examples import Case
from .runtimes import WrittenFile

# what another CPU may differ more than this one
HEADROOM = 2.0


@dataclass
class PrecisionError:
    """Collects differences; nothing is refused before `require`.

    Attributes
    ----------
    spreads : the standard deviation of each output over the golden cases; 1 where it has none
    cases : how many inputs were replayed
    max_abs : the largest absolute difference
    golden_abs : the same over the golden cases alone
    noise : the largest root mean square difference of one output of one run in standard deviations, and where it was
    """

    file: WrittenFile
    spreads: list[float]
    cases: int = 0
    max_abs: float = 0.0
    golden_abs: float = 0.0
    noise: tuple[float, str] = (0.0, "")

    def run(self, case: Case, expected: Sequence[np.ndarray]) -> None:
        """Replays one case.

        Raises
        ------
        ExportError
            `RUNTIME_REFUSED`, or `REPLAY_MISMATCH` for what no tolerance covers: dtypes, shapes, infinities, and
            integers of an example.
        """
        try:
            got = self.file.run(case.inputs)
        except Exception as error:
            raise ExportError(
                "RUNTIME_REFUSED", f"example {case.name}: {self.file.runtime} does not run it: {explain(error)}"
            ) from error
        for index, (a, b) in enumerate(zip(expected, got, strict=True)):
            self.add(f"example {case.name}", index, a, b, is_golden=case.is_example)
        self.cases += 1

    def add(self, where: str, index: int, expected: np.ndarray, got: np.ndarray, *, is_golden: bool = True) -> None:
        """One output of one run.

        Parameters
        ----------
        is_golden : whether backends replay it: integers must be equal then; on made-up values a tie may fall either way
        """
        name = self.file.outputs[index]
        if (expected.shape, expected.dtype) != (got.shape, got.dtype):
            raise ExportError(
                "REPLAY_MISMATCH",
                f"{where}, {name}: expected {expected.dtype}{list(expected.shape)}, got {got.dtype}{list(got.shape)}",
            )
        if expected.dtype.kind != "f":
            different = int((expected != got).sum())
            if is_golden and different:
                raise ExportError(
                    "REPLAY_MISMATCH", f"{where}, {name}: {different} of {expected.size} {expected.dtype} differ"
                )
            return
        a, b = expected.astype(np.float64), got.astype(np.float64)
        finite = np.isfinite(a)
        with np.errstate(invalid="ignore"):
            same = (a == b) | (np.isnan(a) & np.isnan(b))
            lost = ~np.isfinite(b) & finite | (~finite & ~same)
        if lost.any():
            at = int(np.argmax(lost))
            raise ExportError(
                "REPLAY_MISMATCH",
                f"{where}, {name}: {int(lost.sum())} of {a.size} elements: expected {a.flat[at]:.6g}, got "
                f"{b.flat[at]:.6g}",
            )
        if not finite.any():
            return
        difference = np.abs(a - b)[finite]
        largest = float(difference.max())
        self.max_abs = max(self.max_abs, largest)
        if is_golden:
            self.golden_abs = max(self.golden_abs, largest)
        noise = float(np.sqrt(np.mean(difference**2))) / max(self.spreads[index], spread([expected]))
        if noise > self.noise[0]:
            self.noise = (noise, f"{where}, {name}")

    def require(self, precision: str, limit: float) -> None:
        """Raises `REPLAY_MISMATCH` where the noise is over `limit` standard deviations of its output."""
        noise, where = self.noise
        if noise > limit:
            raise ExportError(
                "REPLAY_MISMATCH",
                f"{precision} is too coarse for this model: {where}: off by {noise:.2g} standard deviations of the "
                f"output (root mean square), at most {limit:g} is allowed",
                noise=noise,
            )

    def tolerance(self) -> float:
        """The absolute difference that goldens may have."""
        return HEADROOM * self.golden_abs


def spread(values: Iterable[np.ndarray]) -> float:
    """The standard deviation of all finite elements; the largest absolute value where they are equal, 1 for zeros."""
    flat = np.concatenate([np.ravel(value).astype(np.float64) for value in values])
    finite = flat[np.isfinite(flat)]
    if finite.size == 0:
        return 1.0
    deviation = float(finite.std())
    largest = float(np.abs(finite).max())
    # a constant has a deviation of rounding alone
    return deviation if deviation > 1e-6 * largest else largest or 1.0


def require_same_classes(case: str, expected: np.ndarray, got: np.ndarray, margin: float) -> None:
    """The first class of every row is PyTorch's, where PyTorch's first two are further apart than `margin`.

    Raises
    ------
    ExportError
        `REPLAY_MISMATCH`.
    """
    rows = expected.reshape(-1, expected.shape[-1])
    named = got.reshape(rows.shape).argmax(-1)
    ordered = np.sort(rows, axis=-1)
    clear = ordered[:, -1] - ordered[:, -2] > margin if rows.shape[-1] > 1 else np.zeros(len(rows), bool)
    wrong = np.flatnonzero(clear & (named != rows.argmax(-1)))
    if wrong.size:
        row = int(wrong[0])
        raise ExportError(
            "REPLAY_MISMATCH",
            f"example {case}: {wrong.size} of {len(rows)} rows get another class; in row {row} PyTorch gives "
            f"{rows[row].argmax()}, the file {named[row]}",
        )

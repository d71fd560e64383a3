"""The README's code runs and prints the README's table."""

import re
from pathlib import Path

import pytest


def test_readme_code_prints_the_readme_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
    code, table = (re.search(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("python", "text"))
    assert code is not None
    assert table is not None
    monkeypatch.chdir(tmp_path)
    exec(compile(code.group(1), "README.md", "exec"), {})

    def without_measurements(shown: str) -> str:
        return re.sub(r"(?:onnxruntime|torchscript) [\d.]+ |at most \S+ off|[\d.]+ kB", "…", shown).strip()

    assert without_measurements(capsys.readouterr().out) == without_measurements(table.group(1))

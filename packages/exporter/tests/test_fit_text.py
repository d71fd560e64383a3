import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from tensorferry.commands.values import read_labels, read_steps
from tensorferry.errors import ExportError
from tensorferry.export_bundle import export_bundle
from tensorferry.fit_text import find_unfit, parse_json
from tensorferry.local_manifest import LocalManifest
from tensorferry.read_bundle import Bundle

DIGITS = Path(__file__).parents[3] / "examples" / "bundles" / "digits"
DEEP = "[" * 100_000 + "]" * 100_000
EXPECTED = "a text of at most 4096 characters on one line, without control characters"


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("digits", True),
        ("café 数字 👩‍🔬", True),
        ("x" * 4096, True),
        ("x" * 4097, False),
        ("a\nb", False),
        ("a\x1b[2J", False),
        ("a\x7f", False),
        ("a\u009b2J", False),
        ("a\u2028b", False),
        ("__proto__", False),
    ],
)
def test_texts(text: str, fits: bool) -> None:
    for value, place in ((text, ""), ({"labels": ["a", text]}, "labels[1]"), ({"producer": {text: "1"}}, "a name in")):
        problem = find_unfit(value)
        assert (problem is None) == fits
        if problem:
            assert problem.startswith(f"{place}: expected " if place != "a name in" else "a name in producer: ")
            assert EXPECTED in problem
            assert len(problem) < 400


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"name": 'digits"""\nimport os'}, "name: "),
        ({"version": "1.0\n---\n"}, "version: "),
        ({"labels": ["a", "b\tc"]}, "labels[1]: "),
        ({"docs": {"x": "one\ntwo"}}, "docs.x: "),
        ({"license": "MIT\x1b[0m"}, "license: "),
    ],
)
def test_an_export_names_the_text(options: dict, named: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        export_bundle(
            nn.Linear(2, 2).eval(),
            [(torch.arange(4.0).reshape(2, 2) + shift,) for shift in range(2)],
            out=tmp_path / "out",
            inputs=["x"],
            outputs=["y"],
            formats=["torchscript"],
            **options,
        )
    assert caught.value.code == "OPTIONS_INVALID"
    assert f"{named}expected {EXPECTED}" in str(caught.value)
    assert not (tmp_path / "out").exists()


def _spoiled(folder: Path, change: dict) -> Path:
    shutil.copytree(DIGITS, folder)
    manifest = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    (folder / "bundle.json").write_text(json.dumps({**manifest, **change}), encoding="utf-8")
    return folder


def test_a_bundle_with_such_a_text_is_not_opened(tmp_path: Path) -> None:
    folder = _spoiled(tmp_path / "digits", {"name": "digits\nmax_batch_size: 1"})
    with pytest.raises(ExportError, match=r"bundle\.json: name: expected a text") as caught:
        Bundle.open(folder)
    assert caught.value.code == "BUNDLE_INVALID"


def test_json_that_nests_without_end(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nests too deeply"):
        parse_json(DEEP)
    folder = _spoiled(tmp_path / "digits", {})
    (folder / "bundle.json").write_text(f'{{"schema": {DEEP}}}', encoding="utf-8")
    with pytest.raises(ExportError, match="nests too deeply"):
        Bundle.open(folder)
    (folder / "bundle.local.json").write_text(DEEP, encoding="utf-8")
    with pytest.raises(ExportError, match="nests too deeply"):
        LocalManifest.read(folder)
    with pytest.raises(ExportError, match="nests too deeply"):
        read_steps(DEEP, "--preprocess")
    (tmp_path / "labels.json").write_text(DEEP, encoding="utf-8")
    with pytest.raises(ExportError, match="nests too deeply"):
        read_labels(str(tmp_path / "labels.json"))

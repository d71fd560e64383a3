"""What the tests share: an exporter into a temporary folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tensorferry import ExportReport, export_bundle


def pytest_collectstart(collector: pytest.Collector) -> None:
    # values drawn while a module is read, such as those of its parameters
    if isinstance(collector, pytest.Module):
        torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def export(tmp_path: Path) -> Callable[..., ExportReport]:
    """`export_bundle` into `tmp_path / "bundle"`, silent, with a name; ONNX alone unless told otherwise."""

    def run(*args: Any, **options: Any) -> ExportReport:
        model, examples, *names = args
        return export_bundle(
            model,
            examples,
            tmp_path / "bundle",
            *names,
            **{"name": "test", "formats": ["onnx"], "progress": False, **options},
        )

    return run

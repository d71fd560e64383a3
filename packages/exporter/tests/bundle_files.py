"""Reads a written bundle back with other code than the exporter's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import safetensors.numpy
import torch


class BundleFiles:
    """A bundle's manifest, goldens and model, checked against the sizes and hashes that the manifest gives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest: dict[str, Any] = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        for entry in self.listed():
            content = (folder / entry["path"]).read_bytes()
            assert len(content) == entry["size"], entry["path"]
            assert hashlib.sha256(content).hexdigest() == entry["sha256"], entry["path"]
        self.goldens = safetensors.numpy.load_file(folder / self.manifest["goldens"]["file"]["path"])
        onnx = next(found for found in self.manifest["artifacts"] if found["format"] == "onnx")
        model = folder / onnx["files"][0]["path"]
        self.session = onnxruntime.InferenceSession(model.read_bytes(), providers=["CPUExecutionProvider"])

    def listed(self) -> list[dict[str, Any]]:
        goldens = self.manifest["goldens"]
        models = [*self.manifest["artifacts"], *([self.manifest["program"]] if "program" in self.manifest else [])]
        files = [entry for model in models for entry in model["files"]]
        return [*files, goldens["file"], *(case["raw"] for case in goldens["cases"] if "raw" in case)]

    def torchscript(self) -> Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]:
        """The bundle's TorchScript, called as `run` is."""
        found = next(found for found in self.manifest["artifacts"] if found["format"] == "torchscript")
        module = torch.jit.load(str(self.folder / found["files"][0]["path"]))

        def run(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            with torch.no_grad():
                result = module(*(torch.from_numpy(inputs[spec["name"]]) for spec in self.manifest["inputs"]))
            values = result if isinstance(result, tuple) else (result,)
            outputs = zip(self.manifest["outputs"], values, strict=True)
            return {spec["name"]: value.numpy() for spec, value in outputs}

        return run

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        names = [value.name for value in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, inputs), strict=True))

    def part(self, prefix: str) -> dict[str, np.ndarray]:
        return {key.removeprefix(prefix): value for key, value in self.goldens.items() if key.startswith(prefix)}

    def replay(self, run: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]] | None = None) -> float:
        """Runs every golden case, streams included, and returns the largest absolute difference. Default: the ONNX."""
        run = run or self.run
        worst = 0.0
        states = self.manifest["states"]
        for case in self.manifest["goldens"]["cases"]:
            prefixes = (
                [f"{case['name']}/{step}" for step in range(case["steps"])] if "steps" in case else [case["name"]]
            )
            state: dict[str, np.ndarray] = {}
            for prefix in prefixes:
                inputs = self.part(f"{prefix}/inputs.")
                for pair in states:
                    shape = self.goldens[f"{prefix}/outputs.{pair['output']}"].shape
                    inputs[pair["input"]] = state.get(pair["input"], np.zeros(shape, np.float32))
                outputs = run(inputs)
                state = {pair["input"]: outputs[pair["output"]] for pair in states}
                expected = self.part(f"{prefix}/outputs.")
                assert set(expected) == set(outputs)
                for name, value in expected.items():
                    assert value.shape == outputs[name].shape
                    assert value.dtype == outputs[name].dtype
                    worst = max(worst, float(np.abs(value.astype(np.float64) - outputs[name]).max()))
        return worst

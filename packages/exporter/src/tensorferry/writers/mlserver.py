"""A model folder of MLServer: `model-settings.json`, the ONNX file, and the runtime that MLServer itself lacks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..read_bundle import Bundle
from .datatypes import datatype
from .written import Written, dropped_ranges, dropped_steps, find_artifact, listed, new_folder, read_model

RUNTIME = Path(__file__).with_name("mlserver_runtime.py")
RUNTIME_MODULE = "onnx_runtime"
MODEL_FILE = "model.onnx"
# numpy has no bfloat16, and MLServer carries numpy arrays
UNSUPPORTED = ("bfloat16",)


def write_mlserver(bundle: str | Path, out: str | Path, *, artifact: str | None = None) -> Written:
    """Writes a folder that `mlserver start` serves, where onnxruntime is installed beside MLServer.

    Parameters
    ----------
    bundle : the bundle's folder
    out : the folder, new or empty
    artifact : an ONNX artifact's name; None takes the one in full precision

    Raises
    ------
    ExportError
        `BUNDLE_INVALID`, `OPTIONS_INVALID`, `OUTPUT_EXISTS`, `NOT_YET`.
    """
    opened = Bundle.open(Path(bundle))
    chosen = find_artifact(opened, artifact, ["onnx"])
    content = read_model(opened, chosen)
    settings = mlserver_settings(opened.manifest, chosen)
    with new_folder(Path(out)) as staging:
        (staging / MODEL_FILE).write_bytes(content)
        (staging / f"{RUNTIME_MODULE}.py").write_bytes(RUNTIME.read_bytes())
        text = json.dumps(settings, indent=2, ensure_ascii=False)
        (staging / "model-settings.json").write_text(f"{text}\n", encoding="utf-8", newline="\n")
        files = listed(staging)
    notes = [f"{RUNTIME_MODULE}.py runs the file with ONNX Runtime: install onnxruntime beside mlserver"]
    for pair in opened.manifest["states"]:
        notes.append(f"MLServer keeps no state: send {pair['input']}, zeros first, then the answer's {pair['output']}")
    if opened.manifest["labels"]:
        notes.append("not written: labels")
    return Written(str(out), files, [*notes, *dropped_ranges(opened.manifest), *dropped_steps(opened.manifest)])


def mlserver_settings(manifest: Mapping[str, Any], artifact: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `model-settings.json`."""
    return {
        "name": manifest["name"],
        "implementation": f"{RUNTIME_MODULE}.OnnxModel",
        "platform": "onnx",
        "versions": [artifact["verified"]["runtime"].replace(" ", "/")] if "verified" in artifact else [],
        "inputs": [_tensor(spec) for spec in manifest["inputs"]],
        "outputs": [_tensor(spec) for spec in manifest["outputs"]],
        "parameters": {"uri": f"./{MODEL_FILE}", "version": manifest["version"]},
    }


def _tensor(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": spec["name"],
        "datatype": datatype(spec, "MLServer", UNSUPPORTED),
        "shape": [dim if isinstance(dim, int) else -1 for dim in spec["shape"]],
    }

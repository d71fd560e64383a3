"""The goldens as ONNX's own test runners read them: `model.onnx`, `test_data_set_0/input_0.pb`, `output_0.pb`, …"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from onnx import numpy_helper

from ..read_bundle import Bundle
from ..tensors import TOLERANCES
from .written import Written, dropped_steps, find_artifact, listed, new_folder, read_model


def write_onnx_test_data(bundle: str | Path, out: str | Path, *, artifact: str | None = None) -> Written:
    """Writes a case of ONNX's backend tests, with a data set for each golden run.

    Parameters
    ----------
    bundle : the bundle's folder
    out : the case's folder, new or empty; its runner wants a name that begins with `test_`
    artifact : an ONNX artifact's name; None takes the one in full precision

    Raises
    ------
    ExportError
        `BUNDLE_INVALID`, `OPTIONS_INVALID`, `OUTPUT_EXISTS`, `NOT_YET`.
    """
    opened = Bundle.open(Path(bundle))
    chosen = find_artifact(opened, artifact, ["onnx"])
    content = read_model(opened, chosen)
    goldens = opened.goldens()
    given = opened.manifest["goldens"]["tolerance"].get(chosen["precision"])
    atol, rtol = (given["atol"], given["rtol"]) if given else TOLERANCES["float32"]
    notes = []
    with new_folder(Path(out)) as staging:
        (staging / "model.onnx").write_bytes(content)
        # the runner would take a tolerance of its own
        (staging / "data.json").write_text(f"{json.dumps({'atol': atol, 'rtol': rtol})}\n", encoding="utf-8")
        for index, (name, inputs, outputs) in enumerate(goldens.runs()):
            folder = staging / f"test_data_set_{index}"
            folder.mkdir()
            _write(folder, "input", dict(zip(opened.inputs, inputs, strict=True)))
            _write(folder, "output", dict(zip(opened.outputs, outputs, strict=True)))
            notes.append(f"{folder.name} is {name}")
        files = listed(staging)
    if opened.manifest["states"]:
        notes.append("each step of a stream is a data set of its own, with PyTorch's state of the step before")
    return Written(str(out), files, [*notes, *dropped_steps(opened.manifest)])


def _write(folder: Path, kind: str, tensors: dict[str, np.ndarray]) -> None:
    for index, (name, value) in enumerate(tensors.items()):
        content = numpy_helper.from_array(value, name).SerializeToString(deterministic=True)
        (folder / f"{kind}_{index}.pb").write_bytes(content)

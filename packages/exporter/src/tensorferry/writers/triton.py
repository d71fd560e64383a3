"""A model repository of NVIDIA Triton: `NAME/config.pbtxt` and `NAME/1/model.onnx` or `model.pt`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ExportError
from ..read_bundle import Bundle
from .datatypes import datatype
from .pbtxt import Enumerator, to_pbtxt
from .written import Written, dropped_ranges, dropped_steps, find_artifact, listed, new_folder, read_model

PLATFORMS = {"onnx": ("onnxruntime_onnx", "model.onnx"), "torchscript": ("pytorch_libtorch", "model.pt")}
LABELS_FILE = "labels.txt"
# where the batch was proven without an upper end
UNBOUNDED_BATCH = 64
# how many streams one instance takes at a time
MOST_SEQUENCES = 64
FOLDER_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.\-]*$")


def write_triton(bundle: str | Path, out: str | Path, *, artifact: str | None = None) -> Written:
    """Writes a model repository with one model.

    Parameters
    ----------
    bundle : the bundle's folder
    out : the repository's folder, new or empty
    artifact : an artifact's name; None takes the ONNX in full precision, else TorchScript

    Raises
    ------
    ExportError
        `BUNDLE_INVALID`, `OPTIONS_INVALID`, `OUTPUT_EXISTS`, and `NOT_YET` for what Triton cannot express.
    """
    opened = Bundle.open(Path(bundle))
    chosen = find_artifact(opened, artifact, list(PLATFORMS))
    content = read_model(opened, chosen)
    name = opened.manifest["name"]
    if not FOLDER_NAME.fullmatch(name):
        raise ExportError("OPTIONS_INVALID", f"name: {name!r} is no folder's name, and Triton's models are called so")
    config, notes = triton_config(opened.manifest, chosen)
    _, file_name = PLATFORMS[chosen["format"]]
    with new_folder(Path(out)) as staging:
        version = staging / name / "1"
        version.mkdir(parents=True)
        (version / file_name).write_bytes(content)
        (version.parent / "config.pbtxt").write_text(to_pbtxt(config), encoding="utf-8", newline="\n")
        if any("label_filename" in spec for spec in config["output"]):
            text = "".join(f"{label}\n" for label in opened.manifest["labels"])
            (version.parent / LABELS_FILE).write_text(text, encoding="utf-8", newline="\n")
        files = listed(staging)
    return Written(str(out), files, notes)


def triton_config(manifest: Mapping[str, Any], artifact: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The model's configuration as fields of Triton's `ModelConfig`, and notes on what it leaves out."""
    platform, _ = PLATFORMS[artifact["format"]]
    batch, size, notes = _batch(manifest, artifact)
    names = _names(manifest, artifact)
    states = {side: {pair[side] for pair in manifest["states"]} for side in ("input", "output")}
    labelled = _labelled_output(manifest)
    inputs = [_tensor(spec, names, batch) for spec in manifest["inputs"] if spec["name"] not in states["input"]]
    outputs = []
    for spec in manifest["outputs"]:
        if spec["name"] not in states["output"]:
            labels = {"label_filename": LABELS_FILE} if spec["name"] == labelled else {}
            outputs.append({**_tensor(spec, names, batch), **labels})
    if not outputs:
        raise ExportError("NOT_YET", "every output is a state, and Triton answers with none of them")
    config: dict[str, Any] = {
        "name": manifest["name"],
        "platform": platform,
        "max_batch_size": size,
        "input": inputs,
        "output": outputs,
        # the numbers were shown on the CPU
        "instance_group": [{"count": 1, "kind": Enumerator("KIND_CPU")}],
    }
    if manifest["states"]:
        config["sequence_batching"] = _sequence_batching(manifest, names, batch)
    elif batch:
        # rows that are independent may come from several requests
        config["dynamic_batching"] = {}
    if names != {name: name for name in names}:
        notes.append(f"TorchScript has no names: {', '.join(f'{old} is {new}' for old, new in names.items())}")
    if manifest["labels"] and labelled is None:
        notes.append("not written: labels, no output has a score for each")
    return config, [*notes, *dropped_ranges(manifest, batch), *dropped_steps(manifest)]


def _batch(manifest: Mapping[str, Any], artifact: Mapping[str, Any]) -> tuple[str | None, int, list[str]]:
    """The dim that Triton may batch along, the largest batch, and notes; None and 0 where there is none."""
    dim = next((name for name, found in manifest["dims"].items() if found.get("batch")), None)
    if dim is None:
        return None, 0, ["no batching: the bundle has no dim whose rows were proven independent"]
    specs = [*manifest["inputs"], *manifest["outputs"]]
    if not all(spec["shape"][:1] == [dim] and dim not in spec["shape"][1:] for spec in specs):
        return None, 0, [f"no batching: {dim} is not the first dim of every input and output"]
    if artifact["precision"] == "int8":
        return None, 0, [f"no batching by Triton: in int8 the rows of {dim} share their scales"]
    largest = manifest["dims"][dim]["max"]
    if largest is None:
        return dim, UNBOUNDED_BATCH, [f"max_batch_size is {UNBOUNDED_BATCH}: {dim} has no upper end"]
    return dim, largest, []


def _names(manifest: Mapping[str, Any], artifact: Mapping[str, Any]) -> dict[str, str]:
    """What Triton calls each tensor. TorchScript binds by place, which a number at the end of the name gives."""
    sides = {"INPUT": manifest["inputs"], "OUTPUT": manifest["outputs"]}
    by_place = artifact["format"] == "torchscript"
    return {
        spec["name"]: f"{side}__{index}" if by_place else spec["name"]
        for side, specs in sides.items()
        for index, spec in enumerate(specs)
    }


def _dims(spec: Mapping[str, Any], batch: str | None) -> list[int]:
    """Sizes without the batch; -1 for any size."""
    return [dim if isinstance(dim, int) else -1 for dim in spec["shape"][1 if batch else 0 :]]


def _tensor(spec: Mapping[str, Any], names: Mapping[str, str], batch: str | None) -> dict[str, Any]:
    dims = _dims(spec, batch)
    fields = {"name": names[spec["name"]], "data_type": Enumerator(f"TYPE_{datatype(spec, 'Triton')}")}
    if dims:
        return {**fields, "dims": dims}
    if batch is None:
        raise ExportError("NOT_YET", f"{spec['name']}: Triton takes no scalar; give it a dim of size 1")
    # one number a row: Triton's requests have a dim more
    return {**fields, "dims": [1], "reshape": {"shape": []}}


def _labelled_output(manifest: Mapping[str, Any]) -> str | None:
    """The output with a score for each label."""
    if not manifest["labels"]:
        return None
    for entry in manifest["postprocess"]:
        if any(step["op"] == "top_k" for step in entry["steps"]):
            return entry["from"][0]
    classes = len(manifest["labels"])
    return next((spec["name"] for spec in manifest["outputs"] if spec["shape"][-1:] == [classes]), None)


def _sequence_batching(manifest: Mapping[str, Any], names: Mapping[str, str], batch: str | None) -> dict[str, Any]:
    """Triton keeps the states of each sequence, zeros at first.

    Raises
    ------
    ExportError
        `NOT_YET` for a state of no fixed size: Triton would not know how many zeros to begin with.
    """
    specs = {spec["name"]: spec for spec in manifest["inputs"]}
    states = []
    for pair in manifest["states"]:
        spec = specs[pair["input"]]
        dims = _dims(spec, batch)
        if -1 in dims or not dims:
            raise ExportError(
                "NOT_YET",
                f"{spec['name']}: Triton begins a sequence with zeros of a fixed shape, and this state has "
                f"{spec['shape']}{'' if batch else ', whose rows were not proven independent'}; fix its dims",
            )
        kind = Enumerator(f"TYPE_{datatype(spec, 'Triton')}")
        initial = {"name": f"{spec['name']} of zeros", "data_type": kind, "dims": dims, "zero_data": True}
        ends = {"input_name": names[pair["input"]], "output_name": names[pair["output"]]}
        states.append({**ends, "data_type": kind, "dims": dims, "initial_state": [initial]})
    return {"oldest": {"max_candidate_sequences": MOST_SEQUENCES}, "state": states}

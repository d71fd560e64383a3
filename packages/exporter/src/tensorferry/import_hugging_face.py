"""A Hugging Face folder: which of its ONNX files, its preprocessing, labels and license."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .eager import run_eager
from .errors import ExportError
from .fit_text import parse_json
from .image_processor import pillow_note, read_image_processor
from .import_inputs import Inputs
from .import_model import ImportedModel
from .import_source import onnx_files
from .suggestion import did_you_mean
from .tensors import TOLERANCES

MODEL = "model"
# what Hugging Face's own tools call it -> precision
PRECISIONS = {
    "fp16": "float16",
    "quantized": "int8",
    "int8": "int8",
    "uint8": "uint8",
    "q8": "int8",
    "q4": "int4",
    "q4f16": "int4",
    "bnb4": "int4",
}
# what a variant may differ from the whole model: atol, rtol
VARIANT_TOLERANCES = {"float16": TOLERANCES["float16"], "int8": (0.1, 0.1), "uint8": (0.1, 0.1), "int4": (0.3, 0.3)}
CLASSIFIERS = "ForImageClassification"
MOST_LABELS_SHOWN = 5


@dataclass(frozen=True)
class Variant:
    """Another file of the same model."""

    name: str
    path: Path
    precision: str
    tolerance: tuple[float, float]


@dataclass(frozen=True)
class HuggingFaceFolder:
    """What the folder says of its model."""

    model: Path
    steps: list[dict[str, Any]]
    """From a picture to the model's input; none without pictures."""
    labels: list[str] | None
    is_classifier: bool
    license: str | None
    edge: int | None
    """Of the pictures that the model takes."""
    variants: list[Variant]
    notes: list[str] = field(default_factory=list)


def read_folder(
    folder: Path, wanted: Mapping[str, tuple[float, float] | None], with_preprocess: bool
) -> HuggingFaceFolder:
    """Reads config.json and what lies beside it.

    Parameters
    ----------
    wanted : variants by name, each with its tolerance or None for the usual one
    with_preprocess : whether preprocessor_config.json counts

    Raises
    ------
    ExportError
        `PIPELINE_INVALID` for preprocessing that no step says exactly, `OPTIONS_INVALID` for a variant that is absent.
    """
    config = _json(folder / "config.json")
    notes: list[str] = []
    files = {path.stem: path for path in onnx_files(folder)}
    if MODEL not in files and len(files) != 1:
        raise ExportError(
            "FORMAT_UNSUPPORTED",
            f"no model.onnx, but {', '.join(path.name for path in files.values())}; import one of them by itself",
        )
    main = files.get(MODEL) or next(iter(files.values()))
    variants = [_variant(name, tolerance, files) for name, tolerance in wanted.items()]
    processor = folder / "preprocessor_config.json"
    has_steps = with_preprocess and processor.is_file()
    steps = read_image_processor(_json(processor)) if has_steps else []
    note = pillow_note(_json(processor)) if has_steps else None
    if note:
        notes.append(note)
    if any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt")):
        notes.append("the tokenizer is not part of the bundle: token ids are the input")
    architectures = config.get("architectures") or [""]
    edge = config.get("image_size")
    return HuggingFaceFolder(
        main,
        steps,
        _labels(config, notes),
        str(architectures[0]).endswith(CLASSIFIERS),
        _license(folder),
        edge if isinstance(edge, int) else None,
        variants,
        notes,
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        found = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExportError("FORMAT_UNSUPPORTED", f"{path.name} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise ExportError("FORMAT_UNSUPPORTED", f"{path.name}: expected an object, got {type(found).__name__}")
    return found


def _variant(name: str, tolerance: tuple[float, float] | None, files: Mapping[str, Path]) -> Variant:
    there = {stem.removeprefix(f"{MODEL}_"): path for stem, path in files.items() if stem != MODEL}
    if name not in there:
        known = ", ".join(there) or "none"
        raise ExportError(
            "OPTIONS_INVALID", f"--variant: there is no {MODEL}_{name}.onnx, but {known}{did_you_mean(name, there)}"
        )
    precision = PRECISIONS.get(name)
    if precision is None and tolerance is None:
        raise ExportError(
            "OPTIONS_INVALID", f"--variant: {name} has no usual tolerance; say one: --variant {name}=ATOL,RTOL"
        )
    precision = precision or name
    return Variant(name, there[name], precision, tolerance or VARIANT_TOLERANCES[precision])


def _labels(config: Mapping[str, Any], notes: list[str]) -> list[str] | None:
    """`id2label` from 0 on; Hugging Face's own placeholders say nothing."""
    found = config.get("id2label")
    if not isinstance(found, dict) or not found:
        return None
    try:
        by_index = {int(key): str(value) for key, value in found.items()}
    except ValueError:
        notes.append("labels: left out, id2label's keys are no numbers")
        return None
    if sorted(by_index) != list(range(len(by_index))):
        notes.append("labels: left out, id2label does not count from 0 without gaps")
        return None
    if all(label == f"LABEL_{index}" for index, label in by_index.items()):
        return None
    return [by_index[index] for index in range(len(by_index))]


def _license(folder: Path) -> str | None:
    """From the head of the model card."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    head = re.match(r"\A---\s*\n(.*?)\n---", card.read_text(encoding="utf-8", errors="replace"), re.DOTALL)
    found = re.search(r"^license:\s*([\w.+-]+)\s*$", head.group(1), re.MULTILINE) if head else None
    return found.group(1) if found and found.group(1) != "other" else None


def fill_in(hub: HuggingFaceFolder, opened: ImportedModel, example: Inputs) -> dict[str, Any]:
    """The arguments that the folder stands for, as far as they fit the model that was opened."""
    found: dict[str, Any] = {"license": hub.license, "labels": None}
    if hub.steps:
        if len(opened.names) != 1:
            raise ExportError(
                "NOT_YET",
                f"steps are for models of one input so far, this one takes {', '.join(opened.names)}; leave them out "
                "with --no-preprocess",
            )
        found["preprocess"] = [{"raw": "image", "steps": hub.steps, "to": [opened.names[0]]}]
    if hub.labels:
        results = dict(run_eager(opened.model, example))
        classes = [name for name, value in results.items() if value.dim() and value.shape[-1] == len(hub.labels)]
        if classes:
            found["labels"] = hub.labels
        else:
            hub.notes.append(f"labels: left out, no output ends in {len(hub.labels)} classes")
        if classes and hub.steps and hub.is_classifier:
            top = min(MOST_LABELS_SHOWN, len(hub.labels))
            steps = [{"op": "softmax"}, {"op": "top_k", "k": top}]
            found["postprocess"] = [{"from": [classes[0]], "steps": steps, "to": "labels"}]
            found["task"] = "image-classification"
    return found


def generated_picture(folder: Path) -> Path:
    """A PNG of gradients and edges, the same every time: something to run the steps on where no picture is given."""
    height, width = 120, 160
    rows, columns = np.mgrid[0:height, 0:width]
    red = (columns * 255 // (width - 1)).astype(np.uint8)
    green = (rows * 255 // (height - 1)).astype(np.uint8)
    blue = np.where(((rows // 12) + (columns // 16)) % 2 == 0, 220, 40).astype(np.uint8)
    path = folder / "generated.png"
    Image.fromarray(np.stack([red, green, blue], axis=2)).save(path)
    return path

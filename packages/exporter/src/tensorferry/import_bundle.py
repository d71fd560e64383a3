"""`import_bundle`: an ONNX file, a TorchScript file or a Hugging Face folder as a bundle, proven like an export."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from .errors import ExportError
from .folder import bundle_name, require_free, staged
from .goldens import large_files
from .import_hugging_face import HuggingFaceFolder, fill_in, generated_picture, read_folder
from .import_model import Example, ImportedModel, complete_examples, read_given
from .import_onnx import open_onnx
from .import_source import find_kind
from .import_torchscript import name_results, open_torchscript
from .import_variants import prove_variants
from .option_types import check_kinds
from .problems import Problems
from .progress import Progress
from .prove import Proof
from .replay_request import Shapes
from .report import ExportReport
from .request import Request, check_options, read_request
from .unexpected import only_export_errors
from .write_bundle import write_bundle


@only_export_errors
def import_bundle(
    source: str | Path,
    out: str | Path,
    *,
    examples: Sequence[Example] = (),
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    dynamic: Mapping[str, Mapping[int, str]] | None = None,
    states: Sequence[tuple[str, str]] = (),
    preprocess: Sequence[Mapping[str, Any]] | None = None,
    postprocess: Sequence[Mapping[str, Any]] | None = None,
    labels: Sequence[str] | None = None,
    name: str | None = None,
    version: str = "1.0.0",
    license: str | None = None,
    task: str | None = None,
    raw_examples: Mapping[str, str | Path] | None = None,
    docs: Mapping[str, str] | None = None,
    variants: Mapping[str, tuple[float, float] | None] | None = None,
    progress: bool = True,
) -> ExportReport:
    """Writes a bundle from a model file and proves it: what is written is replayed beside the given file.

    The goldens come from the runtime that reads the file, not from PyTorch: they show that every backend gives its
    numbers, not that the file is right.

    Parameters
    ----------
    source : an .onnx file, a TorchScript file, or a Hugging Face folder with config.json and onnx/
    out : the folder; an earlier bundle there is replaced, files that it did not list are kept
    examples : tuples of tensors in the inputs' order, or mappings by name; an ONNX file needs none. One alone gets a
        second of other sizes and values
    inputs, outputs : other names than the file's, in its order
    dynamic : as for `export_bundle`; an axis that is not here is taken as the file declares it and as far as the
        runtime takes other sizes
    preprocess, postprocess, labels, license, task : as for `export_bundle`; a Hugging Face folder has its own, which
        `()` leaves out
    raw_examples : case name -> path of a picture; without any, a folder with preprocessing gets a generated one
    variants : of a folder: `fp16` for onnx/model_fp16.onnx as another artifact, with the (atol, rtol) in which it must
        agree with the whole model, or None for the usual ones
    states, name, version, docs, progress : as for `export_bundle`; the name is the source's by default

    Returns
    -------
    what was proven, on how many inputs, and what was not

    Raises
    ------
    ExportError
        see `tensorferry.CODES`. No bundle is left then.
    """
    path, folder = Path(source), Path(out)
    kind = find_kind(path)
    if kind != "hugging-face" and variants:
        raise ExportError("OPTIONS_INVALID", f"variants: {path.name} is no folder; import each file by itself")
    name = name or (path.resolve().stem if path.is_file() else path.resolve().name)
    problems = Problems()
    given_kinds = {
        "out": out,
        "inputs": inputs,
        "outputs": outputs,
        "dynamic": dynamic,
        "states": states,
        "preprocess": preprocess,
        "postprocess": postprocess,
        "labels": labels,
        "raw_examples": raw_examples,
        "docs": docs,
    }
    problems.found += check_kinds(given_kinds)
    problems.found += check_options(["onnx"], "auto", name, version, None if problems.found else labels)
    problems.require_none()
    require_free(folder)
    meter = Progress(progress)
    meter.show("read the model")
    hub = read_folder(path, variants or {}, with_preprocess=preprocess is None) if kind == "hugging-face" else None
    if kind == "torchscript":
        opened = open_torchscript(path, inputs, outputs)
        if not examples:
            raise ExportError(
                "EXAMPLES_INVALID",
                f"a TorchScript file does not say the dtypes and sizes of its inputs ({', '.join(opened.names)}); give "
                "examples of them: --examples file.npz, file.safetensors (keys are the inputs' names, CASE/NAME for "
                "several) or pkg.module:NAME",
            )
    else:
        opened = open_onnx(hub.model if hub else path, inputs, outputs)
    given = read_given(examples, opened.names)
    if kind == "torchscript":
        opened.outputs = name_results(opened, given[0], outputs)
    meter.show(f"try inputs in {opened.reference.name}")
    cases, dims = complete_examples(opened, given, dynamic or {}, hub.edge if hub else None)
    wanted: dict[str, Any] = {
        "preprocess": preprocess,
        "postprocess": postprocess,
        "labels": labels,
        "license": license,
        "task": task,
    }
    if hub:
        from_hub = fill_in(hub, opened, cases[0])
        wanted = {key: from_hub.get(key) if value is None else value for key, value in wanted.items()}
    notes = [f"the goldens come from {opened.reference.name} on the given file, not from PyTorch"]
    earlier = bundle_name(folder)
    if earlier not in (None, name):
        notes.append(f"replaced another bundle that was in {folder}: {earlier}")
    try:
        with staged(folder) as staging, tempfile.TemporaryDirectory() as pictures:
            raw = dict(raw_examples or {})
            if wanted["preprocess"] and not raw:
                raw["generated"] = generated_picture(Path(pictures))
                notes.append("the picture is generated; --raw-examples NAME=PICTURE takes a real one")
            request = read_request(
                model=opened.model,
                examples=cases,
                inputs=opened.names,
                outputs=opened.outputs,
                dynamic=dims.dynamic,
                states=states,
                preprocess=wanted["preprocess"] or (),
                postprocess=wanted["postprocess"] or (),
                raw_examples=raw,
                labels=wanted["labels"],
                docs=docs or {},
                identity={"name": name, "version": version, "license": wanted["license"], "task": wanted["task"]},
                formats=["torchscript" if kind == "torchscript" else "onnx"],
                capture="auto",
                reference=opened.reference,
            )
            report = write_bundle(request, staging, folder, meter, partial(_prove, opened, hub))
            notes += [*opened.notes, *(hub.notes if hub else []), *dims.notes, *large_files(staging)]
            return replace(report, notes=[*notes, *report.notes], seconds=meter.taken())
    finally:
        meter.end()


def _prove(
    opened: ImportedModel,
    hub: HuggingFaceFolder | None,
    request: Request,
    folder: Path,
    input_shapes: Shapes,
    meter: Progress,
) -> Proof:
    proof = opened.prove(request, folder, input_shapes, meter)
    return prove_variants(hub.variants if hub else (), proof, request, folder, input_shapes, meter)

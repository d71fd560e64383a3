"""`export_bundle`: from a PyTorch module to a folder whose numbers have been shown to be PyTorch's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from .advice import add_advice
from .eager import differs_in_training, evaluating, require_module
from .errors import ExportError
from .folder import bundle_name, require_free, staged
from .goldens import large_files
from .progress import Progress
from .report import ExportReport
from .request import check_options, read_request
from .write_bundle import write_bundle


def export_bundle(
    model: nn.Module,
    examples: Sequence[Sequence[Tensor]],
    out: str | Path,
    inputs: Sequence[str],
    outputs: Sequence[str] | None = None,
    dynamic: Mapping[str, Mapping[int, str]] | None = None,
    states: Sequence[tuple[str, str]] = (),
    formats: Sequence[str] = ("onnx",),
    capture: str = "auto",
    preprocess: Sequence[Mapping[str, Any]] = (),
    postprocess: Sequence[Mapping[str, Any]] = (),
    labels: Sequence[str] | None = None,
    *,
    name: str,
    version: str = "1.0.0",
    license: str | None = None,
    task: str | None = None,
    raw_examples: Mapping[str, str | Path] | None = None,
    docs: Mapping[str, str] | None = None,
    progress: bool = True,
) -> ExportReport:
    """Writes a bundle and proves it: the written file is replayed against eager PyTorch before it gets its place.

    Parameters
    ----------
    model : a module on the CPU; it is run in eval mode and put back into its own mode afterwards
    examples : at least two tuples of tensors, one tensor per input, with other values, and other sizes where dims are
        dynamic. They become the bundle's golden cases, so keep them small
    out : the folder; an earlier bundle there is replaced, files that it did not list are kept
    inputs : a name for each of forward's arguments
    outputs : a name for each tensor that forward gives; None takes the keys of a dict
    dynamic : for each input the axes that may change, such as `{"x": {0: "batch[1:64]", 2: "height[8:512:8]"}}`:
        name, smallest and largest size, and what it is a multiple of. The same name is the same size everywhere
    states : pairs (input, output) that a stream feeds back, zeros at first
    formats : `"onnx"`, `"torchscript"` (PyTorch 1.13 and later load it where its operators are that old) and
        `"aot-inductor"` (the program that `python -m tensorferry aoti` compiles on the machine that runs it). One that
        cannot be proven is left out, and `report.refused` says why
    capture : `"auto"`; for TorchScript alone also `"trace"`, which accepts what the tracer warns of if the replay
        agrees, or `"script"`
    preprocess, postprocess : pipeline entries as in the manifest; see `tensorferry.reference_pipeline` for the steps
    labels : what the indices of a classification mean
    name, version, license, task : for the manifest
    raw_examples : case name -> path of a picture that is copied into the bundle with every stage's result;
        needed when there is a pipeline
    docs : input or output name -> one line for people
    progress : whether to say on stderr what is going on, from two seconds on

    Returns
    -------
    what was proven, on how many inputs, and what was not

    Raises
    ------
    ExportError
        where no format could be proven; see `tensorferry.CODES`. No bundle is left then.
    """
    check_options(formats, capture, name, version, labels)
    require_module(model)
    folder = Path(out)
    require_free(folder)
    notes = ["the model was in train mode; it was exported in eval mode"] if differs_in_training(model) else []
    earlier = bundle_name(folder)
    if earlier not in (None, name):
        notes.append(f"replaced another bundle that was in {folder}: {earlier}")
    meter = Progress(progress)
    with evaluating(model):
        request = read_request(
            model=model,
            examples=examples,
            inputs=inputs,
            outputs=outputs,
            dynamic=dynamic,
            states=states,
            preprocess=preprocess,
            postprocess=postprocess,
            raw_examples=raw_examples or {},
            labels=labels,
            docs=docs or {},
            identity={"name": name, "version": version, "license": license, "task": task},
            formats=formats,
            capture=capture,
        )
        try:
            with staged(folder) as staging:
                report = write_bundle(request, staging, folder, meter)
                return replace(report, notes=[*notes, *large_files(staging), *report.notes])
        except ExportError as error:
            add_advice(error, model)
            raise
        finally:
            meter.end()

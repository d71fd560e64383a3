"""`export_bundle`: from a PyTorch module to a folder whose numbers have been shown to be PyTorch's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from .advice import add_advice
from .eager import differs_in_training, evaluating, require_cpu, require_module, require_python, require_weights
from .errors import ExportError
from .folder import bundle_name, require_free, staged
from .goldens import large_files
from .option_types import check_kinds
from .problems import Problems
from .progress import Progress
from .report import ExportReport
from .request import check_options, check_precisions, check_variants, read_request
from .snapshot import unchanged
from .unexpected import only_export_errors
from .write_bundle import write_bundle


@only_export_errors
def export_bundle(
    model: nn.Module,
    examples: Sequence[Sequence[Any] | Mapping[str, Any]],
    out: str | Path,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    dynamic: Mapping[str, Mapping[int, str]] | None = None,
    states: Sequence[tuple[str, str]] = (),
    formats: Sequence[str] = ("onnx", "torchscript"),
    capture: str | Mapping[str, str] = "auto",
    preprocess: Sequence[Mapping[str, Any]] | Callable[[Any], Any] = (),
    postprocess: Sequence[Mapping[str, Any]] = (),
    labels: Sequence[str] | None = None,
    *,
    name: str | None = None,
    method: str = "forward",
    version: str = "1.0.0",
    license: str | None = None,
    task: str | None = None,
    raw_examples: Mapping[str, str | Path | Mapping[str, Any]] | None = None,
    docs: Mapping[str, str] | None = None,
    precisions: Sequence[str] = (),
    rules: Mapping[str, str] | Callable[[dict[str, int]], Sequence[Any] | Mapping[str, Any]] | None = None,
    variants: Sequence[str] | None = None,
    progress: bool = True,
) -> ExportReport:
    """Writes a bundle and proves it: the written file is replayed against eager PyTorch before it gets its place.

    Parameters
    ----------
    model : a module on the CPU; it is run in eval mode and put back into its own mode afterwards, and its buffers and
        attributes are what they were before. A buffer that it writes to becomes a state. TorchScript is taken as it is
        for `formats=["torchscript"]`
    examples : at least two tuples (arguments by position) or dicts (arguments by name), with other values, and other
        sizes where dims are dynamic. An argument is a tensor, or a tuple, list, dict, named tuple, dataclass or
        PackedSequence of tensors; None, numbers, flags and texts are the same in every example, and bound into the
        file. They become the bundle's golden cases, so keep them small
    out : the folder; an earlier bundle there is replaced, files that it did not list are kept
    inputs : a name for each tensor; None takes the names of the method's parameters
    outputs : a name for each tensor that the model gives; None takes the keys of a dict or the fields of a named tuple
        or dataclass, joined by dots where they are nested; one alone is `output`
    dynamic : for each input the axes that may change, such as `{"x": {0: "batch[1:64]", 2: "height[8:512:8]"}}`:
        name, smallest and largest size (from 0 on), and what it is a multiple of. The same name is the same size
        everywhere. None: the axes that differ between the examples, as far as PyTorch takes other sizes
    states : pairs (input, output) that a stream feeds back, zeros at first
    formats : `"onnx"`, `"torchscript"` (PyTorch 1.13 and later load it where its operators are that old) and
        `"aot-inductor"` (the program that `python -m tensorferry aoti` compiles on the machine that runs it). One that
        cannot be proven is left out, and `report.refused` says why
    capture : `"auto"` tries one way after the other; `"trace"` (which accepts what the tracer warns of if the replay
        agrees), `"script"` and `"export"` (torch.export, for ONNX and `"aot-inductor"`) are one way alone. A dict says
        it for each format: `{"onnx": "export", "torchscript": "trace"}`
    preprocess, postprocess : pipeline entries as in the manifest; see `tensorferry.reference_pipeline` for the steps.
        A transform of torchvision stands for the whole preprocess, or for an entry's `steps`. postprocess alone gives
        results of a row of tensors
    labels : what the indices of a classification mean
    method : which of the model's methods to export
    name, version, license, task : for the manifest; the name is the folder's by default
    raw_examples : case name -> path of a picture that is copied into the bundle with every stage's result, or a
        mapping of paths by raw input and of tensors by input; needed when there is a preprocess
    docs : input or output name -> one line for people
    precisions : `"float16"` and `"int8"` (dynamic quantization): files beside the ONNX one in float32, each with its
        own tolerance, measured here. One that is too coarse is left out, and `report.refused` says why;
        `report.precisions` has error, size and speed
    rules : what inputs keep, so that the ones which are made up of the examples keep it too: a text for an input, such
        as `{"attention_mask": "mask", "lengths": "<= time and sorted descending"}` (`"mask"`, `"<= DIM"`, `"< DIM"`,
        `"<= 5"`, `">= 1"`, `"sorted"`, `"sorted descending"`, `"sums to 1"`, `"as given"`, `"any"`, joined by `and`),
        or a function that takes the sizes of the dims and gives one example of them. What is not said is learned from
        the examples; `report.notes` says what was
    variants : which inputs are made up beside the examples: some of `"sizes"`, `"zeros"`, `"negated"` and `"large"`;
        None is all, an empty list none
    progress : whether to say on stderr what is going on, from two seconds on

    Returns
    -------
    what was proven, on how many inputs, and what was not

    Raises
    ------
    ExportError
        where no format could be proven, or with all that is wrong with the request; see `tensorferry.CODES`. No bundle
        is left then, and no other exception is raised.
    """
    problems = Problems()
    given = {
        "out": out,
        "inputs": inputs,
        "outputs": outputs,
        "dynamic": dynamic,
        "states": states,
        "formats": formats,
        "preprocess": preprocess,
        "postprocess": postprocess,
        "labels": labels,
        "raw_examples": raw_examples,
        "docs": docs,
        "precisions": precisions,
    }
    problems.found += check_kinds(given)
    # what is of another kind cannot be looked into
    problems.require_none()
    folder = Path(out)
    name = folder.resolve().name if name is None else name
    problems.found += check_options(formats, capture, name, version, labels)
    with problems.ending():
        require_module(model)
    problems.of(lambda: require_python(model, formats))
    problems.of(lambda: require_weights(model))
    problems.of(lambda: require_cpu(model))
    problems.of(lambda: check_precisions(precisions, formats, model))
    problems.of(lambda: check_variants(variants))
    problems.of(lambda: require_free(folder))
    notes = ["the model was in train mode; it was exported in eval mode"] if differs_in_training(model) else []
    earlier = bundle_name(folder)
    if earlier not in (None, name):
        notes.append(f"replaced another bundle that was in {folder}: {earlier}")
    meter = Progress(progress)
    meter.show("run the examples")
    with evaluating(model), unchanged(model):
        request = read_request(
            model=model,
            method=method,
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
            precisions=precisions,
            rules=rules,
            variants=variants,
            problems=problems,
        )
        try:
            with staged(folder) as staging:
                report = write_bundle(request, staging, folder, meter)
                notes += [*request.notes, *request.rules.notes(), *large_files(staging)]
                return replace(report, notes=[*notes, *report.notes], seconds=meter.taken())
        except ExportError as error:
            add_advice(error, model)
            raise
        finally:
            meter.end()

"""What `predict` promises in TypeScript: the bundle's task, and its labels."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from torch import Tensor

from .errors import ExportError
from .pipeline import Pipeline, check_chain

# task -> what its postprocess gives; TypeScript types `predict` by them, and by tensors for any other task
TASKS = {
    "image-to-image": "image",
    "image-classification": "labels",
    "text-classification": "labels",
    "tabular-classification": "labels",
}
LAST_STEPS = {"image": "to_image or merge_ycbcr", "labels": "top_k"}


def check_task(task: object, pipeline: Pipeline) -> None:
    """A task that TypeScript knows must fit the steps, and another one must not hide a picture or labels.

    Raises
    ------
    ExportError
        `OPTIONS_INVALID`.
    """
    if task is None:
        return
    known = ", ".join(TASKS)
    if not isinstance(task, str) or not task.strip():
        raise ExportError("OPTIONS_INVALID", f"task: expected a text such as {known}, or None, got {task!r}")
    plain = task.strip().lower().replace("_", "-").replace(" ", "-")
    meant = difflib.get_close_matches(plain, TASKS, n=1, cutoff=0.9)
    if task not in TASKS and meant:
        raise ExportError("OPTIONS_INVALID", f"task: {task!r} is unknown; did you mean {meant[0]!r}?")
    if not pipeline:
        # without steps there is no predict that could break a promise
        return
    after = pipeline.postprocess
    gives = check_chain("postprocess[0]", after[0]["steps"], "tensor") if after else "tensor"
    wanted = TASKS.get(task, "tensor")
    if gives == wanted:
        return
    if task in TASKS:
        raise ExportError(
            "OPTIONS_INVALID",
            f"task: {task!r} promises that predict gives {wanted}, and postprocess gives {gives}; end postprocess with "
            f"{LAST_STEPS[wanted]}, or leave task out",
        )
    raise ExportError(
        "OPTIONS_INVALID",
        f"task: TypeScript does not know {task!r} and would type predict as tensors, and postprocess gives {gives}; "
        f"use one of {known}, or leave task out",
    )


def check_labels(
    labels: Sequence[str] | None, pipeline: Pipeline, outputs: Sequence[str], results: Sequence[Tensor]
) -> None:
    """One label for each class: of the output that `top_k` reads, else of any output (an axis other than the batch).

    Raises
    ------
    ExportError
        `OPTIONS_INVALID`.
    """
    if labels is None:
        return
    for entry in pipeline.postprocess:
        if any(step["op"] == "top_k" for step in entry["steps"]):
            name = entry["from"][0]
            shape = list(results[outputs.index(name)].shape)
            if not shape or shape[-1] != len(labels):
                classes = shape[-1] if shape else 0
                raise ExportError(
                    "OPTIONS_INVALID",
                    f"labels: {len(labels)} for {classes} classes of {name} {shape}; give one for each",
                )
            return
    if not any(len(labels) in value.shape[min(1, value.dim() - 1) :] for value in results if value.dim()):
        shown = ", ".join(f"{name} {list(value.shape)}" for name, value in zip(outputs, results, strict=True))
        raise ExportError(
            "OPTIONS_INVALID", f"labels: {len(labels)}, and no output has an axis of as many classes ({shown})"
        )

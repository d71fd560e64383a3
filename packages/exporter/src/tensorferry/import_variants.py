"""Other files of an imported model, such as model_fp16.onnx, as artifacts of the same bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .eager import explain, outputs_of
from .errors import ExportError
from .examples import Case, size_variants
from .import_hugging_face import Variant
from .import_onnx import open_onnx
from .onnx_file import finish_onnx, opset_of
from .progress import Progress
from .prove import Proof, Proven
from .replay import Replay
from .replay_request import Shapes, output_shapes
from .report import IMPORTED
from .request import Request
from .runtimes import OnnxFile
from .tensors import compare


def prove_variants(
    variants: Sequence[Variant], proof: Proof, request: Request, folder: Path, input_shapes: Shapes, meter: Progress
) -> Proof:
    """Writes every variant that agrees with the whole model on the examples and at other sizes; refuses the others."""
    main = proof.proven[0].replay
    shapes = output_shapes(request, main, proof.symbolic)
    for variant in variants:
        name = f"onnx-{variant.name}"
        path = folder / f"model-{variant.name}.onnx"
        meter.show(f"replay {name}")
        try:
            opened = open_onnx(variant.path, request.inputs, request.outputs)
            named = zip(request.inputs, input_shapes, strict=True), zip(request.outputs, shapes, strict=True)
            path.write_bytes(finish_onnx(opened.content, *map(list, named)))
            file = OnnxFile(path, request.inputs, request.outputs)
            replay = _replay(request, main, file, variant, meter)
        except ExportError as error:
            path.unlink(missing_ok=True)
            proof.refused[name] = error
            continue
        requires = {"opset": opset_of(path.read_bytes())}
        own = {"name": name, "precision": variant.precision, "tolerance": variant.tolerance}
        proof.proven.append(Proven("onnx", path.name, IMPORTED, requires, replay, **own))
    return proof


def _replay(request: Request, main: Replay, file: OnnxFile, variant: Variant, meter: Progress) -> Replay:
    """Runs the variant beside the whole model, within its own tolerance."""
    replay = Replay(request.model, file, request.dims, {}, meter, request.rules, request.variants, main.reference)
    sizes, _ = size_variants(request.cases[0], request.inputs, request.dims, {}, request.rules)
    prepared = [Case(raw.name, raw.inputs) for raw in request.raw]
    worst: ExportError | None = None
    for case in [*request.cases, *sizes, *prepared]:
        expected = outputs_of(request.model, case.inputs)
        try:
            got = file.run(case.inputs)
        except Exception as error:
            raise ExportError("RUNTIME_REFUSED", f"example {case.name}: {file.runtime}: {explain(error)}") from error
        replay.cases += 1
        for name, a, b in zip(request.outputs, expected, got, strict=True):
            if a.dtype != b.dtype:
                raise ExportError(
                    "REPLAY_MISMATCH",
                    f"{name} is {b.dtype} in {variant.path.name} and {a.dtype} in the whole model; a variant keeps the "
                    "dtypes (convert it with casts inside: keep_io_types)",
                )
            difference = compare(a, b, variant.precision, tolerance=variant.tolerance)
            atol, rtol = variant.tolerance
            if not difference.agrees and (worst is None or difference.max_abs > worst.details["max_abs"]):
                worst = ExportError(
                    "REPLAY_MISMATCH",
                    f"example {case.name}, {name}: {variant.path.name} differs from the whole model: "
                    f"{difference.summary} (tolerance {atol:g} + {rtol:g} * |expected|). Where that is good enough: "
                    f"--variant {variant.name}=ATOL,RTOL",
                    example=case.name,
                    output=name,
                    max_abs=difference.max_abs,
                )
            if np.isfinite(difference.max_abs):
                replay.max_abs = max(replay.max_abs, difference.max_abs)
    if worst is not None:
        raise worst
    return replay

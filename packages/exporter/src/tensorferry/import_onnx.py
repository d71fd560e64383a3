"""A bare ONNX file as a bundle: what it declares, run by ONNX Runtime, written without what tells of a machine."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto
from torch import Tensor, nn

from .capture import LARGEST_MODEL
from .dims import Dim
from .eager import explain
from .errors import ExportError
from .import_inputs import Declared
from .import_model import ImportedModel
from .names import NAME
from .onnx_file import graph_inputs
from .progress import Progress
from .prove import ONNX_FILE, Proof, Proven, write_onnx
from .reference import Reference
from .replay import Replay
from .replay_request import Shapes, new_replay, replay_all
from .report import IMPORTED
from .request import Request
from .runtimes import OnnxFile
from .tensors import DTYPES, to_numpy

ELEMENTS = {
    TensorProto.FLOAT: torch.float32,
    TensorProto.UINT8: torch.uint8,
    TensorProto.INT8: torch.int8,
    TensorProto.INT16: torch.int16,
    TensorProto.INT32: torch.int32,
    TensorProto.INT64: torch.int64,
    TensorProto.BOOL: torch.bool,
    TensorProto.FLOAT16: torch.float16,
    TensorProto.DOUBLE: torch.float64,
}
# operators that every build of ONNX Runtime has
DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
# what the onnxruntime-node of the backends reads: Python's may be newer
NEWEST_OPSET, NEWEST_IR = 26, 13
UNNAMED = re.compile(r"^unk_|^unknown|^dyn(amic)?_?(axes)?_?\d*$", re.IGNORECASE)
IDENTIFIER = re.compile(r"^[A-Za-z_]\w*$", re.ASCII)


class OnnxModule(nn.Module):
    """An ONNX file, called as a PyTorch module is."""

    def __init__(self, session: onnxruntime.InferenceSession, outputs: Sequence[str]) -> None:
        super().__init__()
        self.session = session
        self.fed = [value.name for value in session.get_inputs()]
        self.names = list(outputs)

    def forward(self, *inputs: Tensor) -> dict[str, Tensor]:
        feeds = {name: to_numpy(value) for name, value in zip(self.fed, inputs, strict=True)}
        values = self.session.run(None, feeds)
        return {name: torch.from_numpy(np.asarray(value)) for name, value in zip(self.names, values, strict=True)}


def open_onnx(path: Path, inputs: Sequence[str] | None = None, outputs: Sequence[str] | None = None) -> ImportedModel:
    """Reads and checks a file and opens it in ONNX Runtime.

    Parameters
    ----------
    inputs, outputs : other names than the file's, in its order

    Raises
    ------
    ExportError
        `FORMAT_UNSUPPORTED`, `NOT_YET`, `RUNTIME_REFUSED`, `NAMES_INVALID`.
    """
    model = _read(path)
    _check_versions(model, path.name)
    _check_operators(model, path.name)
    session = _session(path)
    fed = graph_inputs(model.graph)
    notes: list[str] = []
    names_in = _names("input", [value.name for value in fed], inputs, notes)
    names_out = _names("output", [value.name for value in model.graph.output], outputs, notes)
    declared = [_declared(value, name, "input") for value, name in zip(fed, names_in, strict=True)]
    results = [_declared(value, name, "output") for value, name in zip(model.graph.output, names_out, strict=True)]
    clean_producer(model)
    content = model.SerializeToString(deterministic=True)
    runtime = OnnxFile.runtime
    producer = {"onnxruntime": onnxruntime.__version__, "goldens": f"{runtime}, not PyTorch"}
    return ImportedModel(
        OnnxModule(session, names_out),
        declared,
        None,
        Reference(runtime, producer, precision_of(model)),
        content,
        partial(_prove, content, results),
        notes,
    )


def _read(path: Path) -> onnx.ModelProto:
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:
        raise ExportError("FORMAT_UNSUPPORTED", f"{path.name} cannot be read as ONNX: {explain(error)}") from error
    if not model.graph.node:
        raise ExportError("FORMAT_UNSUPPORTED", f"{path.name} holds no ONNX graph; is it a Core ML file, or cut off?")
    outside = {entry.value for tensor in _tensors(model) for entry in tensor.external_data if entry.key == "location"}
    missing = sorted(name for name in outside if not (path.parent / name).is_file())
    if missing:
        raise ExportError(
            "FORMAT_UNSUPPORTED", f"{path.name} keeps weights in {', '.join(missing)}: put it beside {path.name}"
        )
    size = path.stat().st_size + sum((path.parent / name).stat().st_size for name in outside)
    if size > LARGEST_MODEL:
        raise ExportError(
            "NOT_YET", f"{path.name} takes {size / 1e9:.1f} GB with its weights, more than one ONNX file holds (1.5 GB)"
        )
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
    except Exception as error:
        raise ExportError("FORMAT_UNSUPPORTED", f"{path.name}: its weights: {explain(error)}") from error
    return model


def _tensors(model: onnx.ModelProto) -> Iterable[TensorProto]:
    """Every tensor that may lie outside the file."""
    return onnx.external_data_helper._get_all_tensors(model)


def _check_versions(model: onnx.ModelProto, name: str) -> None:
    opset = max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=1)
    if opset > NEWEST_OPSET or model.ir_version > NEWEST_IR:
        raise ExportError(
            "FORMAT_UNSUPPORTED",
            f"{name} has opset {opset} and IR version {model.ir_version}, the backends run up to {NEWEST_OPSET} and "
            f"{NEWEST_IR}; export it with an older opset, or convert it: onnx.version_converter.convert_version",
            opset=opset,
            ir_version=model.ir_version,
        )


def _check_operators(model: onnx.ModelProto, name: str) -> None:
    own = {(function.domain, function.name) for function in model.functions}
    found: dict[str, None] = {}
    waiting = [model.graph.node, *(function.node for function in model.functions)]
    while waiting:
        for node in waiting.pop():
            waiting += [attribute.g.node for attribute in node.attribute if attribute.HasField("g")]
            waiting += [inner.node for attribute in node.attribute for inner in attribute.graphs]
            if node.domain not in DOMAINS and (node.domain, node.op_type) not in own:
                found[f"{node.domain}.{node.op_type}"] = None
    if found:
        raise ExportError(
            "FORMAT_UNSUPPORTED",
            f"{name} uses operators that only a library of its own has: {', '.join(list(found)[:5])}; export the model "
            "without them (a tokenizer belongs before the model), or write them as functions of the file",
            operators=list(found),
        )


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ExportError(
            "RUNTIME_REFUSED", f"{OnnxFile.runtime} does not load {path.name}: {explain(error)}"
        ) from error


def _names(kind: str, found: Sequence[str], wanted: Sequence[str] | None, notes: list[str]) -> list[str]:
    """The file's names, those that a bundle can have; the caller's come first."""
    if wanted is not None:
        if len(wanted) != len(found):
            raise ExportError(
                "NAMES_INVALID", f"{kind}s: {len(wanted)} names for {len(found)} of the file ({', '.join(found)})"
            )
        return list(wanted)
    names: list[str] = []
    for name in found:
        plain = re.sub(r"[^A-Za-z0-9_.\-]", "_", name)
        plain = plain if NAME.match(plain) else f"{kind}_{plain.strip('_')}".rstrip("_")
        base, number = plain, 2
        while plain in names:
            plain, number = f"{base}_{number}", number + 1
        if plain != name:
            notes.append(f"{kind} {plain}: called {name!r} in the file")
        names.append(plain)
    return names


def _declared(value: onnx.ValueInfoProto, name: str, kind: str) -> Declared:
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type"):
        what = value.type.WhichOneof("value") or "nothing"
        raise ExportError(
            "FORMAT_UNSUPPORTED",
            f"{kind} {name} is a {what.removesuffix('_type')}, and a bundle has tensors only; export it as a tensor "
            "(skl2onnx: options={'zipmap': False})",
        )
    if tensor.elem_type not in ELEMENTS:
        found = TensorProto.DataType.Name(tensor.elem_type)
        code = "NOT_YET" if found in ("BFLOAT16", "STRING") else "FORMAT_UNSUPPORTED"
        raise ExportError(code, f"{kind} {name} is {found.lower()}, which a bundle's inputs and outputs cannot be yet")
    shape = tuple(_dim(dim) for dim in tensor.shape.dim) if tensor.HasField("shape") else None
    return Declared(name, ELEMENTS[tensor.elem_type], shape)


def _dim(dim: onnx.TensorShapeProto.Dimension) -> int | str | None:
    """A size, a name, or None: what exporters call unknown is no name, and so is an expression."""
    if dim.HasField("dim_value"):
        return dim.dim_value if dim.dim_value > 0 else None
    name = dim.dim_param
    is_name = IDENTIFIER.match(name) and not UNNAMED.match(name) and not keyword.iskeyword(name)
    return name if is_name else None


def clean_producer(model: onnx.ModelProto) -> None:
    """A producer that names a folder tells of a machine."""
    for field in ("producer_name", "producer_version", "domain"):
        if re.search(r"[/\\]", getattr(model, field)):
            model.ClearField(field)


def precision_of(model: onnx.ModelProto) -> str:
    """The floating-point dtype of most weights."""
    sizes: dict[str, int] = {}
    for tensor in model.graph.initializer:
        dtype = ELEMENTS.get(tensor.data_type)
        if dtype is not None and dtype.is_floating_point:
            sizes[DTYPES[dtype]] = sizes.get(DTYPES[dtype], 0) + int(np.prod(tensor.dims, dtype=np.int64))
    return max(sizes, key=lambda dtype: sizes[dtype]) if sizes else "float32"


def _prove(
    content: bytes, results: Sequence[Declared], request: Request, folder: Path, input_shapes: Shapes, meter: Progress
) -> Proof:
    """Writes the file with the bundle's names and dims, and replays it beside the given one."""
    symbolic = [
        [dim if isinstance(dim, int) or dim in request.dims.ranges else None for dim in found.shape]
        if found.shape is not None and len(found.shape) == rank
        else [None] * rank
        for found, rank in zip(results, request.output_ranks, strict=True)
    ]
    shapes: list[list[Dim]] = symbolic

    def replay(file: OnnxFile) -> Replay:
        found = new_replay(request, file, {}, meter)
        replay_all(request, found, knows_dims=False)
        return found

    requires, shown = write_onnx(request, folder, content, input_shapes, shapes, replay)
    return Proof([Proven("onnx", ONNX_FILE, IMPORTED, requires, shown)], {}, shapes)

"""Makes an exported ONNX graph fit for publication: our names, no source paths, the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import onnx
from onnx import ModelProto, helper

from .dims import Dim
from .errors import ExportError


def finish_onnx(
    content: bytes, inputs: Sequence[tuple[str, Sequence[Dim]]], outputs: Sequence[tuple[str, Sequence[Dim]]]
) -> bytes:
    """Renames inputs and outputs, writes their dims, and strips everything that tells of the machine.

    Parameters
    ----------
    content : a serialized ONNX model
    inputs, outputs : name and dims in the graph's order; a name or an expression is written as `dim_param`

    Raises
    ------
    ExportError
        `CAPTURE_FAILED` when the graph lost an input or an output.
    """
    model = onnx.load_from_string(content)
    graph = model.graph
    fed = graph_inputs(graph)
    for kind, found, wanted in (("input", fed, inputs), ("output", graph.output, outputs)):
        if len(found) != len(wanted):
            raise ExportError(
                "CAPTURE_FAILED", f"the ONNX graph has {len(found)} {kind}s, expected {', '.join(n for n, _ in wanted)}"
            )
    _give_outputs_values_of_their_own(graph)
    _rename(graph, {v.name: n for v, (n, _) in zip([*fed, *graph.output], [*inputs, *outputs], strict=True)})
    for value, (_, dims) in zip([*fed, *graph.output], [*inputs, *outputs], strict=True):
        tensor = value.type.tensor_type
        tensor.ClearField("shape")
        # a scalar has a shape too, an empty one
        tensor.shape.SetInParent()
        for dim in dims:
            entry = tensor.shape.dim.add()
            if isinstance(dim, int):
                entry.dim_value = dim
            elif dim is not None:
                entry.dim_param = dim
    _strip(model)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ExportError("CAPTURE_FAILED", f"the graph is no valid ONNX: {error}") from error
    return model.SerializeToString(deterministic=True)


def graph_inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """What a caller feeds: older files list their weights among the inputs too."""
    initializers = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in initializers]


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph and every branch and loop body inside it."""
    yield graph
    yield from _inner_graphs(graph.node)


def _inner_graphs(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.GraphProto]:
    for node in nodes:
        for attribute in node.attribute:
            for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                yield from _graphs(inner)


def _give_outputs_values_of_their_own(graph: onnx.GraphProto) -> None:
    """An input returned as it is, or one value returned twice, gets an Identity node: names must be unique."""
    taken = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    for index, value in enumerate(graph.output):
        if value.name in taken:
            source = value.name
            value.name = f"{source}_output_{index}"
            graph.node.append(helper.make_node("Identity", [source], [value.name], name=f"node_{value.name}"))
        taken.add(value.name)


def _rename(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    """Renames values everywhere; inner values that are in the way of a new name step aside."""
    every = set()
    for part in _graphs(graph):
        every |= {value.name for value in [*part.input, *part.output]} | {tensor.name for tensor in part.initializer}
        every |= {name for node in part.node for name in [*node.input, *node.output]}
    mapping = dict(names)
    for name in sorted(every):
        if name in set(names.values()) and name not in names:
            aside = f"{name}_inner"
            while aside in every or aside in names.values():
                aside += "_"
            mapping[name] = aside
    for part in _graphs(graph):
        for value in [*part.input, *part.output, *part.initializer]:
            value.name = mapping.get(value.name, value.name)
        for node in part.node:
            node.input[:] = [mapping.get(name, name) for name in node.input]
            node.output[:] = [mapping.get(name, name) for name in node.output]


def _strip(model: ModelProto) -> None:
    """Removes doc strings, metadata (torch.onnx writes stack traces there) and the inferred shapes of inner values."""
    model.doc_string = ""
    del model.metadata_props[:]
    # a build's local part, such as +cpu
    model.producer_version = model.producer_version.split("+")[0]
    functions = list(model.functions)
    for function in functions:
        function.doc_string = ""
        del function.metadata_props[:]
        del function.value_info[:]
    graphs = [*_graphs(model.graph), *(inner for function in functions for inner in _inner_graphs(function.node))]
    for graph in graphs:
        graph.doc_string = ""
        del graph.metadata_props[:]
        # declared shapes of inner values can be wrong, and runtimes infer their own
        del graph.value_info[:]
        for part in [*graph.input, *graph.output, *graph.initializer]:
            part.doc_string = ""
            del part.metadata_props[:]
    for node in [node for holder in [*graphs, *functions] for node in holder.node]:
        node.doc_string = ""
        del node.metadata_props[:]
        for attribute in node.attribute:
            attribute.doc_string = ""


def opset_of(content: bytes) -> int:
    """The version of ONNX's own operators that the model needs."""
    model = onnx.load_from_string(content)
    return max(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))

"""The inputs of an ONNX file: one, or several that become parts of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.parts import describe_parts
from models.specs import InputSpec
from training.errors import ImportModelError

_INPUTS = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.INT32, TensorProto.UINT8}
_ROWS = "rows_of_parts"
_OLDEST = 10
"""Version of the operators from which Slice takes its ends as inputs."""


def take_inputs(model: onnx.ModelProto, inputs: InputSpec) -> list[str]:
    """Leave one input, and return what was made of several: rows ``(B, size)`` that the first nodes take apart.

    Args:
        model: The file's graph, which is changed.
        inputs: Specification of the inputs.

    Raises:
        ImportModelError: if the graph takes others.
    """
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    found = {value.name: _copied(value) for value in graph.input if value.name not in weights}
    _check_names(found, inputs)
    for value in found.values():
        _check_input(value)
    del graph.input[:]
    if not inputs.parts:
        graph.input.extend(found.values())
        return []
    return _join(model, found, inputs)


def layout(name: str, theirs: Sequence[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape in which an input of a file takes a row of some shape, its axes in the file's own order.

    Args:
        name: Name of the input.
        theirs: Shape of a row as the file has it; 0 where a length is open.
        shape: Shape of a row, of an image channels first.

    Raises:
        ImportModelError: if it takes another.
    """
    last = (*shape[1:], shape[0])
    bare = tuple(length for length in shape if length != 1)
    for wanted in (shape, last, (int(np.prod(shape)),), bare):
        if len(theirs) == len(wanted) and all(a in (0, b) for a, b in zip(theirs, wanted, strict=True)):
            return wanted
    listed = "x".join(str(length or "?") for length in theirs)
    raise ImportModelError(
        f"the graph's input {name} takes rows of {listed}, and --inputs says {'x'.join(map(str, shape))}"
    )


def _check_names(found: Mapping[str, onnx.ValueInfoProto], inputs: InputSpec) -> None:
    listed = ", ".join(found) or "none"
    if not inputs.parts and len(found) != 1:
        raise ImportModelError(
            f"the graph has {len(found)} inputs ({listed}), and --inputs states one: state each as --inputs"
            " NAME=KIND:SHAPE"
        )
    if inputs.parts and set(inputs.parts) != set(found):
        raise ImportModelError(f"--inputs names {describe_parts(inputs)}, and the graph's inputs are {listed}")


def _check_input(value: onnx.ValueInfoProto) -> None:
    kind = value.type.tensor_type
    if kind.elem_type not in _INPUTS:
        name = TensorProto.DataType.Name(kind.elem_type).casefold()
        raise ImportModelError(f"the graph's input {value.name} is {name}: export it in float32, or ids in int64")
    if len(kind.shape.dim) < 2:
        raise ImportModelError(f"the graph's input {value.name} has no axis of rows: its first axis has to be it")


def _join(model: onnx.ModelProto, found: Mapping[str, onnx.ValueInfoProto], inputs: InputSpec) -> list[str]:
    version = max(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    if version < _OLDEST:
        raise ImportModelError(
            f"the graph's operators are of version {version}, and several inputs take {_OLDEST} or newer: export it"
            " again"
        )
    counts = {name: value.type.tensor_type.shape.dim[0].dim_value for name, value in found.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count or 'any'}" for name, count in counts.items())
        raise ImportModelError(f"the graph's inputs take different numbers of rows ({listed}): export it with one")
    rows = next(iter(counts.values())) or "batch"
    model.graph.input.append(helper.make_tensor_value_info(_ROWS, TensorProto.FLOAT, [rows, inputs.size]))
    nodes, told = [], []
    for name, place in inputs.places.items():
        nodes += _take(model.graph, found[name], inputs.parts[name], place)
        if _is_last(found[name], inputs.parts[name]):
            told.append(f"{name}: the file's channels are the last axis, and a request's the first")
    rest = [_copied_node(node) for node in model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    return told


def _take(graph: onnx.GraphProto, value: onnx.ValueInfoProto, part: InputSpec, place: slice) -> list[onnx.NodeProto]:
    """Return nodes that make an input of the file of its part of the rows."""
    name, kind = value.name, value.type.tensor_type
    shape = part.shape if _is_last(value, part) else layout(name, _lengths(value), part.shape)
    constants = {"start": [place.start], "stop": [place.stop], "axis": [1], "shape": [0, *shape]}
    named = {what: f"{_ROWS}_{name}_{what}" for what in (*constants, "values", "shaped", "moved")}
    for what, numbers in constants.items():
        graph.initializer.append(numpy_helper.from_array(np.array(numbers, np.int64), named[what]))
    nodes = [
        helper.make_node("Slice", [_ROWS, named["start"], named["stop"], named["axis"]], [named["values"]]),
        helper.make_node("Reshape", [named["values"], named["shape"]], [named["shaped"]]),
    ]
    last = named["shaped"]
    if _is_last(value, part):
        order = [0, *range(2, len(shape) + 1), 1]
        nodes.append(helper.make_node("Transpose", [last], [named["moved"]], perm=order))
        last = named["moved"]
    return [*nodes, helper.make_node("Cast", [last], [name], to=kind.elem_type)]


def _is_last(value: onnx.ValueInfoProto, part: InputSpec) -> bool:
    """Return whether the file has a part's channels as the last axis."""
    theirs = layout(value.name, _lengths(value), part.shape)
    return theirs != part.shape and len(theirs) == len(part.shape)


def _lengths(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    return tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)[1:]


def _copied(value: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    copied = onnx.ValueInfoProto()
    copied.CopyFrom(value)
    return copied


def _copied_node(node: onnx.NodeProto) -> onnx.NodeProto:
    copied = onnx.NodeProto()
    copied.CopyFrom(node)
    return copied

"""An ONNX file from elsewhere, read without running it: one input, the results that are taken, no dropout at work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import TensorProto, helper, numpy_helper

from models.errors import CheckpointError, did_you_mean
from models.graphs import MOST_BYTES, check_graph, parse_graph
from models.specs import InputSpec
from training.errors import ImportModelError
from training.run.importing.onnx_files.inputs import take_inputs
from training.run.importing.onnx_files.machine_learning import read_before_maps, replace_scalers

BATCH = "batch"
_FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE)


@dataclass(frozen=True)
class OnnxFile:
    """A graph from elsewhere.

    Attributes:
        graph: The graph in evaluation mode, with one input and the results that are taken.
        rows: Number of rows that its input takes; 0 if it takes any.
        dropouts: Names of its dropouts, by the name of the result of each.
        told: Sentences on what was made of it.
    """

    graph: onnx.ModelProto
    rows: int
    dropouts: dict[str, str]
    told: tuple[str, ...]

    @property
    def input(self) -> onnx.ValueInfoProto:
        """The one input."""
        value: onnx.ValueInfoProto = self.graph.graph.input[0]
        return value

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one row as the file has it; 0 where a length is open."""
        return tuple(dim.dim_value for dim in self.input.type.tensor_type.shape.dim)[1:]


def read_onnx(path: Path, inputs: InputSpec, outputs: Sequence[str] = ()) -> OnnxFile:
    """Read a file.

    Args:
        path: The file.
        inputs: Specification of the inputs.
        outputs: Names of the results to take; empty for those that are floats.

    Raises:
        ImportModelError: if it is no graph that could be served, in one line.
    """
    try:
        return _read(path, inputs, outputs)
    except CheckpointError as error:
        raise ImportModelError(f"{path.name}: {error}") from error


def _read(path: Path, inputs: InputSpec, outputs: Sequence[str]) -> OnnxFile:
    if not path.is_file():
        raise ImportModelError(f"there is no file {path}")
    if path.stat().st_size > MOST_BYTES:
        raise ImportModelError(f"{path.name} has {path.stat().st_size} bytes, of which {MOST_BYTES} are allowed")
    model = parse_graph(path.read_bytes())
    joined = take_inputs(model, inputs)
    read_before_maps(model.graph)
    told = _take_outputs(model.graph, outputs)
    replace_scalers(model.graph)
    _prune(model)
    dropouts, more = _evaluate(model.graph)
    _open_results(model.graph)
    first = model.graph.input[0].type.tensor_type.shape.dim[0]
    return OnnxFile(model, first.dim_value, dropouts, (*joined, *told, *more))


def _take_outputs(graph: onnx.GraphProto, wanted: Sequence[str]) -> list[str]:
    """Leave the results that are taken, and say which are not."""
    names = [value.name for value in graph.output]
    for name in wanted:
        if name not in names:
            raise ImportModelError(
                f"--output {name}: the graph has no such result{did_you_mean(name, names)}; it has {', '.join(names)}"
            )
    taken = [v for v in graph.output if (v.name in wanted if wanted else v.type.tensor_type.elem_type in _FLOATS)]
    if len(taken) not in (1, 2):
        raise ImportModelError(
            f"the graph has the results {', '.join(names)}, of which one is taken, or a mean and a spread: name them"
            " with --output"
        )
    left = [name for name in names if name not in {value.name for value in taken}]
    kept = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in taken]
    del graph.output[:]
    graph.output.extend(kept)
    return [f"of the graph's results {', '.join(v.name for v in kept)} is taken, not {', '.join(left)}"] if left else []


def _prune(model: onnx.ModelProto) -> None:
    """Remove what no result that is taken depends on, and the shapes that others have written down."""
    graph = model.graph
    needed, kept = {value.name for value in graph.output}, []
    for node in reversed(graph.node):
        if not needed.isdisjoint(node.output):
            needed.update(node.input)
            kept.append(node)
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in reversed(kept)]
    weights = [tensor for tensor in graph.initializer if tensor.name in needed]
    weights = [onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in weights]
    for part, values in ((graph.node, nodes), (graph.initializer, weights)):
        del part[:]
        part.extend(values)
    del graph.value_info[:]
    used = {node.domain or "" for node in nodes} | {""}
    opsets = [one for one in model.opset_import if one.domain in used or one.domain == "ai.onnx"]
    opsets = [helper.make_opsetid(one.domain, one.version) for one in opsets]
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    del model.metadata_props[:]


def _evaluate(graph: onnx.GraphProto) -> tuple[dict[str, str], list[str]]:
    """Put dropout and batch norm into evaluation mode; return the names of the dropouts, and what was done."""
    dropouts, norms = {}, 0
    read = {name for node in graph.node for name in node.input}
    for node in graph.node:
        if node.op_type == "Dropout":
            if not read.isdisjoint(node.output[1:]):
                raise ImportModelError(f"the graph reads the mask of dropout {node.name}: export it without")
            dropouts[node.output[0]] = node.name or node.output[0]
            del node.output[1:], node.input[2:]
        if node.op_type == "BatchNormalization" and (len(node.output) > 1 or _in_training(node)):
            norms += 1
            kept = [a for a in node.attribute if a.name != "training_mode"]
            kept = [onnx.AttributeProto.FromString(a.SerializeToString()) for a in kept]
            del node.attribute[:], node.output[1:]
            node.attribute.extend(kept)
    return dropouts, [f"{norms} batch norms in training mode take their running statistics"] if norms else []


def _in_training(node: onnx.NodeProto) -> bool:
    return any(attribute.name == "training_mode" and attribute.i for attribute in node.attribute)


def _open_results(graph: onnx.GraphProto) -> None:
    for value in graph.output:
        for dim in value.type.tensor_type.shape.dim:
            dim.Clear()


def open_rows(file: OnnxFile, shape: Sequence[int]) -> onnx.ModelProto:
    """Return a file's graph for any number of rows.

    Where the file has a fixed number, it is the first constant of each Reshape that has it.

    Args:
        file: The file.
        shape: Shape of one row as the graph reads it, in place of lengths that are open.

    Raises:
        ImportModelError: if the graph is more than operators and weights, or too large.
    """
    model = onnx.ModelProto()
    model.CopyFrom(file.graph)
    dims = model.graph.input[0].type.tensor_type.shape.dim
    dims[0].dim_param = BATCH
    for dim, length in zip(list(dims)[1:], shape, strict=True):
        dim.dim_value = length
    if file.rows:
        constants = {tensor.name: tensor for tensor in model.graph.initializer}
        constants |= {node.output[0]: node.attribute[0].t for node in model.graph.node if node.op_type == "Constant"}
        for node in model.graph.node:
            if node.op_type == "Reshape" and node.input[1] in constants:
                _open_reshape(constants[node.input[1]], file.rows)
    try:
        check_graph(model.SerializeToString())
    except CheckpointError as error:
        raise ImportModelError(str(error)) from error
    return model


def _open_reshape(tensor: onnx.TensorProto, rows: int) -> None:
    lengths = numpy_helper.to_array(tensor).copy()
    if lengths.ndim == 1 and len(lengths) and lengths[0] == rows:
        lengths[0] = 0 if -1 in lengths else -1
        tensor.CopyFrom(numpy_helper.from_array(lengths, tensor.name))

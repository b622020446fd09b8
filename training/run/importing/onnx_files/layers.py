"""The last layer of a graph from elsewhere: the features that it reads, and the axis of its outputs."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
import onnx_ir as ir

from training.run.importing.onnx_files.editing import Editor, rows_axis, shape_of
from training.run.importing.onnx_files.read import BATCH

_CONVOLUTIONS = ("Conv", "ConvTranspose")
_MIXING = ("Flatten", "Gather", "MatMul", "Reshape", "Slice", "Squeeze", "Unsqueeze")
"""Operators after which the axis of a layer's outputs may be another."""


def find_last_layer(graph: ir.Graph, results: Collection[ir.Value]) -> ir.Node | None:
    """Return the last layer that results depend on: a convolution, or a product with weights."""
    needed = set(results)
    for node in reversed(graph):
        if not needed.isdisjoint(node.outputs):
            if _is_layer(node):
                return node
            needed.update(value for value in node.inputs if value is not None)
    return None


def _is_layer(node: ir.Node) -> bool:
    product = node.op_type == "MatMul" and rows_axis_of(node.inputs[1]) is None
    return product or node.op_type in ("Gemm", *_CONVOLUTIONS)


def rows_axis_of(value: ir.Value | None) -> tuple[int, int] | None:
    """Return the axis of a value that counts rows; ``None`` of a weight."""
    return None if value is None or value.shape is None else rows_axis(value)


def outputs_axis(graph: ir.Graph, result: ir.Value) -> int:
    """Return the axis of a result that has the outputs: where its last layer makes it, else the second of a map."""
    rank = len(shape_of(result))
    layer = find_last_layer(graph, [result])
    orders, value = [], result
    while layer is not None and value is not layer.outputs[0]:
        node = value.producer()
        if node is None or node.op_type in _MIXING:
            return min(1, rank - 1)
        if node.op_type == "Transpose":
            orders.append(node.attributes["perm"].as_ints())
        value = next((v for v in node.inputs if rows_axis_of(v)), result.graph and node.inputs[0])  # type: ignore
    if layer is None:
        return min(1, rank - 1)
    axis = 1 if layer.op_type in _CONVOLUTIONS else rank - 1
    for order in reversed(orders):
        axis = list(order).index(axis)
    return axis


def add_features(editor: Editor, result: ir.Value) -> ir.Value:
    """Return what the last layer reads, its mean over the positions of a row, ``(B, features)``.

    Args:
        editor: The graph.
        result: Outputs ``(B, *positions, outputs)``, which stand in where there is no last layer.
    """
    layer = find_last_layer(editor.graph, [result])
    read = result if layer is None else layer.inputs[0]
    assert read is not None
    axis = rows_axis(read)
    if axis is None:
        read, axis, layer = result, (0, 1), None
    index, times = axis
    channels_first = layer is not None and layer.op_type in _CONVOLUTIONS
    shape = shape_of(read)
    value = editor.transpose(read, [index, *(i for i in range(len(shape)) if i != index)])
    lengths = [int(length) for i, length in enumerate(shape) if i != index]
    if times > 1:
        value, lengths = editor.reshape(value, [BATCH, times, *lengths]), [times, *lengths]
    features = lengths[1 if times > 1 else 0] if channels_first else lengths[-1]
    if channels_first:
        at = 2 if times > 1 else 1
        value = editor.transpose(value, [0, *(i for i in range(len(lengths) + 1) if i not in (0, at)), at])
    positions = math.prod(lengths) // features
    return _pooled(editor, editor.cast(value, ir.DataType.FLOAT), positions, features)


def _pooled(editor: Editor, value: ir.Value, positions: int, features: int) -> ir.Value:
    """Return the mean over positions, as a product, which every version of ONNX has: ``(B, features)``."""
    if positions == 1:
        return editor.reshape(value, [BATCH, features])
    flat = editor.reshape(value, [BATCH, positions, features])
    mean = editor.constant(np.full((1, positions), 1 / positions, np.float32))
    product = editor.add("MatMul", [mean, flat], [BATCH, 1, features])
    return editor.reshape(product, [BATCH, features])

"""Operators of ``ai.onnx.ml``, as scikit-learn's converter writes them, in place of which standard ones can stand."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def replace_scalers(graph: onnx.GraphProto) -> None:
    """Let a difference and a product stand in for each Scaler."""
    nodes = []
    for node in graph.node:
        if node.op_type != "Scaler":
            nodes.append(onnx.NodeProto.FromString(node.SerializeToString()))
            continue
        given = {attribute.name: list(attribute.floats) for attribute in node.attribute}
        (result,) = node.output
        names = [f"{result}_{name}" for name in ("offset", "scale", "centred")]
        for name, values in zip(names, (given.get("offset", [0]), given.get("scale", [1])), strict=False):
            graph.initializer.append(numpy_helper.from_array(np.array(values, np.float32), name))
        nodes += [
            helper.make_node("Sub", [node.input[0], names[0]], [names[2]]),
            helper.make_node("Mul", [names[2], names[1]], [result]),
        ]
    del graph.node[:]
    graph.node.extend(nodes)


def read_before_maps(graph: onnx.GraphProto) -> None:
    """Let the tensor that a ZipMap reads be the graph's result, in place of a dictionary for each row."""
    read = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "ZipMap"}
    for value in graph.output:
        if value.name in read:
            value.CopyFrom(helper.make_tensor_value_info(read[value.name], TensorProto.FLOAT, [None, None]))

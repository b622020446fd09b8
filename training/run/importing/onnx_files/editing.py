"""Nodes that are added to a graph from elsewhere, in operators that every version of ONNX has in the same form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from training.run.importing.onnx_files.read import BATCH

Lengths = Sequence[int | str]


class Editor:
    """A graph to which nodes are added.

    Args:
        graph: The graph, each of whose tensors has a shape.
    """

    def __init__(self, graph: ir.Graph) -> None:
        self.graph = graph
        self._number = 0

    def add(
        self, operator: str, inputs: Sequence[ir.Value], lengths: Lengths, attributes: Mapping[str, Any] | None = None
    ) -> ir.Value:
        """Return the result of a node at the end of the graph.

        Args:
            operator: Name of the operator.
            inputs: What it reads.
            lengths: Shape of the result, whose type is that of the first input.
            attributes: Attributes of the node.
        """
        node = ir.node(operator, inputs, attributes or {})
        self.graph.append(node)
        (result,) = node.outputs
        self._number += 1
        result.name, result.type, result.shape = f"added_{self._number}", inputs[0].type, ir.Shape(lengths)
        return result

    def constant(self, array: np.ndarray[Any, Any]) -> ir.Value:
        """Return a constant."""
        self._number += 1
        value = ir.val(f"added_{self._number}", const_value=ir.tensor(array))
        self.graph.register_initializer(value)
        return value

    def cast(self, value: ir.Value, kind: ir.DataType) -> ir.Value:
        """Return a value as numbers of a kind."""
        if value.dtype == kind:
            return value
        result = self.add("Cast", [value], list(shape_of(value)), {"to": int(kind)})
        result.type = ir.TensorType(kind)
        return result

    def reshape(self, value: ir.Value, lengths: Lengths) -> ir.Value:
        """Return a value in another shape, in which one length at most counts rows."""
        numbers = [length if isinstance(length, int) else -1 for length in lengths]
        return self.add("Reshape", [value, self.constant(np.array(numbers, np.int64))], lengths)

    def transpose(self, value: ir.Value, order: Sequence[int]) -> ir.Value:
        """Return a value with its axes in another order."""
        if list(order) == sorted(order):
            return value
        return self.add("Transpose", [value], [shape_of(value)[i] for i in order], {"perm": list(order)})


def shape_of(value: ir.Value) -> list[int | str]:
    """Return the shape of a value: numbers, and text where a length counts rows."""
    assert value.shape is not None  # all were measured
    return [length if isinstance(length, int) else str(length) for length in value.shape]


def rows_axis(value: ir.Value) -> tuple[int, int] | None:
    """Return the axis of a value that counts rows, and how many entries of it a row has; ``None`` if there is not one.

    Args:
        value: A value whose shape was measured.
    """
    counted = [(i, length) for i, length in enumerate(shape_of(value)) if isinstance(length, str)]
    if len(counted) != 1:
        return None
    axis, length = counted[0]
    times = "1" if length == BATCH else length.partition("*")[0]
    return (axis, int(times)) if times.isdecimal() else None

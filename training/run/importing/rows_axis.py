"""The axis of a traced tensor that counts rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import fx


@dataclass(frozen=True)
class RowsAxis:
    """The axis of a tensor that counts rows, each of which may be several entries of it.

    Attributes:
        index: Position of the axis.
        factor: Number of entries that a row has on the axis, as heads of attention or windows of an image are.
    """

    index: int
    factor: int


class Lengths:
    """The lengths of the axes of a trace, as numbers and as multiples of the number of rows.

    Args:
        graph: The trace, whose only argument are the rows.
    """

    def __init__(self, graph: fx.Graph) -> None:
        rows = next(node for node in graph.nodes if node.op == "placeholder")
        self._symbol = _expression(rows.meta["val"].shape[0])

    def axis(self, node: fx.Node) -> RowsAxis | None:
        """Return the axis of a node's tensor that counts rows; ``None`` if none does, or more than one."""
        return self.axis_of(tuple(node.meta["val"].shape))

    def axis_of(self, shape: tuple[Any, ...]) -> RowsAxis | None:
        """Return the axis of a shape that counts rows; ``None`` if none does, or more than one."""
        counted = [i for i, length in enumerate(shape) if not isinstance(length, int)]
        factors = [_expression(shape[i]) / self._symbol for i in counted]
        if len(counted) != 1 or not factors[0].is_Integer:
            return None
        return RowsAxis(counted[0], int(factors[0]))


def _expression(length: Any) -> Any:
    """Return a length as a formula of symbols."""
    assert isinstance(length, torch.SymInt)
    return length.node.expr

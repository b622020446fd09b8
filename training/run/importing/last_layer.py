"""The last layer of a trace, and the features that it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from models.prediction.reference import pool_features
from training.run.importing.rows_axis import Lengths, RowsAxis

_ATEN = torch.ops.aten
_LINEAR = (_ATEN.linear.default, _ATEN.addmm.default, _ATEN.mm.default)
_CONVOLUTIONS = (
    *(_ATEN.conv1d.default, _ATEN.conv2d.default, _ATEN.conv3d.default),
    *(_ATEN.conv1d.padding, _ATEN.conv2d.padding, _ATEN.conv3d.padding),
    *(_ATEN.conv_transpose1d.default, _ATEN.conv_transpose2d.input, _ATEN.conv_transpose3d.input),
)


def is_linear(node: fx.Node) -> bool:
    """Return whether a node is a linear layer, whose outputs are its last axis."""
    return node.target in _LINEAR


def find_last_layer(graph: fx.Graph, results: Sequence[fx.Node]) -> fx.Node | None:
    """Return the last linear or convolution layer that results depend on; ``None`` if there is none."""
    reached = set(results)
    node: fx.Node
    for node in reversed(graph.nodes):
        if node in reached:
            if is_linear(node) or node.target in _CONVOLUTIONS:
                return node
            reached.update(node.all_input_nodes)
    return None


@dataclass(frozen=True)
class Features:
    """What the last layer reads, and how it is pooled.

    Attributes:
        axis: Axis of the rows.
        channels_first: ``True`` if a convolution reads it.
    """

    axis: RowsAxis
    channels_first: bool

    def pool(self, activations: Tensor) -> Tensor:
        """Return features ``(B, features)`` of what the last layer reads, their mean over the positions of a row."""
        values = activations.movedim(self.axis.index, 0)
        if self.axis.factor > 1:
            values = values.reshape(-1, self.axis.factor, *values.shape[1:])
        if self.axis.factor > 1 and self.channels_first:
            values = values.movedim(2, 1)
        return pool_features(values, channels_first=self.channels_first)


def find_features(graph: fx.Graph, results: Sequence[fx.Node]) -> tuple[fx.Node, Features]:
    """Return the node that the last layer reads; the first result itself where there is no such layer."""
    layer = find_last_layer(graph, results)
    if layer is not None:
        read = layer.args[1 if layer.target is _ATEN.addmm.default else 0]
        assert isinstance(read, fx.Node)
        axis = Lengths(graph).axis(read)
        if axis is not None:
            return read, Features(axis, not is_linear(layer))
    return results[0], Features(RowsAxis(0, 1), channels_first=False)

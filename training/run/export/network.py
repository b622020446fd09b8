"""The graph of a predictive model: its network with the draws as inputs."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
import torch
from torch import Tensor, nn
from torch.func import vmap

from models.prediction.draws import Draws
from models.prediction.graph import DRAWS, FEATURES, OUTPUTS, ROWS
from models.prediction.last_layer import LastLayer
from models.prediction.masks import Mask
from models.prediction.predictor import Predictor
from training.errors import ExportError
from training.run.export.graph import export_module, serialise
from training.run.export.pairs import BATCH, make_pairs

_BATCH, _DRAWS = 7, 11
"""Lengths of the axes in the example that is traced: other than what a network's own axes have."""
_KERNEL_AXES = 3
"""Fewest axes of the kernel of a convolution: channels out and in, and at least one of space."""


class _Function(nn.Module):
    """One function of rows, whose tensors are inputs: its output and the features of each row."""

    def __init__(self, network: nn.Module, last_layer: LastLayer, names: Sequence[str]) -> None:
        super().__init__()
        self.network, self.names = network, names
        self.last_layer = last_layer

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        rows, *function = inputs
        return self.last_layer.evaluate_function(rows, dict(zip(self.names, function, strict=True)))


class _Functions(_Function):
    """All draws at once: what does not depend on a draw is computed once."""

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        axes = (None, *(0 for _ in inputs[1:]))
        result: tuple[Tensor, Tensor] = vmap(super().forward, in_dims=axes)(*inputs)
        return result


def export_network(model: Predictor) -> bytes:
    """Return the serialised graph of a model's network, in the form that :mod:`models.prediction.graph` describes.

    Raises:
        ExportError: if the network cannot become a graph.
    """
    posterior = model.posterior
    sampled = {} if posterior.max_samples == 0 else posterior.sample(0, 2)
    draws = {name: tensor for name, tensor in sampled.items() if tensor.is_floating_point()}
    masks = {f"{name}.mask" for name, module in posterior.network.named_modules() if isinstance(module, Mask)}
    if draws and draws.keys() <= masks:
        return _pairs(model, draws)
    kernels = any(tensor.ndim > _KERNEL_AXES for tensor in draws.values())
    if draws and not kernels:
        try:
            return _all_draws(model, draws)
        except ExportError:  # an operator without a rule for draws that are an axis of any length
            pass
    return _one_draw(model, draws)


def _pairs(model: Predictor, draws: Draws) -> bytes:
    per_row = {name: tensor[:1].expand(_BATCH, *tensor.shape[1:]) for name, tensor in draws.items()}
    graph = _exported(model, _Function, per_row, BATCH, BATCH)
    make_pairs(graph.graph)
    return serialise(graph)


def _all_draws(model: Predictor, draws: Draws) -> bytes:
    many = {name: tensor[:1].expand(_DRAWS, *tensor.shape[1:]) for name, tensor in draws.items()}
    return serialise(_exported(model, _Functions, many, ROWS, DRAWS))


def _one_draw(model: Predictor, draws: Draws) -> bytes:
    one = {name: tensor[0] for name, tensor in draws.items()}
    return serialise(_exported(model, _Function, one, ROWS))


def _exported(model: Predictor, kind: type[_Function], tensors: Draws, axis: str, *draw_axes: str) -> ir.Model:
    function = kind(model.posterior.network, model.last_layer, list(tensors))
    example = torch.zeros(_BATCH, *model.inputs.shape)
    inputs = {ROWS: example, **{name: tensor.detach().clone() for name, tensor in tensors.items()}}
    axes = {ROWS: (axis,), **dict.fromkeys(tensors, draw_axes)}
    return export_module(function, inputs, axes, [OUTPUTS, FEATURES])

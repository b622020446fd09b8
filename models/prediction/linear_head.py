"""The linear layer that ends a network: its name, and the features that it maps to the network's outputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.errors import ModelStructureError
from models.prediction.draws import Hook, observe_zeros
from models.prediction.graph_network import LAST_LAYER, GraphNetwork

_NO_PADDING = ((0, 0), "valid", "same")


def find_linear_head(network: nn.Module, input_shape: tuple[int, ...]) -> str:
    """Return the name of the linear layer whose outputs are the network's own.

    A convolution of one pixel is a linear layer of every pixel.

    Args:
        network: Any network.
        input_shape: Shape of one row; a row of zeros is passed.

    Raises:
        ModelStructureError: if the last layer with weights is another one, is used more than once, or if anything but
            a change of axes follows it.
    """
    if isinstance(network, GraphNetwork) and hasattr(network, LAST_LAYER):
        return LAST_LAYER
    called: list[nn.Module] = []

    def remember(module: nn.Module, _inputs: Any, _output: Any) -> None:
        called.append(module)

    weighted = [module for module in network.modules() if next(module.parameters(recurse=False), None) is not None]
    observe_zeros(network, input_shape, dict.fromkeys(weighted, remember))
    last = called[-1]
    name: str = next(name for name, module in network.named_modules() if module is last)
    if problem := _problem(last, called.count(last)) or _what_follows(network, last, input_shape):
        raise ModelStructureError(
            f"laplace needs a network that ends with a linear layer, and the last one with weights here, {name!r},"
            f" {problem}: take another posterior, or end the network with nn.Linear or nn.Conv2d of kernel 1"
        )
    return name


def features_of(layer: nn.Module, activation: Tensor) -> Tensor:
    """Return what a linear layer multiplies by its weights, channels last, ``(B, *positions, D)``.

    Args:
        layer: Layer that :func:`find_linear_head` has found.
        activation: Input of the layer. A bias is the weight of one more feature, which is 1.
    """
    features = activation.movedim(1, -1) if isinstance(layer, nn.Conv2d) else activation
    return features if layer.bias is None else nn.functional.pad(features, (0, 1), value=1.0)


def _problem(layer: nn.Module, uses: int) -> str:
    """Return why a layer is no linear one, to follow its name; empty if it is."""
    if isinstance(layer, nn.Conv2d):
        if layer.kernel_size != (1, 1) or layer.stride != (1, 1) or layer.groups != 1:
            return f"is a convolution of {' x '.join(map(str, layer.kernel_size))} pixels, {layer.groups} groups"
        if layer.padding not in _NO_PADDING:
            return "is a convolution that pads its input"
    elif not isinstance(layer, nn.Linear):
        return f"is of type {type(layer).__name__}"
    return "" if uses == 1 else f"is used {uses} times in a pass"


def _what_follows(network: nn.Module, layer: nn.Module, input_shape: tuple[int, ...]) -> str:
    """Return what makes the network's outputs others than the layer's; empty if they are the same."""
    seen: list[Tensor] = []

    def replace(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        channels = 1 if isinstance(layer, nn.Conv2d) else -1
        ramp = torch.arange(1.0, output.shape[channels] + 1)
        return ramp.expand(output.movedim(channels, -1).shape).movedim(-1, channels)

    def remember(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        seen.append(output)

    hooks: dict[nn.Module, Hook] = {layer: replace, network: remember}  # type: ignore[dict-item]
    observe_zeros(network, input_shape, hooks)
    (output,) = seen
    ramp = torch.arange(1.0, output.shape[-1] + 1)
    return "" if torch.equal(output, ramp.expand_as(output)) else "is followed by something that changes its outputs"

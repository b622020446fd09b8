"""Dropout whose randomness is data: modules that multiply by a mask which is handed in."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.errors import ModelStructureError
from models.noise import ScaledBernoulli, Site
from models.prediction.draws import Hook, observe_zeros
from models.prediction.graph_network import GraphNetwork
from models.prediction.posterior import DROPOUT


class Mask(nn.Module):
    """A module that takes the place of dropout: its mask, a buffer of ones, is replaced by the masks of a draw."""

    mask: Tensor

    def __init__(self, keep: float, whole_channels: bool) -> None:
        super().__init__()
        self.keep = keep
        self.whole_channels = whole_channels
        self.register_buffer("mask", torch.ones(()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return activations ``(B, ...)`` times the mask."""
        return x * self.mask


def with_masks(network: nn.Module) -> nn.Module:
    """Return the network itself, its dropout modules replaced by masks; those of probability zero by nothing."""
    for parent in list(network.modules()):
        # Not named_children(), which skips a module that has two names: each name is a site of its own.
        for name, child in list(parent._modules.items()):
            if isinstance(child, DROPOUT):
                whole_channels = not isinstance(child, nn.Dropout)
                setattr(parent, name, Mask(1 - child.p, whole_channels) if child.p else nn.Identity())
    return network


def mask_sites(network: nn.Module, input_shape: tuple[int, ...]) -> tuple[Site, ...]:
    """Return one site per mask that a forward pass reaches, of its activation's shape without the batch axis.

    A mask that is used at every step of a sequence is one site: its shape is that of one step.

    Raises:
        ModelStructureError: if a mask meets activations of different shapes.
    """
    if isinstance(network, GraphNetwork):
        return network.sites
    sites: dict[str, Site] = {}

    def remember(name: str, module: Any, activation: Tensor) -> None:
        shape = tuple(activation.shape[1:])
        if module.whole_channels:
            shape = (shape[0], *(1 for _ in shape[1:]))
        site = Site(f"{name}.mask", shape, ScaledBernoulli(module.keep))
        if sites.setdefault(name, site) != site:
            raise ModelStructureError(f"{name} is used on activations of different shapes: it needs one mask for all")

    def watch(name: str) -> Hook:
        return lambda module, inputs, _output: remember(name, module, inputs[0])

    hooks: dict[nn.Module, Hook] = {
        module: watch(name) for name, module in network.named_modules() if isinstance(module, Mask)
    }
    observe_zeros(network, input_shape, hooks)
    return tuple(sites.values())

"""MC-dropout: a draw is one set of dropout masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from models import noise
from models.draws import Draws
from models.errors import ModelStructureError
from models.noise import Site
from models.posterior import DROPOUT, Posterior, refuse_hidden_randomness


class MCDropout(Posterior):
    r"""Dropout kept at prediction time is variational inference with Bernoulli masks on the weights' rows.

    One mask serves all rows of a batch, and all time steps of a sequence, so that one draw is one function. In
    training every row has a mask of its own, which is ordinary dropout.

    Args:
        network: Its ``nn.Dropout`` modules are where the masks go.
        input_shape: Shape of one row; the shapes of the masks are learnt from a row of zeros.
        length_scale: The prior's :math:`l`, in :math:`\mathrm{KL} \approx \frac{l^2}{2} \lVert W \rVert^2`, the weight
            decay of the paper (its factor :math:`1 - p` is absorbed here).

    References:
        Gal & Ghahramani (2016), Dropout as a Bayesian Approximation.
        Gal & Ghahramani (2016), A Theoretically Grounded Application of Dropout in Recurrent Neural Networks.
    """

    def __init__(self, network: nn.Module, input_shape: tuple[int, ...], length_scale: float = 0.1) -> None:
        super().__init__()
        refuse_hidden_randomness(network)
        self.network = _with_masks(network)
        self.length_scale = length_scale
        self.sites = _mask_sites(self.network, input_shape)
        if not self.sites:
            raise ModelStructureError("MC-dropout needs a network with at least one active nn.Dropout")

    def functions(self, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return dict(noise)

    def kl(self, function: Draws) -> Tensor:
        squares = [parameter.square().sum() for parameter in self.network.parameters()]
        return 0.5 * self.length_scale**2 * torch.stack(squares).sum()

    def training_function(self, seed: int, step: int, rows: int) -> dict[str, Tensor]:
        per_row = [replace(site, shape=(rows, *site.shape)) for site in self.sites]
        picked = self._on_device(noise.draw(per_row, seed, step + 1, step))
        return {name: masks[0] for name, masks in picked.items()}


class Mask(nn.Module):
    """A dropout module whose randomness is data: it multiplies by a mask that is handed in."""

    mask: Tensor

    def __init__(self, keep: float, whole_channels: bool) -> None:
        super().__init__()
        self.keep = keep
        self.whole_channels = whole_channels
        self.register_buffer("mask", torch.ones(()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.mask


def _with_masks(network: nn.Module) -> nn.Module:
    for parent in list(network.modules()):
        # Not named_children(), which skips a module that has two names: each name is a site of its own.
        for name, child in list(parent._modules.items()):
            if isinstance(child, DROPOUT):
                whole_channels = not isinstance(child, nn.Dropout)
                setattr(parent, name, Mask(1 - child.p, whole_channels) if child.p else nn.Identity())
    return network


def _mask_sites(network: nn.Module, input_shape: tuple[int, ...]) -> tuple[Site, ...]:
    """One site per mask that a forward pass reaches, of its activation's shape without the batch axis."""
    sites: dict[str, Site] = {}

    def remember(name: str, module: Mask, activation: Tensor) -> None:
        shape = tuple(activation.shape[1:])
        if module.whole_channels:
            shape = (shape[0], *(1 for _ in shape[1:]))
        site = Site(f"{name}.mask", shape, noise.Mask(module.keep))
        if sites.setdefault(name, site) != site:
            raise ModelStructureError(f"{name} is used on activations of different shapes: it needs one mask for all")

    handles = [
        module.register_forward_hook(lambda m, inputs, _out, name=name: remember(name, m, inputs[0]))
        for name, module in network.named_modules()
        if isinstance(module, Mask)
    ]
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(1, *input_shape))
    finally:
        network.train(training)
        for handle in handles:
            handle.remove()
    return tuple(sites.values())

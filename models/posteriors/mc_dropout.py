"""MC-dropout: a draw is one set of dropout masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from models.errors import ModelStructureError
from models.noise import draw_noise
from models.prediction.draws import Draws
from models.prediction.masks import mask_sites, with_masks
from models.prediction.posterior import Posterior, refuse_hidden_randomness


class MCDropout(Posterior):
    r"""Dropout kept at prediction time: variational inference with Bernoulli masks on the weights' rows.

    One mask serves all rows of a batch, and all time steps of a sequence, so that one draw is one function. In
    training every row has a mask of its own, which is ordinary dropout.

    Args:
        network: Network with ``nn.Dropout`` modules; the masks go there.
        input_shape: Shape of one row; the shapes of the masks are learnt from a row of zeros.
        length_scale: Length scale :math:`l` of the prior, in the weight decay of the paper (its factor :math:`1 - p` is
            absorbed here), :math:`\mathrm{KL} \approx \frac{l^2}{2} \lVert W \rVert^2`.

    References:
        Gal & Ghahramani (2016), Dropout as a Bayesian Approximation.
        Gal & Ghahramani (2016), A Theoretically Grounded Application of Dropout in Recurrent Neural Networks.
    """

    def __init__(self, network: nn.Module, input_shape: tuple[int, ...], length_scale: float = 0.1) -> None:
        super().__init__()
        refuse_hidden_randomness(network)
        self.network = with_masks(network)
        self.length_scale = length_scale
        self.sites = mask_sites(self.network, input_shape)
        if not self.sites:
            raise ModelStructureError("MC-dropout needs a network with at least one active nn.Dropout")

    def transform_noise(self, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the masks ``(S, ...)`` as they were drawn: they are the draw."""
        return dict(noise)

    def kl(self, draws: Draws) -> Tensor:
        """Return the weight decay of a Gaussian prior in nats, a scalar."""
        squares = [parameter.square().sum() for parameter in self.network.parameters()]
        return 0.5 * self.length_scale**2 * torch.stack(squares).sum()

    def sample_for_training(self, seed: int, step: int, rows: int) -> dict[str, Tensor]:
        """Return dropout masks of a step, ``(1, rows, ...)``: every row has its own."""
        per_row = [replace(site, shape=(rows, *site.shape)) for site in self.sites]
        return self._on_device(draw_noise(per_row, seed, step + 1, step))

"""Posteriors whose network is trained as ordinary networks are: one set of weights, with dropout and weight decay."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from models.catalogue import NonNegative
from models.noise import draw_noise
from models.prediction.draws import Draws
from models.prediction.masks import mask_sites, with_masks
from models.prediction.posterior import Posterior, refuse_hidden_randomness


class Regularised(Posterior):
    r"""A posterior that is fitted as a maximum a posteriori of the weights under a Gaussian prior.

    In training every row has dropout masks of its own, which is ordinary dropout.

    Args:
        network: Any network.
        input_shape: Shape of one row; the shapes of the masks are learnt from a row of zeros.
        length_scale: Length scale :math:`l` of the prior, in the weight decay
            :math:`\mathrm{KL} \approx \frac{l^2}{2} \lVert W \rVert^2`.

    Attributes:
        masks: Noise sites of one set of dropout masks.
    """

    def __init__(self, network: nn.Module, input_shape: tuple[int, ...], length_scale: NonNegative = 0.1) -> None:
        super().__init__()
        refuse_hidden_randomness(network)
        self.network = with_masks(network)
        self.length_scale = length_scale
        self.masks = mask_sites(self.network, input_shape)

    def kl(self, draws: Draws) -> Tensor:
        """Return the weight decay in nats, a scalar."""
        squares = [parameter.square().sum() for parameter in self.network.parameters()]
        return 0.5 * self.length_scale**2 * torch.stack(squares).sum()

    def sample_for_training(self, seed: int, step: int, rows: int) -> dict[str, Tensor]:
        """Return dropout masks of a step, ``(1, rows, ...)``: every row has its own."""
        per_row = [replace(site, shape=(rows, *site.shape)) for site in self.masks]
        return self._on_device(draw_noise(per_row, seed, step + 1, step))

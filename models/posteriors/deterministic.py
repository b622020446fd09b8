"""No uncertainty about the weights: the control that every Bayesian model is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from models.noise import draw_noise
from models.prediction.draws import Draws
from models.prediction.masks import mask_sites, with_masks
from models.prediction.posterior import Posterior, refuse_hidden_randomness


class Deterministic(Posterior):
    r"""A posterior of one function: nothing epistemic is estimated, and an answer says so by ``null``.

    The function is the maximum a posteriori of the weights under a Gaussian prior. Dropout, if the network has any,
    is kept for training alone, every row with masks of its own: ordinary regularisation.

    Args:
        network: Any network.
        input_shape: Shape of one row.
        length_scale: Length scale of the weight decay, as in MC-dropout.
    """

    max_samples: int | None = 0

    def __init__(self, network: nn.Module, input_shape: tuple[int, ...], length_scale: float = 0.1) -> None:
        super().__init__()
        refuse_hidden_randomness(network)
        self.network = with_masks(network)
        self.length_scale = length_scale
        self.masks = mask_sites(self.network, input_shape)
        self.sites = ()

    def transform_noise(self, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return no tensor ``(S, ...)``: the network itself is the only function."""
        return {}

    def kl(self, draws: Draws) -> Tensor:
        """Return the weight decay of a Gaussian prior in nats, a scalar."""
        squares = [parameter.square().sum() for parameter in self.network.parameters()]
        return 0.5 * self.length_scale**2 * torch.stack(squares).sum()

    def sample_for_training(self, seed: int, step: int, rows: int) -> dict[str, Tensor]:
        """Return dropout masks of a step, ``(1, rows, ...)``: every row has its own."""
        per_row = [replace(site, shape=(rows, *site.shape)) for site in self.masks]
        return self._on_device(draw_noise(per_row, seed, step + 1, step))

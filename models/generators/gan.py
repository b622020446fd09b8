"""The generative adversarial network, fully connected."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

from torch import Tensor, nn

from models.adversary import Adversary
from models.noise import Normal, Site
from models.specs import Control


class GAN(Adversary):
    """Rectifiers and a sigmoid against maxout units, as in the paper, without the dropout of its discriminator.

    Args:
        shape: ``(channels, height, width)`` of an image.
        noise: Size of the code z.
        hidden: Widths of the generator's hidden layers.
        critic_hidden: Widths of the discriminator's, in maxout units.
        pieces: Linear functions of which a maxout unit is the largest.

    References:
        Goodfellow et al. (2014), Generative Adversarial Nets, section 5.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        noise: int = 100,
        hidden: tuple[int, ...] = (1200, 1200),
        critic_hidden: tuple[int, ...] = (240, 240),
        pieces: int = 5,
    ) -> None:
        super().__init__()
        pixels = math.prod(shape)
        rectified = [layer for sizes in pairwise((noise, *hidden)) for layer in (nn.Linear(*sizes), nn.ReLU())]
        self.generator = nn.Sequential(
            *rectified, nn.Linear((noise, *hidden)[-1], pixels), nn.Sigmoid(), nn.Unflatten(1, shape)
        )
        maxout = [Maxout(*sizes, pieces) for sizes in pairwise((pixels, *critic_hidden))]
        self.critic = nn.Sequential(nn.Flatten(), *maxout, nn.Linear((pixels, *critic_hidden)[-1], 1))
        self.sites = (Site("z", (noise,), Normal()),)
        self.controls = (
            Control("z", "vector", -10.0, 10.0, "the whole code, standard normal if left out", size=noise),
        )

    def images(self, latents: Mapping[str, Tensor]) -> Tensor:
        made: Tensor = self.generator(latents["z"])
        return made

    def judge(self, pixels: Tensor, latents: Mapping[str, Tensor]) -> Tensor:
        logits: Tensor = self.critic(2 * pixels - 1)
        return logits.flatten()


class Maxout(nn.Module):
    """Each unit is the largest of some linear functions of all inputs (Goodfellow et al., 2013)."""

    def __init__(self, inputs: int, units: int, pieces: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, units * pieces)
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.linear(x)
        return outputs.reshape(len(x), -1, self.pieces).amax(-1)

"""The generative adversarial network, fully connected."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from itertools import pairwise

from torch import Tensor, nn

from models.catalogue import Count
from models.generation.unconditional import Unconditional
from models.generators.dcgan import downsampler


class GAN(Unconditional):
    """A generator of rectifiers and a sigmoid against a discriminator of maxout units, without its dropout.

    The discriminator may also be convolutional, as in one of the paper's models of CIFAR-10: a fully connected one
    does not see that two images of the same stroke, a pixel apart, are alike.

    Args:
        shape: ``(channels, height, width)`` of an image.
        noise: Size of the code z.
        hidden: Widths of the generator's hidden layers.
        normalised: Whether these have batch normalisation, which is younger than the paper.
        critic_hidden: Widths of the discriminator's hidden layers, in maxout units.
        pieces: Number of linear functions of which a maxout unit is the largest.
        critic_width: Channels of a convolutional discriminator at half the image's sides, twice as many at every
            further halving; it is DCGAN's with layer normalisation, and takes the place of the maxout units.

    References:
        Goodfellow et al. (2014), Generative Adversarial Nets, section 5.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        noise: Count = 100,
        hidden: tuple[Count, ...] = (1200, 1200),
        normalised: bool = False,
        critic_hidden: tuple[Count, ...] = (240, 240),
        pieces: Count = 5,
        critic_width: Count | None = None,
    ) -> None:
        super().__init__(noise)
        pixels = math.prod(shape)
        layers = connected(noise, hidden, pixels, normalised)
        self.generator = nn.Sequential(*layers, nn.Sigmoid(), nn.Unflatten(1, shape))
        if critic_width is None:
            maxout = [Maxout(*sizes, pieces) for sizes in pairwise((pixels, *critic_hidden))]
            self.critic = nn.Sequential(nn.Flatten(), *maxout, nn.Linear((pixels, *critic_hidden)[-1], 1))
        else:
            self.critic = downsampler(shape, critic_width, 4, partial(nn.GroupNorm, 1))

    def images(self, latents: Mapping[str, Tensor]) -> Tensor:
        """Return images ``(B, channels, height, width)`` in [0, 1] of codes ``z``, ``(B, noise)``."""
        made: Tensor = self.generator(latents["z"])
        return made


def connected(inputs: int, hidden: tuple[int, ...], outputs: int, normalised: bool) -> list[nn.Module]:
    """Return linear layers from ``(B, inputs)`` to ``(B, outputs)``, rectifiers and perhaps batch norm between."""
    layers: list[nn.Module] = []
    for before, after in pairwise((inputs, *hidden)):
        layers += [nn.Linear(before, after), *([nn.BatchNorm1d(after)] if normalised else []), nn.ReLU()]
    return [*layers, nn.Linear((inputs, *hidden)[-1], outputs)]


class Maxout(nn.Module):
    """A layer each of whose units is the largest of some linear functions of all inputs (Goodfellow et al., 2013)."""

    def __init__(self, inputs: int, units: int, pieces: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, units * pieces)
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        """Return activations ``(B, units)`` of inputs ``(B, inputs)``."""
        outputs: Tensor = self.linear(x)
        return outputs.reshape(len(x), -1, self.pieces).amax(-1)

"""The Wasserstein GAN."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

from torch import Tensor, nn

from models.catalogue import Count
from models.generation.unconditional import Unconditional
from models.generators.dcgan import downsampler, upsampler
from models.generators.gan import connected


class WGAN(Unconditional):
    """The generator of a DCGAN, and a critic with layer normalisation, whose values are not squashed.

    The generator may also be fully connected, as in one of the pairs that the paper trains with the same settings.

    A gradient penalty asks each image for a slope of its own, which batch normalisation would mix with the others';
    layer normalisation does not (Gulrajani et al., 2017, section 4).

    Args:
        shape: ``(channels, height, width)`` of an image. The sides are halved, rounded up, down to ``smallest``.
        noise: Size of the code z.
        width: Channels of the generator at half the image's sides; twice as many at every further halving.
        critic_width: Channels of the critic likewise.
        smallest: Least side of the first layer.
        hidden: Widths of a fully connected generator's hidden layers, with batch normalisation; it takes the place of
            the convolutions.

    References:
        Arjovsky, Chintala & Bottou (2017), Wasserstein GAN; Gulrajani et al. (2017), Improved Training of Wasserstein
        GANs.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        noise: Count = 100,
        width: Count = 64,
        critic_width: Count = 64,
        smallest: Count = 4,
        hidden: tuple[Count, ...] | None = None,
    ) -> None:
        super().__init__(noise)
        if hidden is None:
            self.generator = upsampler(shape, noise, width, smallest)
        else:
            layers = connected(noise, hidden, math.prod(shape), normalised=True)
            self.generator = nn.Sequential(*layers, nn.Tanh(), nn.Unflatten(1, shape))
        self.critic = downsampler(shape, critic_width, smallest, partial(nn.GroupNorm, 1))

    def images(self, latents: Mapping[str, Tensor]) -> Tensor:
        """Return images ``(B, channels, height, width)`` in [0, 1] of codes ``z``, ``(B, noise)``."""
        made: Tensor = self.generator(latents["z"])
        return (1 + made) / 2

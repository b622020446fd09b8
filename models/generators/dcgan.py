"""The deep convolutional GAN."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

from torch import Tensor, nn

from models.catalogue import Count
from models.generation.resolutions import halving_kernel, halvings
from models.generation.unconditional import Unconditional

SLOPE = 0.2
"""Slope of a leaky rectifier below zero."""


class DCGAN(Unconditional):
    """The paper's guidelines for stable convolutional players.

    1. Strided convolutions, fractional ones in the generator, and no pooling.
    2. Batch normalisation in both, but not where images leave the generator or enter the discriminator.
    3. No fully connected hidden layer: a convolution takes the code to the smallest resolution, and one takes that
       resolution to the verdict.
    4. Rectifiers in the generator, and a hyperbolic tangent at its end.
    5. Leaky rectifiers in the discriminator.

    Args:
        shape: ``(channels, height, width)`` of an image. The sides are halved, rounded up, down to ``smallest``.
        noise: Size of the code z.
        width: Channels of the generator at half the image's sides; twice as many at every further halving.
        critic_width: Channels of the discriminator likewise.
        smallest: Least side of the first layer.

    References:
        Radford, Metz & Chintala (2016), Unsupervised Representation Learning with Deep Convolutional Generative
        Adversarial Networks, section 3.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        noise: Count = 100,
        width: Count = 64,
        critic_width: Count = 64,
        smallest: Count = 4,
    ) -> None:
        super().__init__(noise)
        self.generator = upsampler(shape, noise, width, smallest)
        self.critic = downsampler(shape, critic_width, smallest, nn.BatchNorm2d)
        self.apply(_initialise)

    def images(self, latents: Mapping[str, Tensor]) -> Tensor:
        """Return images ``(B, channels, height, width)`` in [0, 1] of codes ``z``, ``(B, noise)``."""
        made: Tensor = self.generator(latents["z"])
        return (1 + made) / 2


def upsampler(shape: tuple[int, int, int], noise: int, width: int, smallest: int) -> nn.Sequential:
    """Return layers from a code ``(B, noise)`` to pixels ``(B, *shape)`` in [-1, 1]."""
    *larger, first = halvings(*shape[1:], smallest)
    widths = [width * 2**level for level in reversed(range(len(larger)))]
    layers = [nn.Unflatten(1, (noise, 1, 1)), nn.ConvTranspose2d(noise, widths[0], first, bias=False)]
    for sides, (before, after) in zip(reversed(larger), pairwise((*widths, shape[0])), strict=True):
        layers += [nn.BatchNorm2d(before), nn.ReLU()]
        layers += [nn.ConvTranspose2d(before, after, halving_kernel(sides), 2, 1, bias=sides == shape[1:])]
    return nn.Sequential(*layers, nn.Tanh())


def downsampler(
    shape: tuple[int, int, int], width: int, smallest: int, normalisation: Callable[[int], nn.Module]
) -> nn.Sequential:
    """Return layers from pixels ``(B, *shape)`` in [-1, 1] to verdicts ``(B, 1, 1, 1)``.

    Args:
        normalisation: Makes the layer after every convolution between the first and the last, for so many channels.
    """
    *larger, last = halvings(*shape[1:], smallest)
    widths = [width * 2**level for level in range(len(larger))]
    layers: list[nn.Module] = [nn.Conv2d(shape[0], width, halving_kernel(larger[0]), 2, 1), nn.LeakyReLU(SLOPE)]
    for sides, (before, after) in zip(larger[1:], pairwise(widths), strict=True):
        layers += [nn.Conv2d(before, after, halving_kernel(sides), 2, 1, bias=False)]
        layers += [normalisation(after), nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, last))


def _initialise(module: nn.Module) -> None:
    """Set the paper's initial weights: normal, with a deviation of 0.02 (around 1 for a normalisation's scale)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    if isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)

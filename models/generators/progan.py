"""ProGAN: a GAN that learns small images first."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from models.generation.layers.equalised import RELU_GAIN, EqualisedConv2d, EqualisedLinear
from models.generation.layers.pixel_norm import PixelNorm
from models.generation.layers.progressive_critic import ProgressiveCritic
from models.generation.layers.to_rgb import ToRGB
from models.generation.progressive import (
    ProgressiveGenerator,
    progressive_channels,
    progressive_controls,
    progressive_sizes,
    stage,
)
from models.noise import Normal, Site
from models.specs import whole_code


class ProGAN(ProgressiveGenerator):
    """A progressive GAN of two convolutions a resolution, with pixel norm and equalised learning rates.

    Args:
        shape: ``(channels, height, width)`` of the largest images.
        noise: Size of the code z, of which only the direction counts.
        width: Channels of the features at the largest resolution; twice as many at each one below.
        most: Largest number of channels at any resolution.

    References:
        Karras et al. (2018), Progressive Growing of GANs for Improved Quality, Stability, and Variation.
    """

    generator: _Generator

    def __init__(self, shape: tuple[int, int, int], noise: int = 64, width: int = 16, most: int = 512) -> None:
        super().__init__()
        self.sizes = progressive_sizes(shape)
        channels = progressive_channels(len(self.sizes), width, most)
        self.generator = _Generator(noise, shape[0], channels, self.sizes[0])
        self.critic = ProgressiveCritic(shape[0], channels, self.sizes[0])
        self.sites = (Site("z", (noise,), Normal()),)
        self.controls = (whole_code(noise), *progressive_controls(self.sizes))

    @property
    def to_rgb(self) -> ToRGB:
        return self.generator.painter

    def images(self, latents: Mapping[str, Tensor]) -> Tensor:
        """Return images ``(B, channels, height, width)`` in [0, 1] of codes ``z``, ``(B, noise)``."""
        images: Tensor = self.generator(latents["z"], stage(latents), latents["fade_alpha"])
        return images


class _Generator(nn.Module):
    def __init__(self, noise: int, colours: int, channels: Sequence[int], smallest: tuple[int, int]) -> None:
        super().__init__()
        first = channels[0]
        start = nn.Sequential(
            PixelNorm(),
            EqualisedLinear(noise, first * smallest[0] * smallest[1], RELU_GAIN),
            nn.Unflatten(1, (first, *smallest)),
            nn.LeakyReLU(0.2),
            PixelNorm(),
            *_convolved(first, first),
        )
        above = (
            nn.Sequential(nn.Upsample(scale_factor=2), *_convolved(low, high), *_convolved(high, high))
            for low, high in itertools.pairwise(channels)
        )
        self.stages = nn.ModuleList([start, *above])
        self.painter = ToRGB(channels, colours)

    def forward(self, z: Tensor, stage: int, alpha: Tensor) -> Tensor:
        """Return images ``(B, colours, height, width)`` in [0, 1] of codes ``(B, noise)`` and fades ``(B,)``."""
        features = [self.stages[0](z)]
        for block in list(self.stages)[1 : stage + 1]:
            features.append(block(features[-1]))
        images: Tensor = self.painter(features, alpha)
        return images


def _convolved(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return EqualisedConv2d(inputs, outputs, 3, RELU_GAIN), nn.LeakyReLU(0.2), PixelNorm()

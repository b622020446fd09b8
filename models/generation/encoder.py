"""Generators that also go the other way: from an image to a distribution of its code."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from torch import Tensor

from models.generation.generator import Generator
from models.noise import Normal, Site, draw_noise
from models.prediction.draws import CHUNK_BYTES


class Moments(NamedTuple):
    """Mean and variance of independent values, both ``(B, ...)``: the parts of a code, or pixels."""

    mean: Tensor
    variance: Tensor


class Probabilities(NamedTuple):
    """Probabilities of the values of a categorical code, ``(B, values)``."""

    probs: Tensor


class Encoder(Generator):
    """A generator that reads codes off images."""

    @abstractmethod
    def readings(self, pixels: Tensor) -> Mapping[str, Moments | Probabilities]:
        """Return the distribution ``q(code | x)`` of every control that an image tells of, by its name.

        Args:
            pixels: Images ``(B, channels, height, width)`` in [0, 1].
        """


class Autoencoder(Encoder):
    """An encoder of Gaussian codes whose images are a distribution over pixels."""

    @abstractmethod
    def readings(self, pixels: Tensor) -> Mapping[str, Moments]:
        """Return mean and variance of every code, ``(B, ...)`` by its name, of images with pixels in [0, 1]."""

    @abstractmethod
    def pixel_moments(self, latents: Mapping[str, Tensor]) -> Moments:
        """Return mean and variance of every pixel under ``p(x | code)``, ``(B, channels, height, width)``."""

    def reconstructions(self, pixels: Tensor, samples: int, seed: int) -> Iterator[Moments]:
        """Yield the images that codes drawn from the posterior of images give, in chunks along the draws.

        One draw of the seed serves all rows, so a row does not depend on its neighbours.

        Args:
            pixels: Images ``(B, channels, height, width)`` in [0, 1].
            samples: Number of draws; 0 takes the posterior's mean as the one code.
            seed: Seed of the draws: the first 50 of 200 are those of 50.

        Yields:
            Moments of shape ``(s, B, channels, height, width)``; the ``s`` add up to ``samples``, or to 1.
        """
        read = self.readings(pixels)
        sites = [Site(f"posterior/{name}", tuple(code.mean.shape[1:]), Normal()) for name, code in read.items()]
        size = max(1, CHUNK_BYTES // (_LAYERS * max(1, pixels.nbytes)))
        for start in range(0, max(1, samples), size):
            noise = draw_noise(sites, seed, min(samples, start + size), start) if samples else {}
            codes = {name: _drawn(code, noise.get(f"posterior/{name}")) for name, code in read.items()}
            drawn = len(next(iter(codes.values())))
            flat = {name: code.flatten(0, 1) for name, code in codes.items()}
            moments = self.pixel_moments(self.defaults(drawn * len(pixels)) | flat)
            yield Moments(*(part.reshape(drawn, *pixels.shape) for part in moments))


_LAYERS = 50
"""Memory that a decoder takes for an image, about, in multiples of its pixels."""


def _drawn(code: Moments, noise: Tensor | None) -> Tensor:
    """Return codes ``(S, B, ...)`` from standard normal noise ``(S, ...)``; without it the mean is the one draw."""
    if noise is None:
        return code.mean.unsqueeze(0)
    return code.mean + code.variance.sqrt() * noise.to(code.mean).unsqueeze(1)

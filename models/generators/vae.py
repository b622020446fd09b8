"""Variational autoencoder: auto-encoding variational Bayes."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.catalogue import Count
from models.generation.encoder import Autoencoder, Moments
from models.noise import Normal, Site
from models.specs import whole_code

_LOG_2PI = math.log(2 * math.pi)


class LatentPosterior(NamedTuple):
    """The encoder's Gaussian ``q(z | x)``: both ``(B, latent)``."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """Return ``z = mean + deviation * noise``, ``(B, latent)``, with standard normal noise: reparameterisation."""
        return self.mean + (0.5 * self.log_variance).exp() * noise

    def log_prob(self, z: Tensor) -> Tensor:
        """Return ``log q(z | x)`` in nats, ``(B,)``, of codes ``(B, latent)``."""
        squared = (z - self.mean).square() * (-self.log_variance).exp()
        return -0.5 * (_LOG_2PI + self.log_variance + squared).sum(-1)

    def kl(self) -> Tensor:
        """Return the divergence from ``N(0, I)`` in nats, ``(B,)`` (the paper's appendix B)."""
        return 0.5 * (self.log_variance.exp() + self.mean.square() - 1 - self.log_variance).sum(-1)


def log_prior(z: Tensor) -> Tensor:
    """Return ``log p(z)`` of codes ``(B, latent)`` under ``N(0, I)``, in nats, ``(B,)``."""
    return -0.5 * (_LOG_2PI + z.square()).sum(-1)


class VAE(Autoencoder):
    r"""An encoder and a decoder, a Gaussian code between them, and Bernoulli or Gaussian pixels.

    The negative of the bound that training maximises, in nats an image:

    .. math:: -E_{q(z|x)}[\log p(x|z)] + \mathrm{KL}(q(z|x) \,\|\, p(z))

    Args:
        shape: ``(channels, height, width)`` of an image.
        hidden: Widths of the fully connected layers from the image to the code; the decoder has them in reverse.
        latent: Size of the code z.
        network: ``mlp``, or ``convolutional``: then convolutions of stride 2 come before these layers (and after
            them in the decoder), as long as both sides are even and at least 8.
        width: Channels after the first convolution, doubled by each of the next.
        decoder: ``bernoulli`` (the paper's eq. 11), or ``gaussian`` (eq. 12, but one deviation for all pixels). Either
            has means between 0 and 1.
        deviation: Standard deviation of a Gaussian decoder's pixels, which are in [0, 1]; learnt if it is left out.
        dispersion: Variance of grey pixels over that of a coin of their mean, which is what a Bernoulli decoder has;
            measured after training, and 1 in checkpoints that are older.

    References:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes, appendix C.
        Papke & Wooldridge (1996), Econometric Methods for Fractional Response Variables, for the dispersion.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        hidden: tuple[Count, ...] = (400,),
        latent: Count = 20,
        network: Literal["mlp", "convolutional"] = "mlp",
        width: Count = 32,
        decoder: Literal["bernoulli", "gaussian"] = "bernoulli",
        deviation: float | None = None,
        dispersion: float = 1.0,
    ) -> None:
        super().__init__()
        self.shape = shape
        down, features, up = _convolutions(shape, width) if network == "convolutional" else ([], shape, [])
        size = math.prod(features)
        self.encoder = nn.Sequential(*down, nn.Flatten(), *_layers(size, *hidden, 2 * latent))
        between: list[nn.Module] = [nn.ReLU()] if up else []
        self.decoder = nn.Sequential(
            *_layers(latent, *reversed(hidden), size), nn.Unflatten(1, features), *between, *up
        )
        self.pixels = _pixels(decoder, deviation, dispersion)
        self.sites = (Site("z", (latent,), Normal()),)
        self.controls = (whole_code(latent),)

    def encode(self, pixels: Tensor) -> LatentPosterior:
        """Return the posterior of the code of images ``(B, *shape)`` with pixels in [0, 1]."""
        return LatentPosterior(*self.encoder(pixels).chunk(2, dim=-1))

    def decode(self, z: Tensor) -> Tensor:
        """Return logits of the pixels' means, ``(B, *shape)``, of codes ``(B, latent)``."""
        logits: Tensor = self.decoder(z)
        return logits

    def nll(self, pixels: Tensor, z: Tensor) -> Tensor:
        """Return ``-log p(x | z)`` in nats, ``(B,)``, of images ``(B, *shape)`` with pixels in [0, 1].

        Grey pixels count as probabilities for a Bernoulli decoder: the cross-entropy, whose least value is not 0.
        """
        nll: Tensor = self.pixels(self.decode(z), pixels)
        return nll.flatten(1).sum(-1)

    def images(self, latents: Mapping[str, Tensor]) -> Tensor:
        """Return the pixels' means ``(B, *shape)`` in [0, 1] of codes ``z``, ``(B, latent)``."""
        return torch.sigmoid(self.decode(latents["z"]))

    def readings(self, pixels: Tensor) -> Mapping[str, Moments]:
        """Return mean and variance of the code ``z``, both ``(B, latent)``, of images ``(B, *shape)`` in [0, 1]."""
        posterior = self.encode(pixels)
        return {"z": Moments(posterior.mean, posterior.log_variance.exp())}

    def pixel_moments(self, latents: Mapping[str, Tensor]) -> Moments:
        """Return mean and variance of every pixel, both ``(B, *shape)``, of codes ``z``, ``(B, latent)``."""
        mean = self.images(latents)
        return Moments(mean, self.pixels.variance(mean))


class _Pixels(nn.Module, ABC):
    """A distribution of pixels, given the logits of their means."""

    @abstractmethod
    def forward(self, logits: Tensor, pixels: Tensor) -> Tensor:
        """Return the negative log-likelihood of every pixel in nats; it and both arguments are ``(B, *shape)``."""

    @abstractmethod
    def variance(self, mean: Tensor) -> Tensor:
        """Return the variance of pixels of this mean, both ``(B, *shape)``."""


class _Bernoulli(_Pixels):
    def __init__(self, dispersion: float) -> None:
        super().__init__()
        self.dispersion = dispersion

    def forward(self, logits: Tensor, pixels: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, pixels, reduction="none")

    def variance(self, mean: Tensor) -> Tensor:
        return self.dispersion * mean * (1 - mean)


class _Gaussian(_Pixels):
    def __init__(self, deviation: float | None) -> None:
        super().__init__()
        start = math.log((deviation or 0.3) ** 2)  # 0.3 is about the deviation of a picture's pixels
        self.log_variance = nn.Parameter(torch.tensor(start), requires_grad=deviation is None)

    def forward(self, logits: Tensor, pixels: Tensor) -> Tensor:
        squared = (pixels - torch.sigmoid(logits)).square() * (-self.log_variance).exp()
        return 0.5 * (_LOG_2PI + self.log_variance + squared)

    def variance(self, mean: Tensor) -> Tensor:
        return self.log_variance.exp().expand_as(mean)


def _pixels(decoder: str, deviation: float | None, dispersion: float) -> _Pixels:
    if deviation is not None and (decoder != "gaussian" or not 0 < deviation < math.inf):
        raise ValueError(f"a deviation is a number above 0, and of a gaussian decoder; not {deviation} of a {decoder}")
    if not 0 < dispersion < math.inf:
        raise ValueError(f"a dispersion is a number above 0, not {dispersion}")
    return _Gaussian(deviation) if decoder == "gaussian" else _Bernoulli(dispersion)


def _layers(*sizes: int) -> list[nn.Module]:
    """Return fully connected layers of these sizes, with a ReLU between each two."""
    pairs = [[nn.Linear(a, b), nn.ReLU()] for a, b in itertools.pairwise(sizes)]
    return list(itertools.chain(*pairs))[:-1]


def _convolutions(
    shape: tuple[int, int, int], width: int
) -> tuple[list[nn.Module], tuple[int, int, int], list[nn.Module]]:
    """Return layers that halve an image's sides as often as they can, the shape that is then left, and layers back."""
    channels, height, breadth = shape
    down: list[nn.Module] = []
    up: list[nn.Module] = []
    while height % 2 == breadth % 2 == 0 and min(height, breadth) >= 8:
        height, breadth, out = height // 2, breadth // 2, 2 * channels if down else width
        down += [nn.Conv2d(channels, out, 4, 2, 1), nn.ReLU()]
        up = [nn.ConvTranspose2d(out, channels, 4, 2, 1), *([nn.ReLU()] if up else []), *up]
        channels = out
    if not down:
        raise ValueError(f"a convolutional network halves sides that are even and at least 8, not {height} x {breadth}")
    return down, (channels, height, breadth), up

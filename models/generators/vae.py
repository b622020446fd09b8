"""Variational autoencoder: auto-encoding variational Bayes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.encoder import Autoencoder, Moments
from models.noise import Normal, Site
from models.specs import Control


class LatentPosterior(NamedTuple):
    """The encoder's Gaussian ``q(z | x)``: both ``(B, latent)``."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """``z = mean + deviation * noise``, the reparameterisation trick, with standard normal ``noise``."""
        return self.mean + (0.5 * self.log_variance).exp() * noise

    def kl(self) -> Tensor:
        """Divergence from ``N(0, I)`` in nats, ``(B,)`` (the paper's appendix B)."""
        return 0.5 * (self.log_variance.exp() + self.mean.square() - 1 - self.log_variance).sum(-1)


class VAE(Autoencoder):
    r"""One hidden layer on either side, a Gaussian code and Bernoulli pixels.

    The negative of the bound that training maximises, in nats an image:

    .. math:: -E_{q(z|x)}[\log p(x|z)] + \mathrm{KL}(q(z|x) \,\|\, p(z))

    Args:
        shape: ``(channels, height, width)`` of an image.
        hidden: Width of the hidden layers.
        latent: Size of the code z.

    References:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes.
    """

    def __init__(self, shape: tuple[int, int, int], hidden: int = 400, latent: int = 20) -> None:
        super().__init__()
        self.shape = shape
        pixels = math.prod(shape)
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(pixels, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent))
        self.decoder = nn.Sequential(
            nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, pixels), nn.Unflatten(1, shape)
        )
        self.sites = (Site("z", (latent,), Normal()),)
        self.controls = (
            Control("z", "vector", -10.0, 10.0, "the whole code, standard normal if left out", size=latent),
        )

    def encode(self, pixels: Tensor) -> LatentPosterior:
        """The posterior of the code of images ``(B, *shape)`` with pixels in [0, 1]."""
        return LatentPosterior(*self.encoder(pixels).chunk(2, dim=-1))

    def decode(self, z: Tensor) -> Tensor:
        """Logits of the pixels, ``(B, *shape)``."""
        logits: Tensor = self.decoder(z)
        return logits

    def images(self, latents: Mapping[str, Tensor]) -> Tensor:
        return torch.sigmoid(self.decode(latents["z"]))

    def readings(self, pixels: Tensor) -> Mapping[str, Moments]:
        posterior = self.encode(pixels)
        return {"z": Moments(posterior.mean, posterior.log_variance.exp())}

    def pixel_moments(self, latents: Mapping[str, Tensor]) -> Moments:
        probs = self.images(latents)
        return Moments(probs, probs * (1 - probs))

"""Importance sampling of log-likelihoods that have no closed form."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from models.generators.vae import VAE, LatentPosterior, log_prior
from models.noise import Normal, Site, draw_noise
from training.losses.objectives import importance_weighted_bound
from training.seeds import derive

_VALUES = 1_000_000
"""Number of pixels at a time, so that memory does not grow with the data."""


@torch.inference_mode()
def importance_nll(vae: VAE, images: Tensor, samples: int, seed: int) -> Tensor:
    """Estimate ``-log p(x)``: too large on average, the less so the more samples.

    Args:
        vae: A trained autoencoder.
        images: Images as the model sees them, ``(B, *shape)``.
        samples: Number of codes drawn from the posterior of each image.
        seed: Seed of the codes.

    Returns:
        Nats ``(B,)`` in float64.

    References:
        Burda, Grosse & Salakhutdinov (2016), Importance Weighted Autoencoders, section 2.
    """
    bounds = []
    for i, rows in enumerate(torch.split(images, max(1, _VALUES // images[0].numel()))):
        weights = log_weights(vae.encode(rows), partial(_log_joint, vae, rows), samples, derive(seed, f"part {i}"))
        bounds.append(importance_weighted_bound(weights))
    return -torch.cat(bounds)


def log_weights(posterior: LatentPosterior, log_joint: Callable[[Tensor], Tensor], samples: int, seed: int) -> Tensor:
    """Compute ``log p(x, z) - log q(z | x)`` for samples of the posterior.

    Args:
        posterior: Posterior of each image's code.
        log_joint: Function of one code of each image, ``(B, latent)``, that returns ``log p(x, z)``, ``(B,)``.
        samples: Number of codes for each image.
        seed: Seed of the codes.

    Returns:
        Nats ``(samples, B)`` in float64.
    """
    site = Site("importance", tuple(posterior.mean.shape), Normal())
    weights = []
    for k in range(samples):
        drawn = draw_noise([site], seed, k + 1, k)["importance"][0]
        z = posterior.sample(drawn.to(posterior.mean))
        weights.append((log_joint(z) - posterior.log_prob(z)).double())
    return torch.stack(weights)


def _log_joint(vae: VAE, images: Tensor, z: Tensor) -> Tensor:
    return log_prior(z) - vae.nll(images, z)

"""The VAE's Gaussian code."""

from __future__ import annotations

import torch
from torch import distributions

from models.generators.vae import VAE, LatentPosterior

SHAPE = (1, 8, 8)


def test_the_divergence_against_torch() -> None:
    posterior = LatentPosterior(torch.randn(5, 4), torch.randn(5, 4))
    law = distributions.Normal(posterior.mean, (0.5 * posterior.log_variance).exp())
    expected = distributions.kl_divergence(law, distributions.Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(posterior.kl(), expected)


def test_the_divergence_is_zero_at_the_prior() -> None:
    assert LatentPosterior(torch.zeros(2, 3), torch.zeros(2, 3)).kl().tolist() == [0.0, 0.0]


def test_samples_have_the_codes_mean_and_deviation() -> None:
    mean, log_variance = torch.tensor([1.0, -2.0]), torch.tensor([0.5, -1.0])
    noise = torch.randn(100_000, 2, generator=torch.Generator().manual_seed(0))
    samples = LatentPosterior(mean, log_variance).sample(noise)
    torch.testing.assert_close(samples.mean(0), mean, rtol=0, atol=0.02)
    torch.testing.assert_close(samples.var(0), log_variance.exp(), rtol=0.02, atol=0)


def test_shapes() -> None:
    vae = VAE(SHAPE, hidden=16, latent=3)
    posterior = vae.encode(torch.rand(5, *SHAPE))
    assert posterior.mean.shape == posterior.log_variance.shape == (5, 3)
    assert vae.decode(posterior.sample(torch.zeros(5, 3))).shape == (5, *SHAPE)


def test_images_are_the_pixels_probabilities() -> None:
    vae, z = VAE(SHAPE, hidden=16, latent=3), torch.randn(2, 3)
    torch.testing.assert_close(vae.images({"z": z}), distributions.Bernoulli(logits=vae.decode(z)).mean)

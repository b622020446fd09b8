"""Importance-sampled log-likelihoods, on a model whose likelihood is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, distributions

from models.generators.vae import VAE, LatentPosterior, log_prior
from training.evaluation.metrics.importance import importance_nll, log_weights
from training.losses.objectives import importance_weighted_bound, sgvb_b

NOISE = 0.5
LOADINGS = torch.tensor([[1.0, 0.5], [-0.5, 1.0], [2.0, 0.5], [-0.5, 2.0]])
"""Orthogonal columns, so that the posterior of ``x = LOADINGS z + NOISE e`` has independent parts."""


def observed() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(6, 2, generator=generator) @ LOADINGS.T + NOISE * torch.randn(6, 4, generator=generator)


def log_likelihood(x: Tensor) -> Tensor:
    """Exactly: ``x`` is normal with this covariance."""
    covariance = LOADINGS @ LOADINGS.T + NOISE**2 * torch.eye(4)
    return distributions.MultivariateNormal(torch.zeros(4), covariance).log_prob(x).double()


def posterior(x: Tensor) -> LatentPosterior:
    variance = 1 / (1 + LOADINGS.square().sum(0) / NOISE**2)
    return LatentPosterior(variance * (x @ LOADINGS) / NOISE**2, variance.log().expand(len(x), 2))


def log_joint(x: Tensor, z: Tensor) -> Tensor:
    return log_prior(z) + distributions.Normal(z @ LOADINGS.T, NOISE).log_prob(x).sum(-1)


def wide(x: Tensor) -> LatentPosterior:
    """Not the posterior, but not far from it."""
    exact = posterior(x)
    return LatentPosterior(exact.mean + 0.3, exact.log_variance + 1)


def test_with_the_exact_posterior_every_single_sample_is_the_likelihood() -> None:
    x = observed()
    weights = log_weights(posterior(x), lambda z: log_joint(x, z), 5, seed=0)
    assert weights.dtype == torch.float64
    torch.testing.assert_close(weights, log_likelihood(x).expand(5, 6), rtol=0, atol=1e-4)


def test_with_another_posterior_it_is_reached_as_samples_grow() -> None:
    x = observed()
    weights = log_weights(wide(x), lambda z: log_joint(x, z), 8_000, seed=0)
    torch.testing.assert_close(importance_weighted_bound(weights), log_likelihood(x), rtol=0, atol=0.1)
    of_one = weights.mean()
    of_ten = importance_weighted_bound(weights.reshape(10, 800, 6)).mean()
    assert of_one < of_ten - 0.1 < of_ten < log_likelihood(x).mean()


@pytest.fixture
def vae() -> VAE:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return VAE((1, 4, 4), (12,), 3).eval()


def images(count: int = 30) -> Tensor:
    return (torch.rand(count, 1, 4, 4, generator=torch.Generator().manual_seed(1)) < 0.5).float()


@torch.inference_mode()
def test_it_lies_below_the_bound_and_falls_with_more_samples(vae: VAE) -> None:
    bounds = [importance_nll(vae, images(400), k, seed=0).mean() for k in (1, 5, 50)]
    code = vae.encode(images(400))
    draws = [code.sample(torch.randn(400, 3)) for _ in range(200)]
    negative_elbo = torch.stack([sgvb_b(vae.nll(images(400), z), code.kl()) for z in draws]).mean()
    assert bounds[0] == pytest.approx(float(negative_elbo), abs=0.1)
    assert bounds[0] > bounds[1] > bounds[2]


def test_a_seed_repeats_its_estimate_and_leaves_the_global_generator(vae: VAE) -> None:
    state = torch.get_rng_state()
    first, again, other = (importance_nll(vae, images(), 10, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_images_in_parts_are_each_their_own_estimate(vae: VAE, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = importance_nll(vae, images(), 1000, seed=0)
    monkeypatch.setattr("training.evaluation.metrics.importance._VALUES", 7 * 16)
    torch.testing.assert_close(importance_nll(vae, images(), 1000, seed=0), whole, rtol=0, atol=0.2)

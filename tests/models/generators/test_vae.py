"""The VAE's Gaussian code, its two networks and its two laws of pixels."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import distributions, nn

from models.catalogue import Component
from models.checkpoints.checkpoint import GeneratorSpec
from models.errors import UnknownComponentError
from models.generators.vae import VAE, LatentPosterior, log_prior
from models.specs import InputSpec

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


def test_log_densities_against_torch() -> None:
    posterior, z = LatentPosterior(torch.randn(5, 4), torch.randn(5, 4)), torch.randn(5, 4)
    law = distributions.Normal(posterior.mean, (0.5 * posterior.log_variance).exp())
    torch.testing.assert_close(posterior.log_prob(z), law.log_prob(z).sum(-1))
    torch.testing.assert_close(log_prior(z), distributions.Normal(0.0, 1.0).log_prob(z).sum(-1))


SMALL: dict[str, dict[str, Any]] = {
    "mlp": {"hidden": (16,)},
    "deep mlp": {"hidden": (16, 12)},
    "linear": {"hidden": ()},
    "convolutional": {"network": "convolutional", "hidden": (16,), "width": 4},
    "all convolutional": {"network": "convolutional", "hidden": (), "width": 4},
}


@pytest.mark.parametrize("decoder", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("network", SMALL)
@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 12, 16)])
def test_shapes(shape: tuple[int, int, int], network: str, decoder: Any) -> None:
    vae = VAE(shape, latent=3, decoder=decoder, **SMALL[network])
    pixels = torch.rand(5, *shape)
    posterior = vae.encode(pixels)
    assert posterior.mean.shape == posterior.log_variance.shape == (5, 3)
    assert vae.decode(posterior.mean).shape == (5, *shape)
    assert vae.nll(pixels, posterior.mean).shape == (5,)


@pytest.mark.parametrize(("side", "smallest"), [(8, 4), (28, 7), (32, 4), (128, 4), (20, 5)])
def test_convolutions_halve_a_side_while_it_is_even_and_at_least_8(side: int, smallest: int) -> None:
    decoder = VAE((1, side, side), (), 2, network="convolutional", width=2).decoder
    (unflatten,) = (layer for layer in decoder if isinstance(layer, nn.Unflatten))
    assert tuple(unflatten.unflattened_size)[1:] == (smallest, smallest)


def test_every_weight_learns_from_the_bound() -> None:
    for options in SMALL.values():
        vae = VAE(SHAPE, latent=3, decoder="gaussian", **options)
        posterior = vae.encode(torch.rand(4, *SHAPE))
        (vae.nll(torch.rand(4, *SHAPE), posterior.sample(torch.randn(4, 3))) + posterior.kl()).mean().backward()
        assert all(p.grad is not None and p.grad.any() for p in vae.parameters())


def test_pixels_have_the_decoders_law() -> None:
    pixels, z = torch.randint(2, (4, *SHAPE)).float(), torch.randn(4, 3)
    bernoulli = VAE(SHAPE, (16,), 3)
    expected = distributions.Bernoulli(logits=bernoulli.decode(z)).log_prob(pixels).sum((1, 2, 3))
    torch.testing.assert_close(bernoulli.nll(pixels, z), -expected)
    gaussian = VAE(SHAPE, (16,), 3, decoder="gaussian", deviation=0.2)
    expected = distributions.Normal(gaussian.images({"z": z}), 0.2).log_prob(pixels).sum((1, 2, 3))
    torch.testing.assert_close(gaussian.nll(pixels, z), -expected)


def test_a_given_deviation_stays_and_a_learnt_one_finds_the_noise() -> None:
    given = VAE(SHAPE, (16,), 3, decoder="gaussian", deviation=0.2)
    assert "pixels.log_variance" not in {n for n, p in given.named_parameters() if p.requires_grad}
    vae, z = VAE(SHAPE, (16,), 3, decoder="gaussian"), torch.randn(200, 3)
    pixels = vae.images({"z": z}).detach() + 0.1 * torch.randn(200, *SHAPE)
    log_variance = vae.get_parameter("pixels.log_variance")
    optimiser = torch.optim.Adam([log_variance], 0.1)
    for _ in range(100):
        optimiser.zero_grad()
        vae.nll(pixels, z).mean().backward()
        optimiser.step()
    assert math.exp(0.5 * log_variance.item()) == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"decoder": "poisson"}, "poisson"),
        ({"deviation": 0.1}, "of a gaussian decoder; not 0.1 of a bernoulli"),
        ({"decoder": "gaussian", "deviation": 0.0}, "above 0"),
        ({"network": "convolutional"}, "even and at least 8, not 7 x 8"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], reason: str) -> None:
    images = InputSpec("image", (1, 7, 8), low=0.0, high=1.0)
    with pytest.raises(UnknownComponentError, match=reason):
        GeneratorSpec(Component("vae", options), images).build()


def test_images_are_the_pixels_probabilities() -> None:
    vae, z = VAE(SHAPE, (16,), latent=3), torch.randn(2, 3)
    torch.testing.assert_close(vae.images({"z": z}), distributions.Bernoulli(logits=vae.decode(z)).mean)

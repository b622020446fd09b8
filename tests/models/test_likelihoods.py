"""Costs and conditionals against torch.distributions."""

from __future__ import annotations

import torch
from torch import distributions

from models.likelihoods import LIKELIHOODS, Categorical, HeteroscedasticGaussian, HomoscedasticGaussian

S, B, D = 4, 3, 2


def test_categorical_cost_and_conditionals() -> None:
    logits, target = torch.randn(S, B, 5), torch.tensor([0, 4, 2])
    law = distributions.Categorical(logits=logits)
    likelihood = Categorical(5)
    torch.testing.assert_close(likelihood.nll(logits[0], target), -law.log_prob(target)[0])
    drawn = likelihood.conditionals(logits)
    torch.testing.assert_close(drawn.mean, law.probs)
    torch.testing.assert_close(drawn.variance, law.probs * (1 - law.probs))
    torch.testing.assert_close(drawn.entropy, law.entropy())


def test_certain_logits_have_no_entropy() -> None:
    drawn = Categorical(2).conditionals(torch.tensor([[[1000.0, -1000.0]]]))
    assert drawn.entropy.tolist() == [[0.0]]
    assert drawn.variance.tolist() == [[[0.0, 0.0]]]


def test_heteroscedastic_cost_and_conditionals() -> None:
    output, target = torch.randn(S, B, 2 * D), torch.randn(B, D)
    law = distributions.Normal(output[..., :D], (0.5 * output[..., D:]).exp())
    likelihood = HeteroscedasticGaussian(D)
    assert likelihood.outputs == 2 * D
    torch.testing.assert_close(likelihood.nll(output[0], target), -law.log_prob(target)[0].sum(-1))
    drawn = likelihood.conditionals(output)
    torch.testing.assert_close(drawn.mean, law.mean)
    torch.testing.assert_close(drawn.variance, law.variance)
    torch.testing.assert_close(drawn.entropy, law.entropy().sum(-1))


def test_homoscedastic_cost_and_conditionals() -> None:
    output, target = torch.randn(S, B, D), torch.randn(B, D)
    likelihood = HomoscedasticGaussian(D)
    with torch.no_grad():
        likelihood.log_variance.copy_(torch.tensor([0.3, -1.0]))
    law = distributions.Normal(output, (0.5 * likelihood.log_variance).exp())
    torch.testing.assert_close(likelihood.nll(output[0], target), -law.log_prob(target)[0].sum(-1))
    drawn = likelihood.conditionals(output)
    torch.testing.assert_close(drawn.variance, law.variance.expand(S, B, D))
    torch.testing.assert_close(drawn.entropy, law.entropy().sum(-1))


def test_the_learnt_noise_is_the_residuals_variance() -> None:
    """Where the gradient of the cost vanishes, the noise variance is the mean squared residual."""
    residual = torch.tensor([[1.0], [-3.0], [0.5]])
    likelihood = HomoscedasticGaussian(1)
    with torch.no_grad():
        likelihood.log_variance.copy_(residual.square().mean().log())
    likelihood.nll(torch.zeros(3, 1), residual).mean().backward()
    assert likelihood.log_variance.grad is not None
    assert abs(float(likelihood.log_variance.grad)) < 1e-6


def test_every_likelihood_says_how_many_outputs_it_needs() -> None:
    for likelihood in (kind(D) for kind in LIKELIHOODS.values()):
        drawn = likelihood.conditionals(torch.zeros(S, B, likelihood.outputs))
        assert drawn.mean.shape == drawn.variance.shape == (S, B, D)
        assert drawn.entropy.shape == (S, B)

"""Costs and conditionals against torch.distributions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, distributions

from models.likelihoods import LIKELIHOODS
from models.likelihoods.bernoulli import Bernoulli
from models.likelihoods.categorical import Categorical
from models.likelihoods.heteroscedastic_gaussian import HeteroscedasticGaussian
from models.likelihoods.homoscedastic_gaussian import HomoscedasticGaussian
from models.likelihoods.logit_normal import LogitNormal
from models.prediction.likelihood import Likelihood
from models.prediction.regression import Gaussian
from models.specs import VOID

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


def test_bernoulli_cost_and_conditionals() -> None:
    output, target = torch.randn(S, B, D), torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    law = distributions.Bernoulli(logits=output)
    likelihood = Bernoulli(D)
    torch.testing.assert_close(likelihood.nll(output[0], target), -law.log_prob(target)[0].sum(-1))
    drawn = likelihood.conditionals(output)
    torch.testing.assert_close(drawn.mean, law.probs)
    torch.testing.assert_close(drawn.variance, law.variance)
    torch.testing.assert_close(drawn.entropy, law.entropy().sum(-1))


def logits_and_noise(samples: int = 6, classes: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(S, B, 2 * classes, generator=generator), torch.randn(samples, classes, generator=generator)


def test_logit_noise_is_averaged_as_probabilities_and_its_cost_is_the_log_of_that_mean() -> None:
    output, noise = logits_and_noise()
    likelihood, target = LogitNormal(3), torch.tensor([2, 0, 1])
    mean, deviation = output[..., :3], (0.5 * output[..., 3:]).exp()
    probs = torch.stack([(mean + deviation * sample).softmax(-1) for sample in noise]).mean(0)
    drawn = likelihood.conditionals(output, noise)
    torch.testing.assert_close(drawn.mean, probs)
    torch.testing.assert_close(drawn.variance, probs * (1 - probs))
    torch.testing.assert_close(drawn.entropy, distributions.Categorical(probs).entropy())
    cost = likelihood.nll(output[0], target, noise)
    torch.testing.assert_close(cost, -probs[0].gather(-1, target[:, None]).squeeze(-1).log())
    of_logs = torch.stack([-(mean[0] + deviation[0] * e).log_softmax(-1) for e in noise]).mean(0)
    assert (cost < of_logs.gather(-1, target[:, None]).squeeze(-1)).all(), "Jensen: the mean of logarithms costs more"


def test_logits_without_noise_are_categorical() -> None:
    output, noise = logits_and_noise()
    output[..., 3:] = -100.0
    target = torch.tensor([2, 0, 1])
    torch.testing.assert_close(
        LogitNormal(3).nll(output[0], target, noise), Categorical(3).nll(output[0, :, :3], target)
    )
    ours, theirs = LogitNormal(3).conditionals(output, noise), Categorical(3).conditionals(output[..., :3])
    torch.testing.assert_close(ours.mean, theirs.mean)


def test_logits_far_apart_have_a_finite_cost() -> None:
    output = torch.tensor([[-400.0, 400.0, 0.0, 0.0]])
    assert float(LogitNormal(2).nll(output, torch.tensor([0]))) == pytest.approx(800, abs=5)


def test_logit_noise_repeats_is_shared_by_rows_and_begins_with_the_fewer() -> None:
    likelihood = LogitNormal(3, aleatoric_samples=10)
    noise = likelihood.sample_noise()
    assert noise.shape == (10, 3)
    assert torch.equal(likelihood.sample_noise(), noise)
    assert torch.equal(likelihood.sample_noise(samples=4), noise[:4])
    assert not torch.equal(likelihood.sample_noise(step=1), noise)
    assert not torch.equal(likelihood.sample_noise(seed=1), noise)
    row = logits_and_noise()[0][:, :1]
    drawn = likelihood.conditionals(row.expand(S, B, 6))
    torch.testing.assert_close(drawn.mean, drawn.mean[:, :1].expand_as(drawn.mean))


def test_logit_noise_in_pieces_is_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    output, noise = logits_and_noise()
    likelihood, target = LogitNormal(3), torch.tensor([2, VOID, 1])
    mean, cost = likelihood.conditionals(output, noise).mean, likelihood.nll(output[0], target, noise)
    monkeypatch.setattr("models.likelihoods.logit_normal.CHUNK_BYTES", 1)
    torch.testing.assert_close(likelihood.conditionals(output, noise).mean, mean)
    torch.testing.assert_close(likelihood.nll(output[0], target, noise), cost)


def test_many_samples_of_logit_noise_agree_with_quadrature() -> None:
    """Of two classes the logits' difference is one Gaussian: the mean of its sigmoid is an integral."""
    output = torch.tensor([[0.4, -0.3, math.log(0.5), math.log(0.7)]])
    difference = distributions.Normal(torch.tensor(0.7), torch.tensor(math.sqrt(1.2)))
    z = torch.linspace(-9, 9, 4001)
    expected = float((difference.log_prob(z).exp() * z.sigmoid()).sum() * (z[1] - z[0]))
    drawn = LogitNormal(2, aleatoric_samples=20_000).conditionals(output[None])
    assert float(drawn.mean[0, 0, 0]) == pytest.approx(expected, abs=5e-3)


def test_no_sample_of_the_noise_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        LogitNormal(3, aleatoric_samples=0)


def some_target(likelihood: Likelihood, *shape: int) -> Tensor:
    if likelihood.task == "classification":
        return torch.arange(math.prod(shape)).reshape(shape) % likelihood.size
    return (torch.arange(math.prod(shape) * likelihood.size).reshape(*shape, likelihood.size) % 2).float()


@pytest.mark.parametrize("kind", LIKELIHOODS.values(), ids=LIKELIHOODS)
def test_an_outcome_for_every_position_is_a_row_for_every_position(kind: type[Likelihood]) -> None:
    likelihood = kind(D)
    output, target = torch.randn(S, B, 4, 5, likelihood.outputs), some_target(likelihood, B, 4, 5)
    flat = likelihood.conditionals(output.flatten(1, 3))
    drawn = likelihood.conditionals(output)
    torch.testing.assert_close(drawn.mean.flatten(1, 3), flat.mean)
    torch.testing.assert_close(drawn.entropy.flatten(1, 3), flat.entropy)
    cost = likelihood.nll(output[0], target)
    assert cost.shape == (B, 4, 5)
    torch.testing.assert_close(cost.flatten(), likelihood.nll(output[0].flatten(0, 2), target.flatten(0, 2)))
    torch.testing.assert_close(likelihood.nll(output, target)[0], cost)


@pytest.mark.parametrize("kind", LIKELIHOODS.values(), ids=LIKELIHOODS)
def test_what_was_not_observed_costs_nothing_and_teaches_nothing(kind: type[Likelihood]) -> None:
    likelihood = kind(D)
    output, target = torch.randn(B, 4, likelihood.outputs, requires_grad=True), some_target(likelihood, B, 4)
    target[1, 2] = VOID if likelihood.task == "classification" else torch.nan
    cost = likelihood.nll(output, target)
    cost.sum().backward()
    assert output.grad is not None
    assert float(cost[1, 2].detach()) == 0
    assert not output.grad[1, 2].any()
    assert output.grad.isfinite().all()
    observed = torch.ones(B, 4, dtype=torch.bool)
    observed[1, 2] = False
    assert torch.equal(likelihood.observed(target), observed)
    assert (output.grad[observed] != 0).any(-1).all()


def test_a_vector_may_be_observed_in_part() -> None:
    output, target = torch.randn(B, D), torch.tensor([[0.0, torch.nan]] * B)
    for likelihood in (Bernoulli(D), HomoscedasticGaussian(D)):
        assert likelihood.observed(target).all()
        alone = type(likelihood)(1).nll(output[:, :1], target[:, :1])
        torch.testing.assert_close(likelihood.nll(output, target), alone)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_a_hessian_is_that_of_the_cost_and_bends_nowhere_down(name: str) -> None:
    """Closed forms against differentiation; a Gaussian's is expected over outcomes one deviation to either side."""
    likelihood = LIKELIHOODS[name](2)
    torch.manual_seed(0)
    output = torch.randn(6, likelihood.outputs)
    if likelihood.task == "classification":
        targets = [torch.tensor([0, 1, 0, 1, 1, VOID])]
    elif isinstance(likelihood, Gaussian):
        mean, log_variance = likelihood.mean_and_log_variance(output)
        targets = [mean + sign * (log_variance / 2).exp() for sign in (-1, 1)]
    else:
        targets = [torch.tensor([0.0, 1.0]).repeat(6, 1)]
    for target in targets:
        if target.is_floating_point():
            target[5] = torch.nan
    hessian = likelihood.hessian(output, targets[0])
    torch.testing.assert_close(hessian, hessian.mT)
    assert torch.linalg.eigvalsh(hessian).min() > -1e-6
    assert hessian[:5].flatten(1).any(1).all()
    assert not hessian[5].any(), "what was not observed does not bend the cost"
    if not likelihood.is_fitted_by_nll:
        return  # what has no second derivative has one in expectation, which the likelihood's own tests check
    if isinstance(likelihood, Gaussian):
        expected = torch.stack([_differentiated_twice(likelihood, output, target) for target in targets]).mean(0)
        torch.testing.assert_close(hessian, expected, rtol=1e-4, atol=1e-5)
    else:
        expected = _differentiated_twice(likelihood, output, targets[0])
        values, vectors = torch.linalg.eigh(expected)
        without_downs = vectors @ values.clamp_min(0.0).diag_embed() @ vectors.mT
        torch.testing.assert_close(hessian, without_downs, rtol=1e-3, atol=1e-5)


def _differentiated_twice(likelihood: Likelihood, output: Tensor, target: Tensor) -> Tensor:
    whole = torch.autograd.functional.hessian(lambda at: likelihood.nll(at, target).sum(), output)
    return torch.stack([whole[row, :, row] for row in range(len(output))])

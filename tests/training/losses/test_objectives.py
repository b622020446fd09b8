"""Known answers of the objectives, against independent implementations."""

from __future__ import annotations

import math

import pytest
import torch
from torch import distributions as d

from models.catalogue import Component, build
from models.networks.mlp import MLP
from models.posteriors import POSTERIORS
from training.losses import objectives


def test_the_kl_of_bayes_by_backprop_is_that_of_torch_distributions() -> None:
    posterior = build(POSTERIORS, Component("bayes_by_backprop"), MLP((3,), 2, (4,)), (3,))
    means = dict(posterior.network.named_parameters())
    expected = sum(
        d.kl_divergence(d.Normal(means[name], sd), d.Normal(0.0, 1.0)).sum()
        for name, sd in posterior.deviations().items()
    )
    assert posterior.kl(posterior.sample(0, 1)).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_free_energy_weighs_the_kl_by_the_training_rows_not_the_batch() -> None:
    nll, kl = torch.tensor([1.0, 3.0]), torch.tensor(50.0)
    assert float(objectives.negative_elbo(nll, kl, rows=100)) == pytest.approx(2.5)


def test_for_mc_dropout_the_free_energy_is_likelihood_with_weight_decay() -> None:
    posterior = build(POSTERIORS, Component("mc_dropout", {"length_scale": 2.0}), MLP((3,), 2, (4,)), (3,))
    objectives.negative_elbo(torch.zeros(5), posterior.kl({}), rows=100).backward()
    for parameter in posterior.network.parameters():
        assert torch.allclose(parameter.grad, 2.0**2 / 100 * parameter, atol=1e-6)


def test_both_estimators_add_a_weighted_divergence_to_the_likelihood() -> None:
    nll, kl = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
    assert float(objectives.sgvb_b(nll, kl)) == 5.0
    assert float(objectives.sgvb_b(nll, kl, beta=2.0)) == 8.5
    assert float(objectives.sgvb_a(nll, -kl, torch.zeros(2), beta=2.0)) == 8.5


def test_the_importance_weighted_bound_is_the_log_of_a_mean() -> None:
    weights = torch.rand(7, 3, dtype=torch.float64) + 0.1
    torch.testing.assert_close(objectives.importance_weighted_bound(weights.log()), weights.mean(0).log())
    far = objectives.importance_weighted_bound(torch.tensor([[-20000.0], [-20000.0 - 2 * math.log(2)]]))
    assert float(far) == pytest.approx(-20000 + math.log(5 / 8), abs=1e-3)


def test_an_undecided_critic_pays_two_bits_and_the_generator_one() -> None:
    undecided = torch.zeros(7)
    assert float(objectives.discriminator_loss(undecided, undecided)) == pytest.approx(2 * math.log(2))
    assert float(objectives.generator_loss(undecided)) == pytest.approx(math.log(2))


def test_the_generators_loss_does_not_saturate() -> None:
    sure_it_is_fake = torch.tensor([-20.0], requires_grad=True)
    objectives.generator_loss(sure_it_is_fake).backward()
    assert float(sure_it_is_fake.grad) == pytest.approx(-1, abs=1e-6)


def test_a_perfect_reader_learns_the_whole_entropy_and_a_blind_one_nothing() -> None:
    code = torch.arange(10)
    perfect = 100 * torch.nn.functional.one_hot(code, 10).float()
    for logits, expected in ((perfect, math.log(10)), (torch.zeros(10, 10), 0.0)):
        nll = objectives.categorical_code_nll(logits, code)
        assert float(objectives.mutual_information_bound(math.log(10), nll)) == pytest.approx(expected, abs=1e-6)


def test_the_continuous_reader_is_a_gaussian() -> None:
    mean, log_variance, code = torch.randn(3, 6)
    expected = -d.Normal(mean, (0.5 * log_variance).exp()).log_prob(code)
    assert torch.allclose(objectives.continuous_code_nll(mean, log_variance, code), expected, atol=1e-5)


def test_pairs_that_agree_on_all_classes_tell_everything_and_one_class_for_all_tells_nothing() -> None:
    sure = 100 * torch.eye(4).repeat(3, 1)
    assert float(objectives.paired_information(sure, sure)) == pytest.approx(math.log(4), abs=1e-4)
    constant = sure[:1].expand(12, -1)
    assert float(objectives.paired_information(constant, constant)) == pytest.approx(0, abs=1e-5)


def test_r1_is_the_mean_squared_slope() -> None:
    images = torch.tensor([[1.0, 2.0], [3.0, 0.0]], requires_grad=True)
    assert float(objectives.r1_penalty(images.square().sum(1), images).detach()) == pytest.approx(4 * (1 + 4 + 9) / 2)
    assert float(objectives.r1_penalty(0 * images.sum(1), images).detach()) == 0

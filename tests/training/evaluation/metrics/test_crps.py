"""The continuous ranked probability score against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from models.likelihoods.homoscedastic_gaussian import HomoscedasticGaussian
from models.likelihoods.student_t import StudentT
from models.prediction.regression import Regression
from models.prediction.uncertainty import Conditionals
from training.evaluation.metrics.crps import crps

UNIT = torch.distributions.Normal(0.0, 1.0)


def drawn(mean: Tensor, variance: Tensor) -> Conditionals:
    return Conditionals(mean, variance, variance.sum(-1))


def spread(mean: Tensor, variance: Tensor) -> Tensor:
    """The expected size of a Gaussian with this mean and variance."""
    units = mean / variance.sqrt()
    return mean * (2 * UNIT.cdf(units) - 1) + 2 * variance.sqrt() * UNIT.log_prob(units).exp()


def test_a_mixture_of_gaussians_has_the_closed_form_of_grimit() -> None:
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(4, 6, 2, generator=generator).double()
    variance = torch.rand(4, 6, 2, generator=generator).double() + 0.1
    targets = 2 * torch.randn(6, 2, generator=generator).double()
    pairs = spread(mean[:, None] - mean[None], variance[:, None] + variance[None]).mean((0, 1))
    expected = spread(targets - mean, variance).mean(0) - pairs / 2
    scores = crps(HomoscedasticGaussian(2), drawn(mean, variance), targets)
    torch.testing.assert_close(scores, expected, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("likelihood", [HomoscedasticGaussian(1), StudentT(1)])
def test_an_outcome_far_away_scores_its_distance(likelihood: Regression) -> None:
    narrow = drawn(torch.zeros(1, 2, 1), torch.full((1, 2, 1), 1e-6))
    scores = crps(likelihood, narrow, torch.tensor([[50.0], [-20.0]]))
    torch.testing.assert_close(scores, torch.tensor([[50.0], [20.0]]).double(), rtol=1e-3, atol=0)


def test_what_was_not_observed_has_no_score() -> None:
    unit = drawn(torch.zeros(1, 2, 1), torch.ones(1, 2, 1))
    scores = crps(HomoscedasticGaussian(1), unit, torch.tensor([[math.nan], [0.0]]))
    assert scores[0].isnan()
    assert float(scores[1]) == pytest.approx((math.sqrt(2) - 1) / math.sqrt(math.pi), abs=1e-4)

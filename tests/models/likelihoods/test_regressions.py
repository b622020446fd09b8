"""Families of real outcomes: density, quantiles and entropy of a mean and a variance, against other implementations."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from models.likelihoods.heteroscedastic_gaussian import HeteroscedasticGaussian
from models.likelihoods.log_normal import LogNormal
from models.likelihoods.negative_binomial import NegativeBinomial
from models.likelihoods.student_t import StudentT
from models.prediction.regression import Regression
from models.prediction.uncertainty import DrawSums, summarise_regression
from models.specs import OutputSpec

S, B, D = 5, 6, 2
KINDS: dict[str, type[Regression]] = {
    "gaussian": HeteroscedasticGaussian,
    "student_t": StudentT,
    "log_normal": LogNormal,
    "negative_binomial": NegativeBinomial,
}
UNITS = {
    "real": OutputSpec("regression", ("a", "b"), (150.0, -2.0), (70.0, 0.1)),
    "positive": OutputSpec("regression", ("a", "b"), (1.0, -2.0), (0.8, 0.1), support="positive"),
    "count": OutputSpec("regression", ("a", "b"), (3.0, 40.0), (2.0, 9.0), support="count"),
}


@pytest.fixture(params=KINDS)
def family(request: pytest.FixtureRequest) -> Regression:
    if request.param == "negative_binomial":
        return NegativeBinomial(D, rate=(3.0, 40.0))
    return KINDS[request.param](D)


def output(family: Regression, seed: int = 0) -> Tensor:
    return torch.randn(S, B, family.outputs, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def drawn(family: Regression, seed: int = 0):
    """Conditionals in target units."""
    return family.in_units(family.conditionals(output(family, seed)), UNITS[family.support])


def by_scipy(family: Regression, mean: Tensor, variance: Tensor):
    mean, variance = mean.numpy(), variance.numpy()
    if isinstance(family, StudentT):
        nu = family.freedom.detach().double().numpy()
        return stats.t(nu, mean, (variance * (nu - 2) / nu) ** 0.5)
    if isinstance(family, LogNormal):
        square = torch.log1p(torch.from_numpy(variance) / torch.from_numpy(mean) ** 2).numpy()
        return stats.lognorm(square**0.5, scale=mean * torch.from_numpy(-square / 2).exp().numpy())
    if isinstance(family, NegativeBinomial):
        size = mean**2 / (variance - mean)
        return stats.nbinom(size, size / (size + mean))
    return stats.norm(mean, variance**0.5)


def test_mean_variance_density_and_distribution_are_those_of_scipy(family: Regression) -> None:
    parts = drawn(family)
    mean, variance = parts.mean.double(), parts.variance.double()
    law = by_scipy(family, mean, variance)
    torch.testing.assert_close(torch.from_numpy(law.mean()), mean, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(torch.from_numpy(law.var()), variance, rtol=1e-4, atol=1e-6)
    values = (mean + 0.7 * variance.sqrt()).round() if family.support == "count" else mean + 0.7 * variance.sqrt()
    log_prob = law.logpmf(values.numpy()) if family.support == "count" else law.logpdf(values.numpy())
    with torch.no_grad():
        torch.testing.assert_close(
            family.log_prob(values, mean, variance), torch.from_numpy(log_prob), rtol=1e-5, atol=1e-5
        )
        torch.testing.assert_close(
            family.cdf(values, mean, variance), torch.from_numpy(law.cdf(values.numpy())), rtol=1e-5, atol=1e-6
        )


def test_the_entropy_of_a_draw_is_its_familys(family: Regression) -> None:
    parts = drawn(family)
    law = by_scipy(family, parts.mean.double(), parts.variance.double())
    if family.support == "count":
        counts = torch.arange(60_000).double()[:, None, None, None].numpy()
        log_prob = torch.from_numpy(law.logpmf(counts))
        expected = -(log_prob.exp() * log_prob.clamp_min(-1e300)).sum(0).sum(-1)
    else:
        expected = torch.from_numpy(law.entropy()).sum(-1)
    torch.testing.assert_close(parts.entropy.double(), expected, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize(
    ("mean", "size"),
    [(0.01, 1.0), (1.0, 0.01), (50.0, 1e4), (60.0, 3.0), (1e3, 0.2), (1e4, 50.0), (1e5, 2e4), (1e6, 2.0)],
)
def test_the_entropy_of_counts_large_and_small_is_their_sum(mean: float, size: float) -> None:
    family = NegativeBinomial(1, rate=(mean,))
    with torch.no_grad():
        entropy = float(family.conditionals(torch.tensor([[[0.0, math.log(size)]]])).entropy)
    top = int(mean + 40 * math.sqrt(mean + mean**2 / size) + 40 * mean / min(size, 1.0)) + 100
    counts = torch.arange(min(top, 40_000_000)).double().numpy()[:: max(1, top // 4_000_000)]
    log_prob = torch.from_numpy(stats.nbinom(size, size / (size + mean)).logpmf(counts))
    step = max(1, top // 4_000_000)
    assert entropy == pytest.approx(-step * float((log_prob.exp() * log_prob.clamp_min(-1e300)).sum()), abs=5e-3)


def test_the_cost_in_training_is_minus_the_log_density_up_to_the_unit(family: Regression) -> None:
    units, parts = UNITS[family.support], drawn(family)
    raw = torch.tensor([[2.0, 3.0], [1.0, 44.0]]).repeat(3, 1)
    with torch.no_grad():
        cost = family.nll(output(family), units.standardise(raw))
        density = family.log_prob(raw, parts.mean, parts.variance).sum(-1)
    shift = torch.tensor(units.scale).log().sum() if family.support != "count" else torch.tensor(0.0)
    shift = shift + (raw.log().sum(-1) if family.support == "positive" else 0.0)
    torch.testing.assert_close((cost + shift).double(), -density.double(), rtol=1e-4, atol=1e-4)


def test_the_decomposition_agrees_with_samples(family: Regression) -> None:
    """Samples of the outcome: the variance over all of them is the total, the mean of each draw's the aleatoric."""
    parts = drawn(family)
    answer = summarise_regression(DrawSums.of(parts), family.entropy)
    law = by_scipy(family, parts.mean.double(), parts.variance.double())
    samples = torch.from_numpy(law.rvs((40_000, S, B, D), random_state=0)).double()
    assert answer.total_variance is not None
    rough = {"rtol": 0.3 if isinstance(family, StudentT | LogNormal) else 0.05, "atol": 1e-9}
    torch.testing.assert_close(samples.var(0).mean(0), answer.aleatoric_variance, **rough)
    torch.testing.assert_close(samples.flatten(0, 1).var(0), answer.total_variance, **rough)
    torch.testing.assert_close(samples.mean((0, 1)), answer.mean, rtol=0.05, atol=0.05)


def test_draws_that_agree_have_no_mutual_information(family: Regression) -> None:
    with torch.no_grad():
        alike = output(family)[:1].expand(S, B, family.outputs)
        parts = family.in_units(family.conditionals(alike), UNITS[family.support])
        answer = summarise_regression(DrawSums.of(parts), family.entropy)
        apart = summarise_regression(DrawSums.of(drawn(family)), family.entropy)
    assert answer.mutual_information is not None
    assert apart.mutual_information is not None
    assert float(answer.mutual_information.max()) < 1e-4
    assert float(apart.mutual_information.mean()) > 0.01


@pytest.mark.parametrize("level", [0.05, 0.5, 0.95])
def test_quantiles_of_the_mixture_hold_their_level(family: Regression, level: float) -> None:
    parts = drawn(family)
    with torch.no_grad():
        quantile = family.quantile(parts.mean, parts.variance, level)
        reached = family.cdf(quantile, parts.mean.double(), parts.variance.double()).mean(0)
        before = family.cdf(quantile - 1, parts.mean.double(), parts.variance.double()).mean(0)
    assert quantile.shape == (B, D)
    if family.support == "count":
        assert torch.equal(quantile, quantile.round())
        assert bool(((reached >= level) & (before < level)).all())
    else:
        torch.testing.assert_close(reached, torch.full_like(reached, level), rtol=0, atol=1e-6)


@pytest.mark.parametrize("score", [0.1, 1.5, 30.0])
def test_intervals_around_hold_what_scores_no_higher_and_stay_in_the_support(family: Regression, score: float) -> None:
    mean, variance = drawn(family).mean[0].double(), drawn(family).variance[0].double()
    low, high = family.around(mean, variance, score)
    assert bool((low <= high).all())
    if family.support != "real":
        assert bool((low >= 0).all())
    if family.support != "count":
        for end in (low, high):
            torch.testing.assert_close(family.deviations(end, mean, variance), torch.full_like(end, score))
        return
    for value in range(200):
        counts = torch.full_like(mean, float(value))
        inside, scored = (counts >= low) & (counts <= high), family.deviations(counts, mean, variance) <= score
        assert bool((inside | ~scored).all()), "what scores no higher is inside"
        assert bool((scored | ~inside | (high - low <= 1)).all())


def test_absurd_outputs_stay_finite(family: Regression) -> None:
    for factor in (1e4, -1e4):
        parts = family.in_units(family.conditionals(factor * torch.ones(1, 1, family.outputs)), UNITS[family.support])
        assert bool(parts.mean.isfinite().all())
        assert bool(parts.variance.isfinite().all())
        assert bool((parts.variance > 0).all())
        assert bool(parts.entropy.isfinite().all())


def test_a_wrong_number_of_rates_is_refused() -> None:
    with pytest.raises(ValueError, match="1 rates are given for 2 targets"):
        NegativeBinomial(2, rate=(1.0,))

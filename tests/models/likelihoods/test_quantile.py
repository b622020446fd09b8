"""Three quantiles and the density behind them: known answers, laws, and what the pinball loss finds."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from models.catalogue import Component, build
from models.errors import UnknownComponentError
from models.likelihoods import LIKELIHOODS
from models.likelihoods.quantile import Quantile
from models.prediction.split_laplace import SplitLaplace
from models.prediction.uncertainty import Conditionals, DrawSums, summarise_regression
from models.specs import OutputSpec

S, B, D = 5, 6, 2
UNITS = OutputSpec("regression", ("a", "b"), (150.0, -2.0), (70.0, 0.1))


def output(seed: int = 0, draws: int = S) -> Tensor:
    return 2 * torch.randn(draws, B, 3 * D, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@torch.no_grad()
def drawn(likelihood: Quantile, outputs: Tensor | None = None) -> Conditionals:
    """Conditionals in target units."""
    return likelihood.in_units(likelihood.conditionals(output() if outputs is None else outputs), UNITS)


def family(parts: Conditionals) -> SplitLaplace:
    assert parts.skew is not None
    return SplitLaplace(parts.skew)


@pytest.mark.parametrize("levels", [(0.05, 0.95), (0.1, 0.99)])
def test_the_outputs_are_the_quantiles_of_the_density_and_never_cross(levels: tuple[float, float]) -> None:
    likelihood = Quantile(D, *levels)
    parts, law = drawn(likelihood), family(drawn(likelihood))
    quantiles = likelihood.quantiles(output()) * torch.tensor(UNITS.scale) + torch.tensor(UNITS.mean)
    assert bool((quantiles.diff(dim=-2) > 0).all())
    for at, level in zip(quantiles.unbind(-2), (levels[0], 0.5, levels[1]), strict=True):
        reached = law.cdf(at, parts.mean, parts.variance)
        torch.testing.assert_close(reached, torch.full_like(reached, level), rtol=0, atol=1e-4)


def test_density_mean_variance_and_entropy_agree_with_an_integral() -> None:
    parts = drawn(Quantile(D))
    law = family(parts)
    median, below, above = law.median_and_scales(parts.mean, parts.variance)
    share = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    for side, scale in ((-1, below), (1, above)):  # half of the outcomes each, as an exponential's quantiles
        values = median + side * scale * -share.view(-1, 1, 1, 1)[:1].log()
        torch.testing.assert_close(law.log_prob(values[0], parts.mean, parts.variance), (share[0] / (2 * scale)).log())
    exponential = -share.log()
    low, high = (median[0, 0, 0] - below[0, 0, 0] * exponential), (median[0, 0, 0] + above[0, 0, 0] * exponential)
    outcomes = torch.cat([low, high])
    assert float(outcomes.mean()) == pytest.approx(float(parts.mean[0, 0, 0]), rel=1e-3)
    assert float(outcomes.var(correction=0)) == pytest.approx(float(parts.variance[0, 0, 0]), rel=1e-3)
    one = SplitLaplace(law.skew[0, 0, 0])
    surprise = -one.log_prob(outcomes, parts.mean[0, 0, 0], parts.variance[0, 0, 0]).mean()
    entropy = one.entropy(parts.mean[0, 0, :1], parts.variance[0, 0, :1])
    assert float(surprise) == pytest.approx(float(entropy), abs=1e-3)
    torch.testing.assert_close(law.entropy(parts.mean, parts.variance), parts.entropy)


def test_the_nll_is_minus_the_log_density_up_to_the_unit() -> None:
    likelihood, parts = Quantile(D), drawn(Quantile(D))
    raw = torch.tensor([[130.0, -2.05], [260.0, -1.8], [90.0, math.nan]], dtype=torch.float64).repeat(2, 1)
    nll = likelihood.nll(output(), UNITS.standardise(raw).double()).detach()
    density = family(parts).log_prob(raw, parts.mean, parts.variance) + torch.tensor(UNITS.scale).log()
    torch.testing.assert_close(nll, -density.nan_to_num().sum(-1), rtol=1e-4, atol=1e-4)


def test_the_parts_add_up_and_draws_that_differ_in_anything_have_information() -> None:
    parts = drawn(Quantile(D))
    assert parts.skew is not None
    answer = summarise_regression(DrawSums.of(parts), SplitLaplace(parts.skew.mean(0)).entropy)
    assert answer.total_variance is not None
    assert answer.skew is not None
    torch.testing.assert_close(answer.skew, parts.skew.mean(0))
    expected = parts.variance.mean(0) + parts.mean.var(0, correction=0)
    torch.testing.assert_close(answer.total_variance, expected)
    assert bool((answer.predictive_entropy > answer.expected_entropy).all())
    alike = drawn(Quantile(D), output()[:1].expand(S, B, 3 * D))
    assert alike.skew is not None
    same = summarise_regression(DrawSums.of(alike), SplitLaplace(alike.skew[0]).entropy)
    assert same.mutual_information is not None
    assert float(same.mutual_information.max()) < 1e-6
    halves = DrawSums.of(Conditionals(*(part[:2] for part in vars(parts).values())))
    halves += DrawSums.of(Conditionals(*(part[2:] for part in vars(parts).values())))
    assert halves.skew is not None
    torch.testing.assert_close(halves.rows(slice(1, 3)).skew, parts.skew.sum(0)[1:3])


@pytest.mark.parametrize("level", [0.01, 0.3, 0.5, 0.95])
def test_quantiles_of_the_mixture_hold_their_level(level: float) -> None:
    parts = drawn(Quantile(D))
    quantile = family(parts).quantile(parts.mean, parts.variance, level)
    reached = family(parts).cdf(quantile, parts.mean, parts.variance).mean(0)
    torch.testing.assert_close(reached, torch.full_like(reached, level), rtol=0, atol=1e-6)


def test_ends_of_intervals_are_as_far_off_as_they_say() -> None:
    parts, law = drawn(Quantile(D)), family(drawn(Quantile(D)))
    low, high = law.around(parts.mean, parts.variance, 1.5)
    for end, off in ((low, -1.5), (high, 1.5)):
        signed = law.signed_deviations(end, parts.mean, parts.variance)
        torch.testing.assert_close(signed, torch.full_like(signed, off))
    assert torch.equal(law.around(parts.mean, parts.variance, 1.5, 4.0)[0], low)
    tail = law.cdf(low, parts.mean, parts.variance)
    torch.testing.assert_close(tail, 1 - law.cdf(high, parts.mean, parts.variance))  # both tails are alike


def test_the_cost_is_the_pinball_loss_and_finds_the_quantiles_of_skewed_outcomes() -> None:
    """The density's own likelihood would not: its median lies off, on the side of the smaller scale."""
    outcomes = torch.empty(20_000, 1).exponential_(generator=torch.Generator().manual_seed(0))
    found = {}
    for name in ("cost", "nll"):
        likelihood, outputs = Quantile(1), torch.zeros(1, 3, requires_grad=True)
        optimiser = torch.optim.Adam([outputs, *likelihood.parameters()], 0.05)
        for _ in range(400):
            optimiser.zero_grad()
            getattr(likelihood, name)(outputs.expand(len(outcomes), 3), outcomes).mean().backward()
            optimiser.step()
        found[name] = likelihood.quantiles(outputs.detach()).flatten().tolist()
    true = [-math.log(1 - level) for level in (0.05, 0.5, 0.95)]
    assert found["cost"] == pytest.approx(true, abs=0.06)
    assert found["nll"][1] < true[1] - 0.1
    scale = likelihood_scale(outcomes)
    assert scale == pytest.approx([0.0487, 0.3466, 0.1498], rel=0.03)  # as the pinball loss of an exponential


def likelihood_scale(outcomes: Tensor) -> list[float]:
    """The scales of least cost where the quantiles are those of an exponential, by a few steps of Newton."""
    level = torch.tensor([0.05, 0.5, 0.95])
    error = outcomes + (1 - level).log()
    return torch.maximum(level * error, (level - 1) * error).mean(0).tolist()


def test_the_hessian_is_the_expected_square_of_the_working_scores() -> None:
    likelihood, outputs = Quantile(D), output(draws=1)[0].float()
    outputs.requires_grad_()
    with torch.no_grad():
        likelihood.log_scale.add_(torch.tensor([[0.3, -0.2]]))
    target = torch.zeros(B, D)
    target[5, 1] = torch.nan
    expected = torch.zeros(B, 3 * D, 3 * D)
    for k, level in enumerate((0.05, 0.5, 0.95)):
        for d in range(D):
            (slope,) = torch.autograd.grad(likelihood.quantiles(outputs)[:, k, d].sum(), outputs)
            scale = float(likelihood.log_scale[k, d].detach().exp())
            known = (~target[:, d].isnan()).float()[:, None, None]
            for probability, score in ((level, (1 - level) / scale), (1 - level, -level / scale)):
                expected += known * probability * score**2 / 3 * slope.unsqueeze(-1) * slope.unsqueeze(-2)
    torch.testing.assert_close(likelihood.hessian(outputs, target), expected, rtol=1e-4, atol=1e-6)


def test_absurd_outputs_and_a_heap_of_equal_outcomes_stay_finite() -> None:
    for factor in (1e4, -1e4):
        parts = drawn(Quantile(D), factor * torch.ones(1, 1, 3 * D))
        values = (*vars(parts).values(), *family(parts).around(parts.mean, parts.variance, 30.0))
        assert all(bool(value.isfinite().all()) for value in values)
        assert bool((parts.variance > 0).all())
    one_sided = drawn(Quantile(1), torch.tensor([[[0.0, -40.0, 3.0]]]))
    assert one_sided.skew is not None
    assert 0.97 < float(one_sided.skew) < 0.99, "the lower gap is a hundredth of the upper one at least"


@pytest.mark.parametrize("config", [{"lower": 0.0}, {"lower": 0.5}, {"upper": 0.5}, {"upper": 1.0}, {"levels": [0.1]}])
def test_levels_that_are_none_are_refused(config: dict[str, object]) -> None:
    with pytest.raises(UnknownComponentError, match="its options: lower, upper"):
        build(LIKELIHOODS, Component("quantile", config), 1)

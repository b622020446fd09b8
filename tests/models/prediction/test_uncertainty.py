"""Known answers and identities of the statistics of draws."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from torch import Tensor

from models.errors import InputShapeError
from models.prediction.uncertainty import (
    Conditionals,
    DrawSums,
    Uncertainty,
    bernoulli_entropy,
    categorical_entropy,
    epistemic_covariance,
    gaussian_entropy,
    mixture_quantile,
    prediction_set,
    summarise_classification,
    summarise_function,
    summarise_multilabel,
    summarise_regression,
)

EXACT = {"rtol": 0.0, "atol": 1e-9}
SHAPES = st.tuples(st.integers(1, 8), st.integers(1, 4), st.integers(1, 5))


def of_probs(probs: Tensor) -> DrawSums:
    return DrawSums.of(Conditionals(probs, probs * (1 - probs), categorical_entropy(probs)))


def of_gaussians(mean: Tensor, variance: Tensor) -> DrawSums:
    return DrawSums.of(Conditionals(mean, variance, gaussian_entropy(variance)))


def gaussian(mean: Tensor, variance: Tensor) -> Tensor:
    return gaussian_entropy(variance)


def some_probs(shape: tuple[int, ...], seed: int = 0, sharpness: float = 3.0) -> Tensor:
    return (sharpness * torch.randn(shape, generator=torch.Generator().manual_seed(seed)).double()).softmax(-1)


def some_gaussians(shape: tuple[int, ...], seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator).double(), torch.rand(shape, generator=generator).double() + 0.1


def known(value: Tensor | None) -> Tensor:
    assert value is not None
    return value


def test_two_draws_that_contradict_each_other_are_ln_2_of_epistemic_uncertainty() -> None:
    answer = summarise_classification(of_probs(torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])))
    assert float(known(answer.mutual_information)) == pytest.approx(math.log(2), abs=1e-12)
    assert float(answer.predictive_entropy) == pytest.approx(math.log(2), abs=1e-12)
    assert float(answer.expected_entropy) == 0.0
    assert known(answer.epistemic_variance).tolist() == [[0.25, 0.25]]
    assert answer.aleatoric_variance.tolist() == [[0.0, 0.0]]


def test_draws_that_agree_have_none() -> None:
    answer = summarise_classification(of_probs(torch.tensor([[[0.5, 0.5]]]).expand(6, 1, 2)))
    assert float(known(answer.mutual_information)) == 0.0
    assert known(answer.epistemic_variance).tolist() == [[0.0, 0.0]]
    assert float(answer.expected_entropy) == pytest.approx(math.log(2), abs=1e-7)
    assert answer.aleatoric_variance.tolist() == [[0.25, 0.25]]


@settings(max_examples=50)
@given(shape=SHAPES, seed=st.integers(0, 1000), sharpness=st.floats(0.01, 50))
def test_laws_of_classification(shape: tuple[int, int, int], seed: int, sharpness: float) -> None:
    probs = some_probs(shape, seed, sharpness)
    answer = summarise_classification(of_probs(probs))
    assert_the_parts_add_up(answer)
    p_bar = probs.mean(0)
    torch.testing.assert_close(answer.mean, p_bar, **EXACT)
    torch.testing.assert_close(known(answer.total_variance), p_bar * (1 - p_bar), **EXACT)
    torch.testing.assert_close(known(answer.epistemic_variance), probs.var(0, correction=0), **EXACT)
    assert (answer.predictive_entropy <= math.log(shape[2]) + 1e-9).all()
    assert (known(answer.mutual_information) <= math.log(shape[0]) + 1e-9).all()


@settings(max_examples=50)
@given(shape=SHAPES, seed=st.integers(0, 1000))
def test_laws_of_regression(shape: tuple[int, int, int], seed: int) -> None:
    mean, variance = some_gaussians(shape, seed)
    answer = summarise_regression(of_gaussians(mean, variance), gaussian)
    assert_the_parts_add_up(answer)
    torch.testing.assert_close(answer.aleatoric_variance, variance.mean(0), **EXACT)
    torch.testing.assert_close(known(answer.epistemic_variance), mean.var(0, correction=0), **EXACT)
    torch.testing.assert_close(
        answer.predictive_entropy, gaussian_entropy(variance.mean(0) + mean.var(0, correction=0)), **EXACT
    )


def assert_the_parts_add_up(answer: Uncertainty) -> None:
    total = answer.aleatoric_variance + known(answer.epistemic_variance)
    torch.testing.assert_close(known(answer.total_variance), total, **EXACT)
    split = answer.expected_entropy + known(answer.mutual_information)
    torch.testing.assert_close(answer.predictive_entropy, split, **EXACT)
    assert (known(answer.mutual_information) >= 0).all()
    assert (known(answer.epistemic_variance) >= 0).all()


def test_the_standard_error_is_the_spread_of_repeated_means() -> None:
    draws, repeats = 20, 4000
    probs = some_probs((draws * repeats, 1, 3)).reshape(repeats, draws, 1, 3)
    means = torch.stack([summarise_classification(of_probs(p)).mean for p in probs])
    errors = torch.stack([known(summarise_classification(of_probs(p)).standard_error) for p in probs])
    torch.testing.assert_close(errors.square().mean(0).sqrt(), means.std(0), rtol=0.05, atol=0)


def test_one_draw_has_no_standard_error_and_no_spread() -> None:
    answer = summarise_classification(of_probs(some_probs((1, 2, 3))))
    assert answer.standard_error is None
    assert known(answer.epistemic_variance).tolist() == [[0.0] * 3] * 2


def test_the_mean_function_knows_nothing_epistemic() -> None:
    answer = summarise_function(summarise_regression(of_gaussians(*some_gaussians((1, 2, 3))), gaussian))
    unknown = (
        answer.epistemic_variance,
        answer.total_variance,
        answer.mutual_information,
        answer.standard_error,
    )
    assert unknown == (None, None, None, None)
    assert answer.mean.shape == answer.aleatoric_variance.shape == (2, 3)
    torch.testing.assert_close(answer.predictive_entropy, answer.expected_entropy, **EXACT)


def test_sums_of_chunks_add_up() -> None:
    mean, variance = some_gaussians((11, 3, 2))
    whole = of_gaussians(mean, variance)
    parts = of_gaussians(mean[:4], variance[:4]) + of_gaussians(mean[4:], variance[4:])
    assert parts.draws == whole.draws == 11
    for name in ("mean", "squared_mean", "variance", "entropy"):
        torch.testing.assert_close(getattr(parts, name), getattr(whole, name), rtol=0, atol=1e-12)


def test_sums_of_some_rows() -> None:
    mean, variance = some_gaussians((5, 4, 2))
    picked = of_gaussians(mean, variance).rows(slice(1, 3))
    alone = of_gaussians(mean[:, 1:3], variance[:, 1:3])
    torch.testing.assert_close(
        known(summarise_regression(picked, gaussian).total_variance),
        known(summarise_regression(alone, gaussian).total_variance),
        **EXACT,
    )


def test_a_small_variance_survives_a_large_mean() -> None:
    mean = 150 + 1e-3 * torch.randn(50, 1, 1, generator=torch.Generator().manual_seed(0)).double()
    sums = of_gaussians(mean, torch.ones_like(mean))
    torch.testing.assert_close(sums.epistemic_variance(), mean.var(0, correction=0), rtol=1e-3, atol=0)


def test_entropies_against_torch() -> None:
    probs, (_, variance) = some_probs((4, 3, 5)), some_gaussians((4, 3, 2))
    torch.testing.assert_close(categorical_entropy(probs), torch.distributions.Categorical(probs).entropy(), **EXACT)
    normal = torch.distributions.Normal(torch.zeros_like(variance), variance.sqrt())
    torch.testing.assert_close(gaussian_entropy(variance), normal.entropy().sum(-1), **EXACT)


def test_zero_probability_adds_no_entropy() -> None:
    assert float(categorical_entropy(torch.tensor([1.0, 0.0, 0.0]))) == 0.0


def test_covariance_between_rows() -> None:
    means = torch.randn(200, 4, 2, generator=torch.Generator().manual_seed(0))
    covariance = epistemic_covariance(means)
    assert covariance.shape == (2, 4, 4)
    for d in range(2):
        torch.testing.assert_close(covariance[d], torch.cov(means[..., d].double().T, correction=0), **EXACT)
    diagonal = covariance.diagonal(dim1=1, dim2=2).T
    spread = of_gaussians(means, torch.ones_like(means)).epistemic_variance()
    torch.testing.assert_close(diagonal, spread, **EXACT)


@pytest.mark.parametrize("shape", [(3, 4), (0, 4, 2)])
def test_covariance_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputShapeError, match=r"\(S, B, ..., D\)"):
        epistemic_covariance(torch.zeros(shape))


@pytest.mark.parametrize("level", [0.001, 0.05, 0.5, 0.9, 0.999])
def test_the_quantile_of_one_gaussian(level: float) -> None:
    mean, variance = some_gaussians((1, 3, 2))
    expected = stats.norm.ppf(level, mean[0].numpy(), variance[0].sqrt().numpy())
    torch.testing.assert_close(mixture_quantile(mean, variance, level), torch.as_tensor(expected), rtol=0, atol=1e-8)


@pytest.mark.parametrize("level", [0.01, 0.05, 0.49, 0.51, 0.95])
def test_the_quantile_of_two_gaussians_far_apart(level: float) -> None:
    mean, deviation = [-3.0, 5.0], [0.5, 2.0]

    def excess(y: float) -> float:
        return float(stats.norm.cdf(y, mean, deviation).mean()) - level

    variance = torch.tensor(deviation).square().reshape(2, 1, 1)
    quantile = float(mixture_quantile(torch.tensor(mean).reshape(2, 1, 1), variance, level))
    assert quantile == pytest.approx(optimize.brentq(excess, -50, 50), abs=1e-5)
    assert excess(quantile) == pytest.approx(0, abs=1e-6)


def test_quantiles_rise_with_their_level() -> None:
    mean, variance = some_gaussians((6, 3, 2))
    quantiles = torch.stack([mixture_quantile(mean, variance, level) for level in (0.1, 0.3, 0.5, 0.7, 0.9)])
    assert (quantiles.diff(dim=0) > 0).all()


@pytest.mark.parametrize(
    ("probs", "level", "expected"),
    [
        ([0.7, 0.25, 0.05], 0.9, [1, 1, 0]),
        ([0.05, 0.25, 0.7], 0.9, [0, 1, 1]),
        ([0.95, 0.04, 0.01], 0.9, [1, 0, 0]),
        ([0.4, 0.3, 0.3], 0.99, [1, 1, 1]),
        ([0.25, 0.25, 0.5], 0.5, [0, 0, 1]),
        ([0.5, 0.25, 0.25], 0.001, [1, 0, 0]),
    ],
)
def test_prediction_sets(probs: list[float], level: float, expected: list[int]) -> None:
    assert prediction_set(torch.tensor([probs]), level).int().tolist() == [expected]


@settings(max_examples=50)
@given(classes=st.integers(1, 10), seed=st.integers(0, 1000), level=st.floats(0.01, 0.99))
def test_a_prediction_set_reaches_its_level_and_not_without_its_last_class(
    classes: int, seed: int, level: float
) -> None:
    probs = some_probs((3, classes), seed)
    member = prediction_set(probs, level)
    inside = probs.where(member, 0).sum(-1)
    least = probs.where(member, 2).amin(-1)
    assert (inside >= level - 1e-9).all()
    assert (inside - least < level).all()
    assert (probs.where(~member, 0).amax(-1) <= least).all()


def test_labels_are_two_classes_each() -> None:
    probs = torch.rand(6, 3, 4, generator=torch.Generator().manual_seed(0)).double()
    answer = summarise_multilabel(DrawSums.of(Conditionals(probs, probs * (1 - probs), bernoulli_entropy(probs))))
    assert_the_parts_add_up(answer)
    as_classes = summarise_classification(of_probs(torch.stack([probs, 1 - probs], -1)))
    torch.testing.assert_close(answer.mean, as_classes.mean[..., 0], **EXACT)
    torch.testing.assert_close(answer.predictive_entropy, as_classes.predictive_entropy.sum(-1), **EXACT)
    information = known(as_classes.mutual_information).sum(-1)
    torch.testing.assert_close(known(answer.mutual_information), information, **EXACT)


def test_an_outcome_for_every_pixel_is_a_row_for_every_pixel() -> None:
    probs = some_probs((5, 2, 3, 4, 6))
    maps, flat = summarise_classification(of_probs(probs)), summarise_classification(of_probs(probs.flatten(1, 3)))
    assert maps.predictive_entropy.shape == (2, 3, 4)
    for name in ("mean", "total_variance", "mutual_information", "standard_error"):
        torch.testing.assert_close(getattr(maps, name).flatten(0, 2), getattr(flat, name), **EXACT)
    sets = prediction_set(maps.mean, 0.9)
    assert torch.equal(sets.flatten(0, 2), prediction_set(flat.mean, 0.9))
    mean, variance = some_gaussians((5, 2, 3, 4))
    quantile = mixture_quantile(mean, variance, 0.3)
    torch.testing.assert_close(quantile[:, 1], mixture_quantile(mean[:, :, 1], variance[:, :, 1], 0.3), **EXACT)
    covariance = epistemic_covariance(mean)
    assert covariance.shape == (3, 4, 2, 2)
    torch.testing.assert_close(covariance[1], epistemic_covariance(mean[:, :, 1]), **EXACT)

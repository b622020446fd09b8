"""Figures of merit: known answers, and agreement with what the predictor itself says."""

from __future__ import annotations

import math

import pytest
import torch

from training import data, recipes
from training.data import Dataset
from training.evaluation import predictions
from training.evaluation.metrics import intervals, likelihood
from training.evaluation.metrics.codes import match
from training.evaluation.metrics.prediction import measure_predictor
from training.evaluation.predictor import PredictorEvaluation
from training.seeds import initialised


@pytest.fixture(scope="module")
def classifier(digits: Dataset):
    return initialised(recipes.find("digits-mlp-mc_dropout").spec(digits), 0)


@pytest.fixture(scope="module")
def regressor():
    return initialised(recipes.find("curve-mlp-mc_dropout").spec(data.load("curve")), 0)


def test_the_nll_of_a_classifier_is_that_of_its_mean_probabilities(classifier, digits: Dataset) -> None:
    mean = classifier.predict(digits.test.inputs, 5, 3).mean
    expected = -mean[torch.arange(len(mean)), digits.test.targets].log().mean()
    assert likelihood.mean_nll(classifier, digits.test, 5, 3) == pytest.approx(float(expected), rel=1e-5)


def test_the_density_of_a_regression_is_the_mixture_in_the_targets_units(regressor) -> None:
    x, y = data.load("curve").test
    drawn = predictions.predict_draws(regressor, x, 4, 0)
    mixture = torch.stack(
        [torch.distributions.Normal(m, v.sqrt()).log_prob(y) for m, v in zip(drawn.mean, drawn.variance, strict=True)]
    )
    expected = -(mixture.logsumexp(0) - math.log(4)).mean().detach()
    assert likelihood.mean_nll(regressor, data.Split(x, y), 4, 0) == pytest.approx(float(expected), rel=1e-5)


def test_blocks_of_rows_change_nothing(classifier, digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = likelihood.mean_nll(classifier, digits.test, 3, 0)
    monkeypatch.setattr(predictions, "_BLOCK", 7)
    assert likelihood.mean_nll(classifier, digits.test, 3, 0) == pytest.approx(whole, rel=1e-6)
    parts = predictions.predict_blocks(classifier, digits.test.inputs[:20], 3, 0)
    assert [len(part.mean) for part in parts] == [7, 7, 6]


def test_the_interval_of_a_gaussian_is_the_textbook_one(regressor) -> None:
    x = data.load("curve").test.inputs[:5]
    drawn = predictions.predict_draws(regressor, x, 0, 0)
    low, high = intervals.central_interval(regressor.likelihood, drawn)
    half = 1.6448536 * drawn.variance[0].double().sqrt()
    assert torch.allclose(low, drawn.mean[0] - half, atol=1e-5)
    assert torch.allclose(high, drawn.mean[0] + half, atol=1e-5)


@pytest.mark.parametrize("samples", [0, 3])
def test_every_figure_has_a_finite_value_even_of_the_posterior_mean(classifier, regressor, digits, samples) -> None:
    for model, dataset in ((classifier, digits), (regressor, data.load("curve"))):
        assert all(
            math.isfinite(value)
            for value in measure_predictor(PredictorEvaluation(model, dataset, samples, 0)).values()
        )


def test_matching_forgives_names_but_not_two_codes_for_one_class() -> None:
    classes = torch.arange(4).repeat(5)
    order, share = match((classes + 1) % 4, classes, 4)
    assert (order.tolist(), share) == ([1, 2, 3, 0], 1.0)
    assert match(torch.zeros_like(classes), classes, 4)[1] == 0.25

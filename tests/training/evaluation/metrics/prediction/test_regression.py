"""Intervals and likelihoods of a regression against what is known of Gaussians."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from models.catalogue import Component
from models.checkpoints.checkpoint import PredictorSpec
from models.likelihoods.homoscedastic_gaussian import HomoscedasticGaussian
from models.prediction.uncertainty import Conditionals, gaussian_entropy
from models.specs import InputSpec, OutputSpec
from training import data
from training.data import Split
from training.evaluation.metrics import intervals
from training.evaluation.metrics.prediction import measure_predictor, regression
from training.evaluation.predictions import predict_draws
from training.evaluation.predictor import PredictorEvaluation
from training.recipes import find
from training.seeds import initialised

ROWS = 4000

GAUSSIAN = HomoscedasticGaussian(1)


def gaussians(scale: float = 1.0) -> tuple[torch.Tensor, Conditionals]:
    """Targets from N(mean, deviation^2) of one draw, which states ``scale`` times their deviation."""
    generator = torch.Generator().manual_seed(0)
    mean, deviation = 5 * torch.randn(ROWS, 1, generator=generator), torch.rand(ROWS, 1, generator=generator) + 0.1
    targets = mean + deviation * torch.randn(ROWS, 1, generator=generator)
    variance = (scale * deviation).square()[None]
    return targets, Conditionals(mean[None], variance, gaussian_entropy(variance))


def test_the_true_gaussian_covers_as_much_as_it_says() -> None:
    targets, drawn = gaussians()
    error = math.sqrt(0.9 * 0.1 / ROWS)
    assert intervals.picp(targets, *intervals.central_interval(GAUSSIAN, drawn)) == pytest.approx(0.9, abs=3 * error)


def test_too_small_a_deviation_covers_too_little() -> None:
    targets, drawn = gaussians(0.5)
    assert intervals.picp(targets, *intervals.central_interval(GAUSSIAN, drawn)) == pytest.approx(0.589, abs=0.03)


def test_the_width_of_gaussian_intervals_is_the_textbook_one() -> None:
    targets, drawn = gaussians()
    expected = 2 * 1.6448536 * float(drawn.variance.sqrt().mean())
    assert intervals.mpiw(targets, *intervals.central_interval(GAUSSIAN, drawn)) == pytest.approx(expected, rel=1e-4)


def test_what_was_not_observed_counts_for_nothing() -> None:
    targets, low, high = torch.tensor([[1.0], [math.nan]]), torch.tensor([[0.0], [0.0]]), torch.tensor([[2.0], [9.0]])
    assert (intervals.picp(targets, low, high), intervals.mpiw(targets, low, high)) == (1, 2)


@pytest.fixture(scope="module")
def evaluation() -> PredictorEvaluation:
    curve = data.load("curve")
    return PredictorEvaluation(initialised(find("curve-mlp-mc_dropout").spec(curve), 0), curve, 4, 0)


def test_figures_are_those_of_the_mixture_in_the_targets_units(evaluation: PredictorEvaluation) -> None:
    x, y = evaluation.dataset.test
    with torch.no_grad():
        drawn = predict_draws(evaluation.predictor, x, 4, 0)
    components = torch.distributions.Normal(drawn.mean, drawn.variance.sqrt()).log_prob(y.double())
    figures = measure_predictor(evaluation)
    likelihood = float((components.logsumexp(0) - math.log(4)).mean())
    assert figures["test_log_likelihood_nats"] == pytest.approx(likelihood, rel=1e-5)
    rmse = float((drawn.mean.mean(0) - y).square().mean().sqrt())
    assert figures["test_rmse_target_units"] == pytest.approx(rmse, rel=1e-5)


def test_the_variance_that_ranks_is_the_services_total(evaluation: PredictorEvaluation) -> None:
    answer = evaluation.predictor.predict(evaluation.dataset.test.inputs, 4, 0)
    assert answer.total_variance is not None
    assert torch.allclose(evaluation.regression_predictions.variance, answer.total_variance)


def test_mean_variances_are_the_services(evaluation: PredictorEvaluation) -> None:
    answer, figures = evaluation.predictor.predict(evaluation.dataset.test.inputs, 4, 0), measure_predictor(evaluation)
    assert answer.epistemic_variance is not None
    aleatoric, epistemic = float(answer.aleatoric_variance.mean()), float(answer.epistemic_variance.mean())
    assert figures["test_aleatoric_variance_target_units_squared"] == pytest.approx(aleatoric)
    assert figures["test_epistemic_variance_target_units_squared"] == pytest.approx(epistemic)
    assert "test_epistemic_variance_target_units_squared" not in measure_predictor(replace(evaluation, samples=0))


def test_without_draws_the_noise_alone_ranks(evaluation: PredictorEvaluation) -> None:
    alone = replace(evaluation, samples=0)
    answer = alone.predictor.predict(evaluation.dataset.test.inputs, 0)
    assert torch.allclose(alone.regression_predictions.variance, answer.aleatoric_variance)
    assert all(math.isfinite(value) for value in measure_predictor(alone).values())


def test_blocks_of_rows_change_nothing(evaluation: PredictorEvaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = measure_predictor(evaluation)
    monkeypatch.setattr("training.evaluation.predictions._BLOCK", 7)
    assert measure_predictor(replace(evaluation)) == pytest.approx(whole, rel=1e-6)


def test_two_targets_of_which_some_were_not_observed() -> None:
    inputs, outputs = InputSpec("table", (3,)), OutputSpec("regression", ("a", "b"), (1.0, 2.0), (3.0, 4.0))
    mlp, likelihood = Component("mlp", {"hidden": [8]}), Component("heteroscedastic_gaussian")
    predictor = initialised(PredictorSpec(mlp, Component("mc_dropout"), likelihood, inputs, outputs), 0)
    y = torch.randn(20, 2)
    y[3, 0] = y[5, 0] = y[5, 1] = math.nan
    dataset = replace(data.load("curve"), inputs=inputs, outputs=outputs, test=Split(torch.randn(20, 3), y), truth=None)
    evaluation = PredictorEvaluation(predictor, dataset, 3, 0)
    assert len(evaluation.regression_predictions.mean) == 19
    assert len(regression.observed_errors(evaluation.regression_predictions)[0]) == 37
    assert all(math.isfinite(value) for value in measure_predictor(evaluation).values())

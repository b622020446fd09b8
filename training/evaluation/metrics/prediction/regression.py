"""Metrics of a regression: its errors, and whether its intervals hold what they promise."""

from __future__ import annotations

import torch
from torch import Tensor

from models.prediction.predictor import Predictor
from training.data import Truth
from training.evaluation.baseline import baseline_rmse
from training.evaluation.measurement import Metrics
from training.evaluation.metrics.intervals import mpiw, picp
from training.evaluation.metrics.ranking import ause
from training.evaluation.predictor import PredictorEvaluation, RegressionPredictions

GRID_POINTS = 101
"""Number of inputs at which a curve is compared with the truth."""


def measure(evaluation: PredictorEvaluation) -> Metrics:
    """Return metrics on the test split, and against the truth where the data are generated."""
    answers, dataset = evaluation.regression_predictions, evaluation.dataset
    squared, variance = observed_errors(answers)
    known = ~answers.targets.isnan()
    measured = {
        "test_rmse_target_units": float(squared.mean().sqrt()),
        "baseline_rmse_target_units": baseline_rmse(evaluation),
        "test_log_likelihood_nats": float(answers.log_likelihood.mean()),
        "test_crps_target_units": float(answers.crps[known].mean()),
        "test_picp_90": picp(answers.targets, answers.low, answers.high),
        "test_mpiw_90_target_units": mpiw(answers.targets, answers.low, answers.high),
        "test_ause": ause(squared, variance),
        "test_aleatoric_variance_target_units_squared": float(answers.aleatoric[known].mean()),
    }
    if not evaluation.samples:
        return measured
    measured["test_epistemic_variance_target_units_squared"] = float(answers.epistemic[known].mean())
    if dataset.truth is None:
        return measured
    x = dataset.test.inputs
    return measured | against_truth(evaluation.predictor, dataset.truth, x, evaluation.samples, evaluation.seed)


def observed_errors(answers: RegressionPredictions) -> tuple[Tensor, Tensor]:
    """Return squared error and predictive variance of every observed target.

    Args:
        answers: Predictions ``(N, D)``; targets that were not observed are left out.

    Returns:
        Two tensors ``(observed,)`` in float64, in the targets' units squared.
    """
    known = ~answers.targets.isnan()
    return (answers.mean - answers.targets).square()[known].double(), answers.variance[known].double()


def against_truth(predictor: Predictor, truth: Truth, x: Tensor, samples: int, seed: int) -> Metrics:
    """Compare a curve with the truth: the epistemic variance outside the data, and mean and noise inside.

    ``below`` and ``above`` are the epistemic variance half the inputs' range beyond either end, over its median inside.

    Args:
        predictor: A regression of one input and one target.
        truth: The curve that the data were generated from.
        x: Inputs of the data, ``(N, 1)``.
        samples: Number of draws, at least 1.
        seed: Seed of the draws.
    """
    start, end = float(x.min()), float(x.max())
    reach = (end - start) / 2
    inside = torch.linspace(start, end, GRID_POINTS).unsqueeze(-1)
    answer = predictor.predict(torch.cat([inside, torch.tensor([[start - reach], [end + reach]])]), samples, seed)
    assert answer.epistemic_variance is not None  # there are samples
    ratio = (answer.epistemic_variance / answer.epistemic_variance[:-2].median()).flatten()
    noise, true_noise = answer.aleatoric_variance[:-2].sqrt(), truth.deviation(inside)
    return {
        "epistemic_variance_ratio_below": float(ratio[-2]),
        "epistemic_variance_ratio_above": float(ratio[-1]),
        "noise_deviation_correlation": float(torch.corrcoef(torch.cat([noise, true_noise], 1).T)[0, 1]),
        "noise_deviation_ratio_lowest": float((noise / true_noise).min()),
        "noise_deviation_ratio_median": float((noise / true_noise).median()),
        "noise_deviation_ratio_highest": float((noise / true_noise).max()),
        "curve_rmse_target_units": float((answer.mean[:-2] - truth.mean(inside)).square().mean().sqrt()),
    }

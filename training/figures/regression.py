"""How well a regression predicts, and whether its intervals hold what they promise."""

from __future__ import annotations

import torch
from torch import Tensor

from models.predictor import Predictor
from models.uncertainty import mixture_quantile
from training.data import Dataset, Truth
from training.figures.scores import conditionals, mean_nll, predictions

LEVEL = 0.9
"""Of the central interval."""


def figures(predictor: Predictor, dataset: Dataset, samples: int, seed: int) -> dict[str, float]:
    """Figures on the test split, in the target's units; and against the truth where the data are generated."""
    x, y = dataset.test
    mean = torch.cat([part.mean for part in predictions(predictor, x, samples, seed)])
    low, high = interval(predictor, x, samples, seed)
    measured = {
        "test_rmse_target_units": float((mean - y).square().mean().sqrt()),
        "test_log_likelihood_nats": -mean_nll(predictor, dataset.test, samples, seed),
        "test_picp_90": float(((y >= low) & (y <= high)).double().mean()),
        "test_mpiw_90_target_units": float((high - low).mean()),
    }
    if dataset.truth is None or not samples:
        return measured
    return measured | against_truth(predictor, dataset.truth, x, samples, seed)


@torch.inference_mode()
def interval(predictor: Predictor, rows: Tensor, samples: int, seed: int) -> tuple[Tensor, Tensor]:
    """The central 90 % of the predictive mixture: both ends, ``(B, D)``."""
    drawn = conditionals(predictor, rows, samples, seed)
    low, high = (mixture_quantile(drawn.mean, drawn.variance, level) for level in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return low, high


def against_truth(predictor: Predictor, truth: Truth, x: Tensor, samples: int, seed: int) -> dict[str, float]:
    """Of a curve: does what the model does not know grow outside the data, and is its noise the true one inside?

    ``below`` and ``above`` are the epistemic variance half the inputs' range beyond either end, over its median inside.
    """
    start, end = float(x.min()), float(x.max())
    reach = (end - start) / 2
    inside = torch.linspace(start, end, 101).unsqueeze(-1)
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

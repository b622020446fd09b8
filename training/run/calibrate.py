"""Calibration after the weights are fitted: temperature, conformal scores and the threshold of abstention."""

from __future__ import annotations

import math

import msgspec
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from models.likelihoods.categorical import Categorical
from models.prediction.calibration import Calibration, class_scores, deviation_scores
from models.prediction.draws import evaluate_in_chunks
from models.prediction.predictor import Predictor
from models.prediction.regression import Regression
from models.prediction.uncertainty import Uncertainty, ood_score
from models.specs import VOID
from training.data import Split

SAMPLES = 50
SEED = 0
FALSE_ALARM_RATE = 0.05
_GRID = 1000
"""Largest number of scores that are kept."""

_TEMPERATURE_ROWS = 1000
_LOG_TEMPERATURES = (-2.0, 2.0)
_PRIOR_DEVIATION = 0.3
"""Standard deviation of the logarithm of a temperature: else a few rows that are all right would drive it to 0."""


def fit_temperature(model: Predictor, calibration: Split) -> None:
    """Set the temperature that makes the calibration rows likeliest under the mixture of all draws.

    Only a categorical likelihood has one; others fit the scale of their outputs themselves.

    Args:
        model: A trained predictor, whose outputs are changed.
        calibration: Rows of the calibration split.

    References:
        Guo et al. (2017), On Calibration of Modern Neural Networks.
    """
    if not isinstance(model.likelihood, Categorical) or not len(calibration.inputs):
        return
    rows = calibration.rows(slice(0, max(1, _TEMPERATURE_ROWS // math.prod(model.positions))))
    logits, labels = _logits(model, rows.inputs), model.outputs.standardise(rows.targets)

    def cost(log_temperature: float) -> float:
        prior = 0.5 * (log_temperature / _PRIOR_DEVIATION) ** 2
        return _mixture_nll(logits / math.exp(log_temperature), labels) + prior

    best = minimize_scalar(cost, bounds=_LOG_TEMPERATURES, method="bounded")
    model.outputs = msgspec.structs.replace(model.outputs, temperature=math.exp(best.x))


def calibrate(model: Predictor, calibration: Split) -> Calibration | None:
    """Return threshold and conformal scores of a trained model; ``None`` without calibration rows or without draws."""
    if not len(calibration.inputs) or not model.available_samples(SAMPLES):
        return None
    blocks = torch.split(torch.arange(len(calibration.inputs)), 200)
    parts = [_scored(model, calibration.rows(block)) for block in blocks]
    ood_scores = torch.cat([ood for ood, _ in parts]).sort().values
    scores = torch.cat([score for _, score in parts]).sort().values
    index = min(len(ood_scores) - 1, math.ceil(len(ood_scores) * (1 - FALSE_ALARM_RATE)))
    return Calibration(float(ood_scores[index]), FALSE_ALARM_RATE, len(ood_scores), _grid(scores))


def _scored(model: Predictor, split: Split) -> tuple[Tensor, Tensor]:
    """Return the OOD score of each row, and its conformal score where rows have one outcome each."""
    answer = model.predict(split.inputs, SAMPLES, SEED)
    ood = ood_score(answer, model.outputs.outcome)
    assert ood is not None  # there were draws
    return ood, ood[:0] if model.positions else _conformal_scores(model, answer, split.targets)


def _conformal_scores(model: Predictor, answer: Uncertainty, targets: Tensor) -> Tensor:
    if model.outputs.outcome == "classification":
        return class_scores(answer.mean, targets)
    if isinstance(model.likelihood, Regression):
        return deviation_scores(model.likelihood, answer, targets)
    return answer.mean[:0, 0]


def _grid(scores: Tensor) -> tuple[float, ...]:
    """Return all scores, or 1000 of their quantiles, each rounded up to a score."""
    size = min(len(scores), _GRID)
    return tuple(float(scores[math.ceil(i * len(scores) / size) - 1]) for i in range(1, size + 1))


@torch.inference_mode()
def _logits(model: Predictor, rows: Tensor) -> Tensor:
    """Return the logits of every draw, ``(S, B, *positions, C)``."""
    x, draws = model.inputs.standardise(rows), model.posterior.sample(SEED, model.available_samples(SAMPLES))
    return torch.cat(list(evaluate_in_chunks(model.posterior.network, x, draws, model.row_bytes)))


def _mixture_nll(logits: Tensor, labels: Tensor) -> float:
    seen = labels != VOID
    log_probs = logits.log_softmax(-1)
    index = labels.clamp_min(0).expand(log_probs.shape[:-1]).unsqueeze(-1)
    mixture = log_probs.gather(-1, index).squeeze(-1).logsumexp(0) - math.log(len(logits))
    return -float(mixture[seen].sum())

"""Predictions that look at no row: the yardstick of every model."""

from __future__ import annotations

import torch
from torch import Tensor

from models.specs import VOID
from training.evaluation.predictions import mark_unobserved
from training.evaluation.predictor import PredictorEvaluation

_ROWS = 1000


def class_counts(evaluation: PredictorEvaluation) -> Tensor:
    """Return the number of training outcomes of each class, ``(C,)``."""
    counts = torch.zeros(evaluation.predictor.outputs.size, dtype=torch.int64)
    for start in range(0, len(evaluation.dataset.train.targets), _ROWS):
        raw = evaluation.dataset.train.targets[start : start + _ROWS].long()
        labels = mark_unobserved(evaluation.predictor, raw)
        counts += torch.bincount(labels[labels != VOID].flatten(), minlength=len(counts))
    return counts


def baseline_accuracy(evaluation: PredictorEvaluation) -> float:
    """Return the share of test outcomes that are of the class that is most frequent in the training rows."""
    majority = int(class_counts(evaluation).argmax())
    return float((evaluation.class_predictions.labels == majority).double().mean())


def training_mean(evaluation: PredictorEvaluation) -> Tensor:
    """Return the mean of each target over the training rows, ``(D,)`` in float64 and in the targets' units."""
    targets = evaluation.dataset.train.targets.double()
    return targets.reshape(-1, targets.shape[-1]).nanmean(0)


def baseline_rmse(evaluation: PredictorEvaluation) -> float:
    """Return the root mean squared error of the training rows' mean on the test split, in the targets' units."""
    errors = evaluation.regression_predictions.targets.double() - training_mean(evaluation)
    return float(errors[~errors.isnan()].square().mean().sqrt())

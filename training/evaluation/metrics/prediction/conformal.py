"""Metrics of intervals and sets with a guarantee: how often they hold the outcome, and how large they are."""

from __future__ import annotations

import torch
from torch import Tensor

from models.prediction.regression import Regression
from training.evaluation.measurement import Metrics
from training.evaluation.metrics.found_shares import FoundShares
from training.evaluation.metrics.intervals import mpiw, picp
from training.evaluation.predictor import PredictorEvaluation

LEAST_ROWS = 20
"""Outcomes whose sets have one size, from which their coverage is worth a figure."""


def measure(evaluation: PredictorEvaluation) -> Metrics:
    """Return coverage and size on the test split, of the intervals or sets that the service answers with.

    There are none without draws, or without enough calibration scores.
    """
    if evaluation.task == "regression":
        score = evaluation.interval_score
        return {} if score is None else _measure_intervals(evaluation, score)
    if (shares := evaluation.found_shares[int(evaluation.holds_by_class)]) is not None:
        return _measure_shares(shares)
    members = evaluation.conformal_members if evaluation.task == "classification" else None
    return {} if members is None else _measure_sets(evaluation, members)


def _measure_intervals(evaluation: PredictorEvaluation, score: float) -> Metrics:
    answers = evaluation.regression_predictions
    assert isinstance(evaluation.predictor.likelihood, Regression)  # as the task says
    family = evaluation.predictor.likelihood.family(answers.skew)
    low, high = family.around(answers.mean, answers.variance, score)
    return {
        "test_conformal_picp_90": picp(answers.targets, low, high),
        "test_conformal_mpiw_90_target_units": mpiw(answers.targets, low, high),
    }


def _measure_sets(evaluation: PredictorEvaluation, members: Tensor) -> Metrics:
    held = evaluation.held(members)
    assert held is not None  # as there are members
    measured = {
        "test_conformal_coverage_90": float(held.double().mean()),
        "test_conformal_set_size_90": float(members.sum(-1).double().mean()),
    }
    if (worst := worst_size_coverage(members, held)) is not None:
        measured["test_conformal_worst_size_coverage_90"] = worst
    return measured


def _measure_shares(shares: FoundShares) -> Metrics:
    return {
        "test_found_share_90": shares.of_all(),
        "test_found_share_worst_class_90": min(share for share in shares.by_class() if share is not None),
        "test_found_set_size_90": shares.mean_size(),
    }


def worst_size_coverage(members: Tensor, held: Tensor) -> float | None:
    """Return the lowest coverage of sets of one size that :data:`LEAST_ROWS` outcomes have; ``None`` if none has.

    Args:
        members: Classes in the set of each outcome, boolean ``(N, C)``.
        held: Whether each outcome is in its set, boolean ``(N,)``.

    References:
        Angelopoulos et al. (2021), Uncertainty Sets for Image Classifiers using Conformal Prediction, section 4.
    """
    sizes = members.sum(-1)
    of_size = [held[sizes == size] for size in torch.unique(sizes)]
    return min((float(own.double().mean()) for own in of_size if len(own) >= LEAST_ROWS), default=None)

"""Metrics of conformal intervals and sets: how often they hold the outcome, and how large they are."""

from __future__ import annotations

from models.errors import LevelError
from models.prediction.calibration import conformal_set
from models.prediction.regression import Regression
from training.evaluation.measurement import Metrics
from training.evaluation.metrics.intervals import LEVEL, mpiw, picp
from training.evaluation.predictor import PredictorEvaluation


def measure(evaluation: PredictorEvaluation) -> Metrics:
    """Return coverage and size on the test split, of the intervals or sets that the service answers with.

    There are none without draws, or without enough calibration scores.
    """
    calibration = evaluation.calibration
    if calibration is None or not calibration.scores or not evaluation.samples:
        return {}
    try:
        score = calibration.score_quantile(LEVEL)
    except LevelError:
        return {}
    measure_answers = _measure_intervals if evaluation.task == "regression" else _measure_sets
    return measure_answers(evaluation, score)


def _measure_intervals(evaluation: PredictorEvaluation, score: float) -> Metrics:
    answers = evaluation.regression_predictions
    assert isinstance(evaluation.predictor.likelihood, Regression)  # as the task says
    low, high = evaluation.predictor.likelihood.around(answers.mean, answers.variance, score)
    return {
        "test_conformal_picp_90": picp(answers.targets, low, high),
        "test_conformal_mpiw_90_target_units": mpiw(answers.targets, low, high),
    }


def _measure_sets(evaluation: PredictorEvaluation, score: float) -> Metrics:
    answers = evaluation.class_predictions
    members = conformal_set(answers.probs, score)
    held = members.gather(-1, answers.labels.unsqueeze(-1))
    return {
        "test_conformal_coverage_90": float(held.double().mean()),
        "test_conformal_set_size_90": float(members.sum(-1).double().mean()),
    }

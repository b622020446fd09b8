"""Do conformal intervals and sets hold the outcome as often as they promise, and how large are they?"""

from __future__ import annotations

from models.errors import LevelError
from models.prediction.calibration import conformal_set
from training.evaluation.metrics.intervals import LEVEL, mpiw, picp
from training.evaluation.predictor import Subject


def figures(subject: Subject) -> dict[str, float]:
    """On the test split, as the service answers; nothing without draws or without enough calibration scores."""
    calibration = subject.calibration
    if calibration is None or not calibration.scores or not subject.samples:
        return {}
    try:
        score = calibration.score_quantile(LEVEL)
    except LevelError:
        return {}
    return _of_intervals(subject, score) if subject.task == "regression" else _of_sets(subject, score)


def _of_intervals(subject: Subject, score: float) -> dict[str, float]:
    answers = subject.regressed
    width = score * answers.variance.sqrt()
    low, high = answers.mean - width, answers.mean + width
    return {
        "test_conformal_picp_90": picp(answers.targets, low, high),
        "test_conformal_mpiw_90_target_units": mpiw(answers.targets, low, high),
    }


def _of_sets(subject: Subject, score: float) -> dict[str, float]:
    answers = subject.classified
    members = conformal_set(answers.probs, score)
    held = members.gather(-1, answers.labels.unsqueeze(-1))
    return {
        "test_conformal_coverage_90": float(held.double().mean()),
        "test_conformal_set_size_90": float(members.sum(-1).double().mean()),
    }

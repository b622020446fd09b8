"""Figures of merit, computed through the same methods as the service's answers."""

from __future__ import annotations

from training.evaluation.metrics import classification, conformal, multilabel, ood, regression, segmentation
from training.evaluation.predictor import Strange, Subject, uniform_noise

__all__ = ["Strange", "Subject", "judge", "uniform_noise"]

_BY_TASK = {
    "classification": classification.figures,
    "segmentation": segmentation.figures,
    "regression": regression.figures,
    "multilabel": multilabel.figures,
}


def judge(subject: Subject) -> dict[str, float]:
    """All figures of a predictor for its task; of its calibration, and against strange rows, if there are any."""
    return _BY_TASK[subject.task](subject) | conformal.figures(subject) | ood.figures(subject)

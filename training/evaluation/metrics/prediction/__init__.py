"""Metrics of predictors, by task; of their calibration, and against inputs out of distribution."""

from __future__ import annotations

from training.evaluation.measurement import Metrics
from training.evaluation.metrics.prediction import (
    classification,
    conformal,
    decisions,
    multilabel,
    ood,
    regression,
    segmentation,
)
from training.evaluation.predictor import PredictorEvaluation

_BY_TASK = {
    "classification": classification.measure,
    "segmentation": segmentation.measure,
    "regression": regression.measure,
    "multilabel": multilabel.measure,
}


def measure_predictor(evaluation: PredictorEvaluation) -> Metrics:
    """Return all metrics of a predictor that its task, its calibration and the data allow."""
    of_task = _BY_TASK[evaluation.task](evaluation)
    return of_task | conformal.measure(evaluation) | ood.measure(evaluation) | decisions.measure(evaluation)

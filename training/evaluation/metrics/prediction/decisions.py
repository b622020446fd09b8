"""Metrics of the decisions that the service answers with: how often it abstains, and what from."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from models.guarantees.verdicts import Detector, Detectors
from models.prediction.uncertainty import Uncertainty
from training.evaluation.measurement import Metrics
from training.evaluation.metrics.ranking import auroc, fpr_at_95_tpr
from training.evaluation.predictions import blocks
from training.evaluation.predictor import PredictorEvaluation


def measure(evaluation: PredictorEvaluation) -> Metrics:
    """Return the share of rows that the model abstains from, and how well its score tells other inputs apart.

    There are none without calibration, with one draw of several, or for a segmentation.
    """
    calibration = evaluation.calibration
    detector = None if calibration is None else Detectors(calibration).find(evaluation.samples, evaluation.seed)
    if detector is None or evaluation.task == "segmentation":
        return {}
    usual = _scores(evaluation, detector, evaluation.dataset.test.inputs, evaluation.answers)
    metrics = {"abstained_share": float((usual > detector.threshold).double().mean())}
    for kind, inputs in (("noise", evaluation.noise), ("ood", evaluation.ood)):
        if inputs is not None:
            scores = _scores(evaluation, detector, inputs.rows, evaluation.answer_others(inputs))
            metrics[f"{kind}_abstained_share"] = float((scores > detector.threshold).double().mean())
            metrics[f"{kind}_auroc_joint"] = auroc(usual, scores)
            metrics[f"{kind}_fpr_at_95_tpr_joint"] = fpr_at_95_tpr(usual, scores)
    return metrics


def _scores(
    evaluation: PredictorEvaluation, detector: Detector, rows: Tensor, answers: Iterable[Uncertainty]
) -> Tensor:
    """Return the score of each row, ``(N,)``, as the service answers it."""
    predictor = evaluation.predictor
    parts = []
    for block, answer in zip(blocks(predictor, len(rows)), answers, strict=True):
        observed = predictor.observed_evidence(rows[block].float())
        evidence = {name: values.numpy() for name, values in predictor.evidence(answer, observed).items()}
        parts.append(detector.surprises(evidence).max(0))
    return torch.from_numpy(np.concatenate(parts))

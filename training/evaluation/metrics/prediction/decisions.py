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
    detector = find_detector(evaluation)
    if detector is None or evaluation.task == "segmentation":
        return {}
    usual = score_rows(evaluation, detector, evaluation.dataset.test.inputs, evaluation.answers)
    metrics = {"abstained_share": float((usual > detector.threshold).double().mean())}
    for kind, inputs in (("noise", evaluation.noise), ("ood", evaluation.ood)):
        if inputs is not None:
            scores = score_rows(evaluation, detector, inputs.rows, evaluation.answer_others(inputs))
            metrics[f"{kind}_abstained_share"] = float((scores > detector.threshold).double().mean())
            metrics[f"{kind}_auroc_joint"] = auroc(usual, scores)
            metrics[f"{kind}_fpr_at_95_tpr_joint"] = fpr_at_95_tpr(usual, scores)
    return metrics


def find_detector(evaluation: PredictorEvaluation) -> Detector | None:
    """Return what makes one score of all evidence; ``None`` without calibration, or with one draw of several."""
    calibration = evaluation.calibration
    return None if calibration is None else Detectors(calibration).find(evaluation.samples, evaluation.seed)


def score_rows(
    evaluation: PredictorEvaluation, detector: Detector, rows: Tensor, answers: Iterable[Uncertainty]
) -> Tensor:
    """Return the ``ood_score`` of each row as the service answers it, ``(N,)``.

    Args:
        evaluation: The model and the number of its draws.
        detector: What :func:`find_detector` returned.
        rows: Raw rows, ``(N, *shape)``.
        answers: Answers for them, in blocks.
    """
    predictor = evaluation.predictor
    parts = []
    for block, answer in zip(blocks(predictor, len(rows)), answers, strict=True):
        observed = predictor.observed_evidence(rows[block].float())
        evidence = {name: values.numpy() for name, values in predictor.evidence(answer, observed).items()}
        parts.append(detector.surprises(evidence).max(0))
    return torch.from_numpy(np.concatenate(parts))

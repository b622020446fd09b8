"""Metrics of a classifier: how often it is right, and whether it knows when it is not."""

from __future__ import annotations

import torch
from torch import Tensor

from models.prediction.predictor import Predictor
from training.evaluation.baseline import baseline_accuracy
from training.evaluation.measurement import Metrics
from training.evaluation.metrics import calibration
from training.evaluation.metrics.ranking import aurc, auroc, fpr_at_95_tpr
from training.evaluation.predictions import predict_blocks
from training.evaluation.predictor import ClassPredictions, PredictorEvaluation

CONFIDENT = 0.9
"""The probability of a label from which a mistake is called a confident one."""

MOST_ROTATED_ROWS = 2000
"""Largest number of test images that are turned."""


def measure(evaluation: PredictorEvaluation) -> Metrics:
    """Return metrics on the test split and, for images, on inputs of another kind.

    ``noise``: pixels uniform over their range. ``blank``: every pixel the smallest value. ``rotated``: the test
    images turned by 90 degrees, still called by their upright label.
    """
    answers = evaluation.class_predictions
    measured = measure_probabilities(answers.probs, answers.labels) | measure_selection(answers)
    measured["baseline_accuracy"] = baseline_accuracy(evaluation)
    if (auc := mean_auc(answers.probs, answers.labels)) is not None:
        measured["test_auc"] = auc
    measured["test_entropy_nats"] = float(answers.entropy.mean())
    if answers.information is not None:
        measured["test_information_nats"] = float(answers.information.mean())
        measured["test_expected_entropy_nats"] = measured["test_entropy_nats"] - measured["test_information_nats"]
    return measured | _on_noise(evaluation) | _on_rotated(evaluation)


def measure_probabilities(probs: Tensor, labels: Tensor) -> Metrics:
    """Return accuracy, likelihood and calibration.

    Args:
        probs: Predictive probabilities, ``(N, C)``.
        labels: Class indices, ``(N,)``.
    """
    right = (probs.argmax(-1) == labels).double().mean()
    nll = -probs.gather(-1, labels.unsqueeze(-1)).clamp_min(torch.finfo(torch.float32).tiny).log()
    return {
        "test_accuracy": float(right),
        "test_error": float(1 - right),
        "test_nll_nats": float(nll.mean()),
        "test_brier": calibration.brier(probs, labels),
        "test_ece": calibration.ece(probs, labels),
        "test_classwise_ece": calibration.classwise_ece(probs, labels),
        "test_adaptive_ece": calibration.adaptive_ece(probs, labels),
    }


def mean_auc(probs: Tensor, labels: Tensor) -> float | None:
    """Return the mean AUROC of each class's probability, the class against all others; of two classes it is the AUC.

    Args:
        probs: Predictive probabilities, ``(N, C)``.
        labels: Class indices, ``(N,)``; classes without a row do not count. ``None`` if all rows are of one class.

    References:
        Fawcett (2006), An Introduction to ROC Analysis, section 9.2.
    """
    classes = torch.unique(labels).tolist()
    if len(classes) < 2:
        return None
    areas = [auroc(probs[labels != index, index], probs[labels == index, index]) for index in classes]
    return sum(areas) / len(areas)


def measure_selection(answers: ClassPredictions) -> Metrics:
    """Return how well the predictive entropy tells wrong answers from right ones; no AUROC where all are the same."""
    wrong = answers.wrong
    measured = {"test_aurc": aurc(wrong, answers.entropy)}
    if wrong.any() and not wrong.all():
        measured["misclassification_auroc"] = auroc(answers.entropy[~wrong], answers.entropy[wrong])
    return measured


def _on_noise(evaluation: PredictorEvaluation) -> Metrics:
    predictor = evaluation.predictor
    if evaluation.noise is None:
        return {}
    entropy = evaluation.noise_scores["entropy"]
    (blank,) = predict_blocks(predictor, _blank(predictor), evaluation.samples, evaluation.seed)
    return {
        "noise_auroc": auroc(evaluation.test_scores["entropy"], entropy),
        "noise_fpr_at_95_tpr": fpr_at_95_tpr(evaluation.test_scores["entropy"], entropy),
        "noise_entropy_nats": float(entropy.mean()),
        "blank_entropy_nats": float(blank.predictive_entropy.mean()),
    }


def _on_rotated(evaluation: PredictorEvaluation) -> Metrics:
    inputs = evaluation.predictor.inputs
    if inputs.kind != "image" or inputs.shape[-1] != inputs.shape[-2] or evaluation.predictor.positions:
        return {}
    split = evaluation.dataset.test.rows(slice(MOST_ROTATED_ROWS))
    answers = evaluation.classify(split._replace(inputs=split.inputs.rot90(1, (-2, -1))))
    mistaken = (answers.probs.amax(-1) >= CONFIDENT) & answers.wrong
    measured = {
        "rotated_entropy_nats": float(answers.entropy.mean()),
        "rotated_auroc": auroc(evaluation.class_predictions.entropy, answers.entropy),
        "rotated_confidently_mistaken_share": float(mistaken.double().mean()),
    }
    if answers.information is not None:
        measured["rotated_information_nats"] = float(answers.information.mean())
    return measured


def _blank(predictor: Predictor) -> Tensor:
    return torch.full((1, *predictor.inputs.shape), predictor.inputs.low or 0.0)

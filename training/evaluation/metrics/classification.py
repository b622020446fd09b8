"""How well a classifier knows, and knows what it does not know."""

from __future__ import annotations

import torch
from torch import Tensor

from models.prediction.predictor import Predictor
from training.evaluation.metrics import calibration
from training.evaluation.metrics.ranking import aurc, auroc
from training.evaluation.metrics.scores import predictions
from training.evaluation.predictor import Classified, Subject

CONFIDENT = 0.9
"""The probability of a label from which a mistake is called a confident one."""

_MOST_ROTATED_ROWS = 2000


def figures(subject: Subject) -> dict[str, float]:
    """Figures on the test split and, for images, on inputs of another kind.

    ``noise``: pixels uniform over their range. ``blank``: every pixel the smallest value. ``rotated``: the test
    images turned by 90 degrees, still called by their upright label.
    """
    answers = subject.classified
    measured = probabilities(answers.probs, answers.labels) | selection(answers)
    measured["test_entropy_nats"] = float(answers.entropy.mean())
    if answers.information is not None:
        measured["test_information_nats"] = float(answers.information.mean())
        measured["test_expected_entropy_nats"] = measured["test_entropy_nats"] - measured["test_information_nats"]
    return measured | _on_noise(subject) | _on_rotated(subject)


def probabilities(probs: Tensor, labels: Tensor) -> dict[str, float]:
    """Of predictive probabilities ``(N, C)`` and labels ``(N,)``."""
    right = (probs.argmax(-1) == labels).double().mean()
    nll = -probs.gather(-1, labels.unsqueeze(-1)).clamp_min(torch.finfo(torch.float32).tiny).log()
    return {
        "test_accuracy": float(right),
        "test_error": float(1 - right),
        "test_nll_nats": float(nll.mean()),
        "test_brier": calibration.brier(probs, labels),
        "test_ece": calibration.ece(probs, labels),
        "test_adaptive_ece": calibration.adaptive_ece(probs, labels),
    }


def selection(answers: Classified) -> dict[str, float]:
    """Does the predictive entropy tell wrong answers from right ones? Nothing to tell where all are the same."""
    wrong = answers.wrong
    measured = {"test_aurc": aurc(wrong, answers.entropy)}
    if wrong.any() and not wrong.all():
        measured["misclassification_auroc"] = auroc(answers.entropy[~wrong], answers.entropy[wrong])
    return measured


def _on_noise(subject: Subject) -> dict[str, float]:
    predictor = subject.predictor
    if subject.noise is None:
        return {}
    entropy = subject.noise_scores["entropy"]
    (blank,) = predictions(predictor, _blank(predictor), subject.samples, subject.seed)
    return {
        "noise_auroc": auroc(subject.usual_scores["entropy"], entropy),
        "noise_entropy_nats": float(entropy.mean()),
        "blank_entropy_nats": float(blank.predictive_entropy.mean()),
    }


def _on_rotated(subject: Subject) -> dict[str, float]:
    inputs = subject.predictor.inputs
    if inputs.kind != "image" or inputs.shape[-1] != inputs.shape[-2] or subject.predictor.positions:
        return {}
    split = subject.dataset.test.rows(slice(_MOST_ROTATED_ROWS))
    answers = subject.classify(split._replace(inputs=split.inputs.rot90(1, (-2, -1))))
    mistaken = (answers.probs.amax(-1) >= CONFIDENT) & answers.wrong
    measured = {
        "rotated_entropy_nats": float(answers.entropy.mean()),
        "rotated_auroc": auroc(subject.classified.entropy, answers.entropy),
        "rotated_confidently_mistaken_share": float(mistaken.double().mean()),
    }
    if answers.information is not None:
        measured["rotated_information_nats"] = float(answers.information.mean())
    return measured


def _blank(predictor: Predictor) -> Tensor:
    return torch.full((1, *predictor.inputs.shape), predictor.inputs.low or 0.0)

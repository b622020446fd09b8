"""Classes of generated images, as the feature classifier sees them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from training.evaluation.generator import GeneratorEvaluation
from training.evaluation.measurement import Metrics

_PRESENT = 0.1


def measure(evaluation: GeneratorEvaluation) -> Metrics:
    """Return how many classes have at least a tenth of an equal share of the images, and how uneven the shares are."""
    if evaluation.classifier is None:
        return {}
    classes = evaluation.classifier.predictor.outputs.size
    counts = torch.bincount(evaluation.classifier.classes(evaluation.generated_features), minlength=classes)
    present = counts >= _PRESENT * evaluation.samples / classes
    return {"classes_present": float(present.sum()), "class_kl_to_uniform_nats": kl_to_uniform(counts)}


def kl_to_uniform(counts: Tensor) -> float:
    """Return the Kullback-Leibler divergence of shares from equal ones in nats, 0 to ``ln C``.

    Args:
        counts: Number of images of each class, ``(C,)``.
    """
    shares = counts.double() / counts.sum()
    return max(0.0, math.log(len(counts)) - float(torch.special.entr(shares).sum()))

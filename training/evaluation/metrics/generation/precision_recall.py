"""Precision and recall: how many generated images could be real, and how many real ones could be generated."""

from __future__ import annotations

import torch
from torch import Tensor

from training.evaluation.generator import GeneratorEvaluation
from training.evaluation.measurement import Metrics

NEIGHBOURS = 3
_MOST_IMAGES = 5000
_BLOCK = 1000


def measure(evaluation: GeneratorEvaluation) -> Metrics:
    """Return both, on the classifier's features of as many generated as real images, at most 5000."""
    if evaluation.classifier is None:
        return {}
    size = min(_MOST_IMAGES, evaluation.samples, len(evaluation.real))
    generated, real = evaluation.generated_features[:size], evaluation.real_features[:size]
    return {"precision": covered_share(generated, real), "recall": covered_share(real, generated)}


def covered_share(points: Tensor, others: Tensor) -> float:
    """Return the share of points on the manifold of others, the union of balls that reach to their third neighbours.

    Args:
        points: Features ``(N, F)``.
        others: Features ``(M, F)`` of at least two images.

    References:
        Kynkäänniemi et al. (2019), Improved Precision and Recall Metric for Assessing Generative Models, eq. 1.
    """
    reach = min(NEIGHBOURS, len(others) - 1) + 1  # the nearest is the point itself
    radii = torch.cat([torch.cdist(part, others).kthvalue(reach).values for part in torch.split(others, _BLOCK)])
    inside = [(torch.cdist(part, others) <= radii).any(-1) for part in torch.split(points, _BLOCK)]
    return float(torch.cat(inside).double().mean())

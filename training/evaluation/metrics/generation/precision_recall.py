"""Precision and recall: how many made images could be real ones, and how many real ones could have been made."""

from __future__ import annotations

import torch
from torch import Tensor

from training.evaluation.generator import Gallery

NEIGHBOURS = 3
_MOST = 5000
_BLOCK = 1000


def figures(gallery: Gallery) -> dict[str, float]:
    """Both, on the judge's features of as many made as real images, at most 5000."""
    if gallery.judge is None:
        return {}
    size = min(_MOST, gallery.samples, len(gallery.real))
    made, real = gallery.made_features[:size], gallery.real_features[:size]
    return {"precision": covered(made, real), "recall": covered(real, made)}


def covered(points: Tensor, others: Tensor) -> float:
    """The share of points on the manifold of others: the union of balls that each reach to its third neighbour.

    Args:
        points: ``(N, F)``.
        others: ``(M, F)``, at least two.

    References:
        Kynkäänniemi et al. (2019), Improved Precision and Recall Metric for Assessing Generative Models, eq. 1.
    """
    reach = min(NEIGHBOURS, len(others) - 1) + 1  # the first is itself
    radii = torch.cat([torch.cdist(part, others).kthvalue(reach).values for part in torch.split(others, _BLOCK)])
    inside = [(torch.cdist(part, others) <= radii).any(-1) for part in torch.split(points, _BLOCK)]
    return float(torch.cat(inside).double().mean())

"""Weights that make a loss count rare classes as much as frequent ones."""

from __future__ import annotations

import torch
from torch import Tensor

from models.specs import VOID


def median_frequency(labels: Tensor, classes: int) -> Tensor:
    r"""Weight of every class ``(C,)``: the median frequency over its own.

    .. math:: w_c = \mathrm{median}_{c'}(f_{c'}) / f_c

    with :math:`f_c` the share of a class in the pixels of all images that show it. A class that no image shows weighs
    nothing.

    Args:
        labels: Class indices ``(N, ...)`` of ``N`` images, :data:`~models.specs.VOID` where there is none; one index a
            row, ``(N,)``, counts as one image.

    References:
        Eigen & Fergus (2015), Predicting Depth, Surface Normals and Semantic Labels, section 6.
    """
    labels = labels.unsqueeze(0) if labels.ndim == 1 else labels
    counts = torch.stack([torch.bincount(one[one != VOID].flatten().long(), minlength=classes) for one in labels])
    shown = counts > 0
    frequency = counts.sum(0) / (shown * counts.sum(1, keepdim=True)).sum(0).clamp_min(1)
    median = frequency[frequency > 0].quantile(0.5)
    return torch.where(frequency > 0, median / frequency.clamp_min(1e-12), 0.0)

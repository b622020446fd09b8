"""Weights that make a loss count rare classes as much as frequent ones."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from models.specs import VOID


def median_frequency(images: Iterable[Tensor], classes: int) -> Tensor:
    r"""Return the weight of every class, ``(C,)``: the median frequency over the class's own.

    .. math:: w_c = \mathrm{median}_{c'}(f_{c'}) / f_c

    with :math:`f_c` the share of a class in the pixels of all images that show it. A class that no image shows weighs
    nothing.

    Args:
        images: Class indices of each image, of any shape, :data:`~models.specs.VOID` where there is none.
        classes: Number ``C`` of classes.

    References:
        Eigen & Fergus (2015), Predicting Depth, Surface Normals and Semantic Labels, section 6.
    """
    counts = torch.stack([torch.bincount(one[one != VOID].flatten().long(), minlength=classes) for one in images])
    shown = counts > 0
    frequency = counts.sum(0) / (shown * counts.sum(1, keepdim=True)).sum(0).clamp_min(1)
    median = frequency[frequency > 0].quantile(0.5)
    return torch.where(frequency > 0, median / frequency.clamp_min(1e-12), 0.0)

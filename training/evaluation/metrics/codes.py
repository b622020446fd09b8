"""Meanings of latent codes: classes, one to one, or a measure that rises or falls with a code."""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import rankdata
from torch import Tensor

_FEWEST = 10
"""Number of rows in a group, below which it says nothing about ranks."""


def match(codes: Tensor, classes: Tensor, size: int) -> tuple[Tensor, float]:
    """Find the one-to-one assignment of code values to classes that agrees on the most rows (the Hungarian method).

    Args:
        codes: Values of the code, int64 ``(N,)``.
        classes: Class indices, int64 ``(N,)``.
        size: Number of values, which is that of the classes.

    Returns:
        The value that stands for each class, ``(size,)``, and the share of rows that agree.

    >>> order, share = match(torch.tensor([2, 2, 0, 1]), torch.tensor([0, 0, 1, 2]), 3)
    >>> order.tolist(), share
    ([2, 0, 1], 1.0)
    """
    counts = torch.bincount(classes * size + codes, minlength=size * size).reshape(size, size)
    rows, columns = linear_sum_assignment(counts.numpy(), maximize=True)
    return torch.from_numpy(columns), float(counts[rows, columns].sum()) / len(codes)


def spearman(code: Tensor, measure: Tensor, groups: Tensor) -> float:
    """Return the mean over groups of the rank correlation of a code with a measure of its images; 0 for constants.

    Classes differ in their slant and in their strokes whatever the code is; within one class the code must be what
    moves them, and in the same direction as within the others.

    Args:
        code: Values of the code, ``(N,)``.
        measure: A measure of each image, ``(N,)``.
        groups: Numbers of the groups that the rows belong to, ``(N,)``.

    >>> code = torch.arange(12.0)
    >>> spearman(code, -code.exp(), torch.zeros(12))
    -1.0
    """
    within = [groups == group for group in torch.unique(groups)]
    correlations = [_correlation(code[rows], measure[rows]) for rows in within if int(rows.sum()) >= _FEWEST]
    return sum(correlations) / max(1, len(correlations))


def _correlation(a: Tensor, b: Tensor) -> float:
    x, y = (torch.from_numpy(rankdata(values.double().cpu().numpy())) - (len(values) + 1) / 2 for values in (a, b))
    spread = float(x.norm() * y.norm())
    return float(x @ y) / spread if spread else 0.0

"""How well the values of a categorical code stand for classes, one for one."""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def match(codes: Tensor, classes: Tensor, size: int) -> tuple[Tensor, float]:
    """The one-to-one assignment of code values to classes that agrees on the most rows (the Hungarian method).

    Args:
        codes: Values of the code, int64 ``(N,)``.
        classes: Class indices, int64 ``(N,)``.
        size: Number of values, and of classes.

    Returns:
        For every class the value that stands for it, ``(size,)``; and the share of rows that agree.

    >>> order, share = match(torch.tensor([2, 2, 0, 1]), torch.tensor([0, 0, 1, 2]), 3)
    >>> order.tolist(), share
    ([2, 0, 1], 1.0)
    """
    counts = torch.bincount(classes * size + codes, minlength=size * size).reshape(size, size)
    rows, columns = linear_sum_assignment(counts.numpy(), maximize=True)
    return torch.from_numpy(columns), float(counts[rows, columns].sum()) / len(codes)

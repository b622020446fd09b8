"""Figures as means over rows, so that standard errors, and those of differences between models, follow.

A figure that is no mean, as a root mean squared error, is replaced by the mean that it is to first order (the delta
method): each row contributes the figure itself and the row's influence on it, so that the mean stays the figure.
"""

from __future__ import annotations

import torch
from torch import Tensor

from training.evaluation.metrics.calibration import BINS

Contributions = tuple[Tensor, ...]
"""Contributions of each row ``(N,)`` in float64, whose mean is the figure.

A figure that compares two kinds of rows has a second tensor ``(M,)`` with the same mean, of the other kind's rows.
"""


def ratio(sums: Tensor, counts: Tensor) -> Tensor:
    """Return contributions ``(N,)`` to a mean over all outcomes of all rows.

    Args:
        sums: Sum over the outcomes of each row, ``(N,)``.
        counts: Number of outcomes of each row, ``(N,)``; at least one is above 0.
    """
    sums, counts = sums.double(), counts.double()
    share = sums.sum() / counts.sum()
    return share + (sums - share * counts) / counts.mean()


def root(contributions: Tensor) -> Tensor:
    """Return contributions ``(N,)`` to the root of a mean that is not negative."""
    mean = contributions.mean()
    value = mean.sqrt()
    return value + (contributions - mean) / (2 * value) if value > 0 else torch.zeros_like(contributions)


def distance_from(contributions: Tensor, aim: float) -> Tensor:
    """Return contributions ``(N,)`` to the distance of a mean from what it should be."""
    return (contributions - aim) * (contributions.mean() - aim).sign()


def calibration_error(probs: Tensor, labels: Tensor) -> Tensor:
    r"""Return contributions ``(N,)`` to the expected calibration error over bins of equal width.

    .. math:: \sum_b \frac{1}{N} \left| \sum_{n \in b} g_n \right| = \frac{1}{N} \sum_n s_{b(n)} g_n

    where :math:`g_n` is whether row ``n`` is right, less its confidence, and :math:`s_b` the sign of the bin's sum.

    Args:
        probs: Predictive probabilities, ``(N, C)``.
        labels: Class indices, ``(N,)``.
    """
    confidence, guess = probs.double().max(-1)
    gap = (guess == labels).double() - confidence
    bins = (confidence * BINS).ceil().long().clamp(1, BINS)
    sums = torch.zeros(BINS + 1, dtype=torch.float64).index_add(0, bins, gap)
    return gap * sums.sign()[bins]


def auroc(negatives: Tensor, positives: Tensor) -> Contributions:
    """Return contributions ``(N,)`` and ``(M,)`` to the AUROC: the share of the other kind ranked rightly.

    Args:
        negatives: Scores of the negative rows, ``(N,)``.
        positives: Scores of the positive rows, ``(M,)``; ties count half.

    References:
        DeLong, DeLong & Clarke-Pearson (1988), Comparing the Areas under Two or More Correlated Receiver Operating
        Characteristic Curves.
    """
    return 1 - _share_below(positives, negatives), _share_below(negatives, positives)


def _share_below(others: Tensor, scores: Tensor) -> Tensor:
    """Return the share of the other scores that is below each score, ties counted half, ``(N,)``."""
    ordered = others.double().sort().values
    scores = scores.double()
    below = torch.searchsorted(ordered, scores) + torch.searchsorted(ordered, scores, right=True)
    return below.double() / (2 * len(ordered))

"""Rankings by uncertainty: whether it puts the right rows first. Pure functions of scores; ties count half."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_auroc, binary_average_precision, binary_roc

_TPR = 0.95 - 1e-9
"""Share of positive rows to be found, but for rounding."""


def auroc(negatives: Tensor, positives: Tensor) -> float:
    """Return how often a positive row scores above a negative one: 1 is perfect, 0.5 is chance.

    Args:
        negatives: Scores of the negative rows, ``(N,)``.
        positives: Scores of the positive rows, ``(M,)``.

    >>> auroc(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0]))
    0.875
    """
    return float(binary_auroc(*_ranked(negatives, positives)))


def fpr_at_95_tpr(negatives: Tensor, positives: Tensor) -> float:
    """Return the share of negative rows above the threshold that 95 % of the positive rows are above: false alarms.

    Args:
        negatives: Scores of the negative rows, ``(N,)``.
        positives: Scores of the positive rows, ``(M,)``.

    References:
        Liang, Li & Srikant (2018), Enhancing the reliability of out-of-distribution image detection, section 4.3.

    >>> fpr_at_95_tpr(torch.tensor([0.0, 1.0, 2.0, 3.0]), torch.tensor([2.5, 4.0]))
    0.25
    """
    false, true, _ = binary_roc(*_ranked(negatives, positives))
    return float(false[true >= _TPR][0])


def average_precision(negatives: Tensor, positives: Tensor) -> float:
    """Return the area under precision over recall of the positive rows; chance is their share.

    Args:
        negatives: Scores of the negative rows, ``(N,)``.
        positives: Scores of the positive rows, ``(M,)``.
    """
    return float(binary_average_precision(*_ranked(negatives, positives)))


def risk_coverage(loss: Tensor, uncertainty: Tensor) -> Tensor:
    r"""Compute the mean loss of the ``k`` least uncertain rows, for ``k = 1 .. N``.

    .. math:: r_k = \frac{1}{k} \sum_{i \le k} \ell_{(i)}

    Among equally uncertain rows the order is not the model's doing, so each counts as their mean.

    Args:
        loss: Loss of each row, ``(N,)``: whether it is wrong, or its squared error.
        uncertainty: Uncertainty of each row, ``(N,)``.

    Returns:
        Risks ``(N,)`` in float64, in the units of the loss.

    References:
        Geifman & El-Yaniv (2017), Selective Classification for Deep Neural Networks.
    """
    values, group = torch.unique(uncertainty, return_inverse=True)
    sums = torch.zeros(len(values), dtype=torch.float64).index_add(0, group, loss.double())
    sizes = torch.bincount(group, minlength=len(values))
    ordered = (sums / sizes).repeat_interleave(sizes)
    return ordered.cumsum(0) / torch.arange(1, len(loss) + 1)


def aurc(loss: Tensor, uncertainty: Tensor) -> float:
    r"""Compute the area under the risk-coverage curve, :math:`\frac{1}{N} \sum_k r_k`; lower is better.

    A perfect ranking of a share ``e`` of wrong rows has ``e + (1 - e) ln(1 - e)``, chance has ``e``.

    Args:
        loss: Loss of each row, ``(N,)``.
        uncertainty: Uncertainty of each row, ``(N,)``.

    References:
        Geifman, Uziel & El-Yaniv (2019), Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers.
    """
    return float(risk_coverage(loss, uncertainty).mean())


def sparsification(squared_error: Tensor, uncertainty: Tensor) -> Tensor:
    """Compute the root mean squared error of the ``k`` least uncertain outcomes over that of all, for ``k = 1 .. N``.

    Args:
        squared_error: Squared error of each outcome, ``(N,)``.
        uncertainty: Uncertainty of each outcome, ``(N,)``.

    Returns:
        Ratios ``(N,)`` in float64; the last is 1.
    """
    kept = risk_coverage(squared_error, uncertainty).sqrt()
    return kept / kept[-1].clamp_min(torch.finfo(torch.float64).tiny)


def ause(squared_error: Tensor, uncertainty: Tensor) -> float:
    r"""Compute the area between the sparsification curve and that of an oracle that ranks by the errors; 0 is perfect.

    .. math:: \frac{1}{N} \sum_k \left( s_k^{\text{model}} - s_k^{\text{oracle}} \right)

    Args:
        squared_error: Squared error of each outcome, ``(N,)``.
        uncertainty: Uncertainty of each outcome, ``(N,)``.

    References:
        Ilg et al. (2018), Uncertainty Estimates and Multi-Hypotheses Networks for Optical Flow, section 5.1.
    """
    return float((sparsification(squared_error, uncertainty) - sparsification(squared_error, squared_error)).mean())


class BinnedAuroc:
    """The AUROC of more scores than should be kept in memory: counts in bins, where scores of one bin are ties.

    Args:
        highest: Largest possible score.
        bins: Number of bins. The default tells entropies apart that differ by 1e-5 nats.
    """

    def __init__(self, highest: float, bins: int = 2**18) -> None:
        self._highest = highest
        self._counts = torch.zeros(2, bins, dtype=torch.float64)

    def add(self, scores: Tensor, positive: Tensor) -> None:
        """Count more scores.

        Args:
            scores: Scores in ``[0, highest]``, ``(N,)``.
            positive: A mask of the positive rows, ``(N,)``.
        """
        bins = self._counts.shape[1]
        index = (scores / self._highest * bins).long().clamp(0, bins - 1)
        for row, chosen in enumerate((~positive, positive)):
            self._counts[row] += torch.bincount(index[chosen], minlength=bins)

    def value(self) -> float | None:
        """Return how often a positive row scores above a negative one; ``None`` if one kind is missing."""
        negatives, positives = self._counts
        pairs = float(negatives.sum() * positives.sum())
        below = negatives.cumsum(0) - negatives / 2
        return float((positives * below).sum()) / pairs if pairs else None


def _ranked(negatives: Tensor, positives: Tensor) -> tuple[Tensor, Tensor]:
    """Return ranks in [0, 1] in place of scores, which torchmetrics would take for logits, and the labels."""
    labels = torch.cat([torch.zeros(len(negatives)), torch.ones(len(positives))]).long()
    values, rank = torch.unique(torch.cat([negatives, positives]), return_inverse=True)
    return rank.double() / len(values), labels

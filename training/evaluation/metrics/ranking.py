"""Does an uncertainty put the right rows first? Pure functions of scores; ties count half."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_auroc, binary_average_precision


def auroc(usual: Tensor, strange: Tensor) -> float:
    """How often a strange row scores above a usual one: 1 is perfect, 0.5 is chance.

    >>> auroc(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0]))
    0.875
    """
    return float(binary_auroc(*_ranked(usual, strange)))


def average_precision(usual: Tensor, strange: Tensor) -> float:
    """Area under precision over recall of the strange rows; chance is their share."""
    return float(binary_average_precision(*_ranked(usual, strange)))


def risk_coverage(loss: Tensor, uncertainty: Tensor) -> Tensor:
    r"""Mean loss of the ``k`` least uncertain rows, for ``k = 1 .. N``.

    .. math:: r_k = \frac{1}{k} \sum_{i \le k} \ell_{(i)}

    Among equally uncertain rows the order is not the model's doing, so each counts as their mean.

    Args:
        loss: Of each row, ``(N,)``: whether it is wrong, or its squared error.
        uncertainty: Of each row, ``(N,)``.

    References:
        Geifman & El-Yaniv (2017), Selective Classification for Deep Neural Networks.
    """
    values, group = torch.unique(uncertainty, return_inverse=True)
    sums = torch.zeros(len(values), dtype=torch.float64).index_add(0, group, loss.double())
    sizes = torch.bincount(group, minlength=len(values))
    ordered = (sums / sizes).repeat_interleave(sizes)
    return ordered.cumsum(0) / torch.arange(1, len(loss) + 1)


def aurc(loss: Tensor, uncertainty: Tensor) -> float:
    r"""Area under the risk-coverage curve, :math:`\frac{1}{N} \sum_k r_k`; lower is better.

    A perfect ranking of a share ``e`` of wrong rows has ``e + (1 - e) ln(1 - e)``, chance has ``e``.

    References:
        Geifman, Uziel & El-Yaniv (2019), Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers.
    """
    return float(risk_coverage(loss, uncertainty).mean())


def sparsification(squared_error: Tensor, uncertainty: Tensor) -> Tensor:
    """Root mean squared error of the ``k`` least uncertain outcomes over that of all, for ``k = 1 .. N``."""
    kept = risk_coverage(squared_error, uncertainty).sqrt()
    return kept / kept[-1].clamp_min(torch.finfo(torch.float64).tiny)


def ause(squared_error: Tensor, uncertainty: Tensor) -> float:
    r"""Area between the sparsification curve and the oracle's, which ranks by the errors themselves; 0 is perfect.

    .. math:: \frac{1}{N} \sum_k \left( s_k^{\text{model}} - s_k^{\text{oracle}} \right)

    References:
        Ilg et al. (2018), Uncertainty Estimates and Multi-Hypotheses Networks for Optical Flow, section 5.1.
    """
    return float((sparsification(squared_error, uncertainty) - sparsification(squared_error, squared_error)).mean())


class BinnedAuroc:
    """The AUROC of more scores than should be kept: counts in bins, scores of one bin are ties.

    Args:
        highest: No score is above.
        bins: So many tell entropies apart that differ by 1e-5 nats.
    """

    def __init__(self, highest: float, bins: int = 2**18) -> None:
        self._highest = highest
        self._counts = torch.zeros(2, bins, dtype=torch.float64)

    def add(self, scores: Tensor, strange: Tensor) -> None:
        """Count scores in ``[0, highest]`` of rows that are strange or not; both ``(N,)``."""
        bins = self._counts.shape[1]
        index = (scores / self._highest * bins).long().clamp(0, bins - 1)
        for row, chosen in enumerate((~strange, strange)):
            self._counts[row] += torch.bincount(index[chosen], minlength=bins)

    def value(self) -> float | None:
        """How often a strange one scores above a usual one; ``None`` if one kind is missing."""
        usual, strange = self._counts
        pairs = float(usual.sum() * strange.sum())
        below = usual.cumsum(0) - usual / 2
        return float((strange * below).sum()) / pairs if pairs else None


def _ranked(usual: Tensor, strange: Tensor) -> tuple[Tensor, Tensor]:
    """Scores inside [0, 1] in the same order, as torchmetrics takes others for logits; and who is strange."""
    labels = torch.cat([torch.zeros(len(usual)), torch.ones(len(strange))]).long()
    values, rank = torch.unique(torch.cat([usual, strange]), return_inverse=True)
    return rank.double() / len(values), labels

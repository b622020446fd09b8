"""Are stated probabilities what is observed? Pure functions of predictive probabilities and labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.functional.classification import multiclass_calibration_error

BINS = 15


@dataclass(frozen=True)
class Bins:
    """Rows gathered by their confidence, the probability of their most probable class; all ``(bins,)``.

    Attributes:
        confidence: Mean of the rows' confidences.
        accuracy: Share of the rows whose most probable class is theirs.
        rows: How many; no bin is empty.
    """

    confidence: Tensor
    accuracy: Tensor
    rows: Tensor


def ece(probs: Tensor, labels: Tensor) -> float:
    r"""Expected calibration error over bins of equal width (Naeini et al., 2015; Guo et al., 2017).

    .. math:: \sum_b \frac{|b|}{N} |\mathrm{acc}(b) - \mathrm{conf}(b)|

    Args:
        probs: Predictive probabilities, ``(N, C)``.
        labels: Class indices, ``(N,)``.
    """
    return float(multiclass_calibration_error(probs, labels, probs.shape[-1], n_bins=BINS))


def adaptive_ece(probs: Tensor, labels: Tensor) -> float:
    """The same over bins of equally many rows, so that no bin is all the figure (Nguyen & O'Connor, 2015)."""
    bins = equal_mass_bins(probs, labels)
    return float((bins.rows * (bins.accuracy - bins.confidence).abs()).sum() / bins.rows.sum())


def brier(probs: Tensor, labels: Tensor) -> float:
    """Squared distance between probabilities and the truth, summed over classes: from 0 to 2."""
    return float((probs - F.one_hot(labels, probs.shape[-1])).square().sum(-1).mean())


def equal_mass_bins(probs: Tensor, labels: Tensor, bins: int = BINS) -> Bins:
    """As many rows in every bin, in the order of their confidence."""
    confidence, guess = probs.double().max(-1)
    order = confidence.argsort(stable=True)
    parts = [part for part in order.tensor_split(bins) if len(part)]
    return _gathered(confidence, guess == labels, parts)


def equal_width_bins(probs: Tensor, labels: Tensor, bins: int = BINS) -> Bins:
    """Bins of the same width over (0, 1], those without a row left out."""
    confidence, guess = probs.double().max(-1)
    index = (confidence * bins).ceil().long().clamp(1, bins)
    parts = [(index == i).nonzero().squeeze(1) for i in torch.unique(index)]
    return _gathered(confidence, guess == labels, parts)


def _gathered(confidence: Tensor, right: Tensor, parts: list[Tensor]) -> Bins:
    return Bins(
        torch.stack([confidence[part].mean() for part in parts]),
        torch.stack([right[part].double().mean() for part in parts]),
        torch.tensor([len(part) for part in parts]),
    )

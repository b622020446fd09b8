"""Calibration: whether stated probabilities are observed frequencies. Pure functions of probabilities and labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.functional.classification import binary_calibration_error, multiclass_calibration_error

BINS = 15


@dataclass(frozen=True)
class Bins:
    """Rows grouped by their confidence, the probability of their most probable class; all tensors are ``(bins,)``.

    Attributes:
        confidence: Mean of the rows' confidences.
        accuracy: Share of the rows whose most probable class is theirs.
        rows: Number of rows; no bin is empty.
    """

    confidence: Tensor
    accuracy: Tensor
    rows: Tensor


def ece(probs: Tensor, labels: Tensor) -> float:
    r"""Compute the expected calibration error over bins of equal width (Naeini et al., 2015; Guo et al., 2017).

    .. math:: \sum_b \frac{|b|}{N} |\mathrm{acc}(b) - \mathrm{conf}(b)|

    Args:
        probs: Predictive probabilities, ``(N, C)``.
        labels: Class indices, ``(N,)``.
    """
    return float(multiclass_calibration_error(probs, labels, probs.shape[-1], n_bins=BINS))


def classwise_ece(probs: Tensor, labels: Tensor) -> float:
    """Compute the calibration error of every class's probability, not of the largest alone, as a mean over the classes.

    Args:
        probs: Predictive probabilities, ``(N, C)``.
        labels: Class indices, ``(N,)``.

    References:
        Kull et al. (2019), Beyond temperature scaling: Obtaining well-calibrated multiclass probabilities, section 2.
    """
    of_classes = enumerate(probs.T.contiguous())
    errors = [float(binary_calibration_error(own, (labels == c).long(), n_bins=BINS)) for c, own in of_classes]
    return sum(errors) / len(errors)


def adaptive_ece(probs: Tensor, labels: Tensor) -> float:
    """Compute the calibration error over bins of equally many rows, so that no bin dominates it.

    Args:
        probs: Predictive probabilities, ``(N, C)``.
        labels: Class indices, ``(N,)``.

    References:
        Nguyen & O'Connor (2015), Posterior Calibration and Exploratory Analysis for Natural Language Processing Models.
    """
    bins = equal_mass_bins(probs, labels)
    return float((bins.rows * (bins.accuracy - bins.confidence).abs()).sum() / bins.rows.sum())


def brier(probs: Tensor, labels: Tensor) -> float:
    """Compute the Brier score: the squared distance between probabilities and the truth, summed over classes, 0 to 2.

    Args:
        probs: Predictive probabilities, ``(N, C)``.
        labels: Class indices, ``(N,)``.
    """
    return float((probs - F.one_hot(labels, probs.shape[-1])).square().sum(-1).mean())


def equal_mass_bins(probs: Tensor, labels: Tensor, bins: int = BINS) -> Bins:
    """Group rows into bins of equally many, in the order of their confidence.

    Args:
        probs: Predictive probabilities, ``(N, C)``.
        labels: Class indices, ``(N,)``.
        bins: Number of bins, at most.
    """
    confidence, guess = probs.double().max(-1)
    order = confidence.argsort(stable=True)
    parts = [part for part in order.tensor_split(bins) if len(part)]
    return _summarise(confidence, guess == labels, parts)


def equal_width_bins(probs: Tensor, labels: Tensor, bins: int = BINS) -> Bins:
    """Group rows into bins of the same width over (0, 1]; bins without a row are left out.

    Args:
        probs: Predictive probabilities, ``(N, C)``.
        labels: Class indices, ``(N,)``.
        bins: Number of bins, at most.
    """
    confidence, guess = probs.double().max(-1)
    index = (confidence * bins).ceil().long().clamp(1, bins)
    parts = [(index == i).nonzero().squeeze(1) for i in torch.unique(index)]
    return _summarise(confidence, guess == labels, parts)


def _summarise(confidence: Tensor, right: Tensor, parts: list[Tensor]) -> Bins:
    return Bins(
        torch.stack([confidence[part].mean() for part in parts]),
        torch.stack([right[part].double().mean() for part in parts]),
        torch.tensor([len(part) for part in parts]),
    )

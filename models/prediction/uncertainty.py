r"""Statistics of the draws together: predictive mean, variances, entropies and mutual information.

Pure functions of the draws' outputs. Statistics are kept as *sums over draws*, so that chunks of draws add up and
memory does not grow with their number. Sums are float64: the variance is a small difference of large numbers.

Shapes: ``S`` draws lead, then ``B`` rows. The last axis holds ``C`` classes or ``D`` targets. Where a row has several
outcomes, one per step or pixel, their axes stand between the two, in every argument and every result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from models.errors import InputShapeError

BISECTIONS = 50
"""Halvings of a bracket of a few standard deviations: far below what an answer shows."""


@dataclass(frozen=True)
class Conditionals:
    """The predictions of the single draws: mean and variance of the outcome given each function.

    Attributes:
        mean: Class probabilities ``(S, B, C)``, or expected targets ``(S, B, D)`` in the user's units.
        variance: Variances ``p (1 - p)``, or of the noise in the user's units squared, in the shape of ``mean``.
        entropy: Entropies in nats, ``(S, B)``.
        skew: Quantile skewness of each target, in the shape of ``mean``; ``None`` where mean and variance decide all.
    """

    mean: Tensor
    variance: Tensor
    entropy: Tensor
    skew: Tensor | None = None

    def split(self, ends: Iterable[int]) -> Iterator[Conditionals]:
        """Yield the draws up to each of these numbers, rising, and those after the last; none is empty."""
        draws = len(self.mean)
        cuts = [0, *(end for end in ends if 0 < end < draws), draws]
        for start, stop in pairwise(cuts):
            parts = {name: tensor[start:stop] for name, tensor in vars(self).items() if tensor is not None}
            yield Conditionals(**parts)


@dataclass(frozen=True)
class DrawSums:
    """Sums over draws. The sums of two chunks, added, are the sums of both."""

    draws: int
    mean: Tensor
    squared_mean: Tensor
    variance: Tensor
    entropy: Tensor
    skew: Tensor | None = None

    @classmethod
    def of(cls, conditionals: Conditionals) -> DrawSums:
        """Sum over the leading axis of draws, in float64, to shapes ``(B, C)`` or ``(B, D)``, and ``(B,)``."""
        mean = conditionals.mean.double()
        return cls(
            draws=mean.shape[0],  # len() would not be traced
            mean=mean.sum(0),
            squared_mean=mean.square().sum(0),
            variance=conditionals.variance.double().sum(0),
            entropy=conditionals.entropy.double().sum(0),
            skew=None if conditionals.skew is None else conditionals.skew.double().sum(0),
        )

    def __add__(self, other: DrawSums) -> DrawSums:
        return DrawSums(
            self.draws + other.draws,
            self.mean + other.mean,
            self.squared_mean + other.squared_mean,
            self.variance + other.variance,
            self.entropy + other.entropy,
            None if self.skew is None or other.skew is None else self.skew + other.skew,
        )

    def rows(self, rows: slice | Tensor) -> DrawSums:
        """Return the sums of some of the rows ``(B, ...)``: a slice of them, or those where a mask ``(B,)`` is true."""
        skew = None if self.skew is None else self.skew[rows]
        sums = self.mean[rows], self.squared_mean[rows], self.variance[rows], self.entropy[rows]
        return DrawSums(self.draws, *sums, skew)

    def epistemic_variance(self) -> Tensor:
        r"""Return the variance of the draws' means, divisor ``S``, ``(B, D)``. Rounding must not make it negative."""
        centre = self.mean / self.draws
        return (self.squared_mean / self.draws - centre.square()).clamp_min(0.0)

    def standard_error(self, epistemic_variance: Tensor | None = None) -> Tensor | None:
        r"""Return the error of the mean, :math:`\sqrt{\mathrm{Var}_w / (S - 1)}`, ``(B, D)``, or ``None``.

        Args:
            epistemic_variance: The :meth:`epistemic_variance`, where it is known already.
        """
        if self.draws < 2:
            return None
        variance = self.epistemic_variance() if epistemic_variance is None else epistemic_variance
        return (variance / (self.draws - 1)).sqrt()


@dataclass(frozen=True)
class Uncertainty:
    """A predictive distribution in figures; ``None`` is "this was not estimated", never zero.

    Variances and skew have the shape of ``mean``, entropies are one per row (or step, or pixel), in nats. The skew is
    the mean of the draws'; ``None`` of a likelihood whose mean and variance decide all.
    """

    mean: Tensor
    aleatoric_variance: Tensor
    epistemic_variance: Tensor | None
    total_variance: Tensor | None
    predictive_entropy: Tensor
    expected_entropy: Tensor
    mutual_information: Tensor | None
    standard_error: Tensor | None
    skew: Tensor | None = None

    @property
    def variance(self) -> Tensor:
        """The total variance; of a single function, the noise's alone."""
        return self.aleatoric_variance if self.total_variance is None else self.total_variance


def without_padding(answer: Uncertainty, rows: Tensor) -> Uncertainty:
    """Return statistics ``(B, steps, ...)`` that are NaN at the steps after the end of each sequence.

    Args:
        answer: Statistics of every step.
        rows: Raw rows ``(B, steps, features)``, NaN after the end of each.
    """
    ended = rows.isnan().any(-1)

    def mark(values: Tensor) -> Tensor:
        return values.masked_fill(ended.view(*ended.shape, *[1] * (values.ndim - 2)), math.nan)

    return replace(answer, **{name: mark(values) for name, values in vars(answer).items() if values is not None})


def summarise_classification(sums: DrawSums) -> Uncertainty:
    r"""Split what a classifier does not know into what data cannot settle and what more data could.

    Variances have the shape ``(B, C)``, entropies ``(B,)`` in nats.

    .. math::
        H[\bar p] = E_w H[p_w] + I(y; w \mid x), \qquad
        \bar p (1 - \bar p) = E_w[p_w (1 - p_w)] + \mathrm{Var}_w[p_w]

    References:
        Houlsby et al. (2011), Bayesian Active Learning for Classification and Preference Learning.
        Kwon et al. (2018), Uncertainty quantification using Bayesian neural networks in classification.
    """
    return _summarise(sums, lambda mean, _: categorical_entropy(mean))


def summarise_regression(sums: DrawSums, entropy: Callable[[Tensor, Tensor], Tensor]) -> Uncertainty:
    r"""Split the variance of the outcome, ``(B, D)``, by the law of total variance.

    .. math:: \mathrm{Var}[y] = E_w[\sigma_w^2] + \mathrm{Var}_w[\mu_w]

    Entropies are those of one family: of each draw's noise, and of its member with the mixture's mean and variance.

    Args:
        sums: Sums over the draws.
        entropy: Entropy of the family's member of a mean and a variance ``(B, D)``, summed over the targets, ``(B,)``.

    References:
        Kendall & Gal (2017), What Uncertainties Do We Need in Bayesian Deep Learning for Computer Vision?, eq. 9.
    """
    return _summarise(sums, entropy)


def summarise_multilabel(sums: DrawSums) -> Uncertainty:
    """Split the uncertainty of independent yes-or-no labels, ``(B, C)``, as of classes; their entropies add up."""
    return _summarise(sums, lambda mean, _: bernoulli_entropy(mean))


def summarise_function(task_summary: Uncertainty) -> Uncertainty:
    """Return the statistics ``(B, ...)`` of the posterior's mean alone: nothing is known of the spread of functions."""
    return Uncertainty(
        mean=task_summary.mean,
        aleatoric_variance=task_summary.aleatoric_variance,
        epistemic_variance=None,
        total_variance=None,
        predictive_entropy=task_summary.predictive_entropy,
        expected_entropy=task_summary.expected_entropy,
        mutual_information=None,
        standard_error=None,
        skew=task_summary.skew,
    )


def _summarise(sums: DrawSums, entropy: Callable[[Tensor, Tensor], Tensor]) -> Uncertainty:
    """Return the statistics of some draws, given the entropy of a predictive mean and variance."""
    mean, aleatoric, epistemic = sums.mean / sums.draws, sums.variance / sums.draws, sums.epistemic_variance()
    total = aleatoric + epistemic
    predictive_entropy, expected_entropy = entropy(mean, total), sums.entropy / sums.draws
    mutual_information = (predictive_entropy - expected_entropy).clamp_min(0.0)
    return Uncertainty(
        mean=mean,
        aleatoric_variance=aleatoric,
        epistemic_variance=epistemic,
        total_variance=total,
        predictive_entropy=predictive_entropy,
        expected_entropy=expected_entropy,
        mutual_information=mutual_information,
        standard_error=sums.standard_error(epistemic),
        skew=None if sums.skew is None else sums.skew / sums.draws,
    )


def categorical_entropy(probs: Tensor) -> Tensor:
    """Return the entropy in nats over the last axis, with ``0 log 0 = 0``.

    >>> round(float(categorical_entropy(torch.tensor([0.5, 0.5]))), 4)
    0.6931
    """
    entropy: Tensor = torch.special.entr(probs).sum(-1)
    return entropy


def bernoulli_entropy(probs: Tensor) -> Tensor:
    """Return the entropy in nats of independent yes-or-no labels, summed over the last axis, with ``0 log 0 = 0``.

    >>> round(float(bernoulli_entropy(torch.tensor([0.5, 0.0, 0.5]))), 4)
    1.3863
    """
    entropy: Tensor = (torch.special.entr(probs) + torch.special.entr(1 - probs)).sum(-1)
    return entropy


def gaussian_entropy(variance: Tensor) -> Tensor:
    """Return the differential entropy in nats of independent Gaussians, summed over the last axis. May be negative."""
    return 0.5 * (math.log(2 * math.pi * math.e) + variance.log()).sum(-1)


def epistemic_covariance(means: Tensor) -> Tensor:
    """Return how the rows of one request vary together over the draws, divisor ``S``.

    Args:
        means: Each draw's predictive mean, ``(S, B, ..., D)``.

    Returns:
        ``(..., D, B, B)``: for every output the covariance between rows. Its diagonal is the epistemic variance.
    """
    if means.ndim < 3 or not len(means):
        raise InputShapeError(f"means have shape (S, B, ..., D) with S >= 1, not {tuple(means.shape)}")
    centred = means.double() - means.double().mean(0)
    return torch.einsum("si...,sj...->...ij", centred, centred) / len(means)


def mixture_quantile(mean: Tensor, variance: Tensor, level: float) -> Tensor:
    """Return a quantile of the predictive distribution of a regression: an equal mixture of the draws' Gaussians.

    It is found by bisection of the mixture's distribution function, to float64 resolution.

    Args:
        mean: Each draw's mean, ``(S, B, ..., D)``.
        variance: Each draw's variance, ``(S, B, ..., D)``.
        level: Probability below the quantile, between 0 and 1, both excluded.

    Returns:
        ``(B, ..., D)`` in the units of ``mean``.
    """
    mean, deviation = mean.double(), variance.double().sqrt()
    component = mean + deviation * math.sqrt(2) * torch.erfinv(torch.tensor(2 * level - 1, dtype=torch.float64))
    low, high = component.amin(0), component.amax(0)

    def is_below(middle: Tensor) -> Tensor:
        return 0.5 * (1 + torch.erf((middle - mean) / (deviation * math.sqrt(2)))).mean(0) < level

    return bisect(is_below, low, high, steps=60)


def bisect(below: Callable[[Tensor], Tensor], low: Tensor, high: Tensor, steps: int = BISECTIONS) -> Tensor:
    """Return where a condition on numbers ceases to hold, in the shape of the bounds.

    Args:
        below: Function of numbers that returns whether each is too small.
        low: Numbers that are too small, or just right.
        high: Numbers that are large enough.
        steps: Number of halvings.
    """
    for _ in range(steps):
        middle = (low + high) / 2
        small = below(middle)
        low, high = torch.where(small, middle, low), torch.where(small, high, middle)
    return (low + high) / 2


def prediction_set(probs: Tensor, level: float) -> Tensor:
    """Return the smallest set of classes whose predictive probabilities add up to at least ``level``.

    Args:
        probs: Predictive probabilities, ``(B, ..., C)``.
        level: Least probability of the set, between 0 and 1.

    Returns:
        Membership, boolean ``(B, ..., C)``; at least one class a row.

    >>> prediction_set(torch.tensor([[0.7, 0.25, 0.05]]), 0.9).tolist()
    [[True, True, False]]
    """
    ordered, order = probs.sort(dim=-1, descending=True)
    reached_before = ordered.cumsum(-1) - ordered >= level
    return torch.zeros_like(probs, dtype=torch.bool).scatter(-1, order, ~reached_before)

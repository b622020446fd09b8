r"""The base of the likelihoods of real values: what an outcome's mean and variance say about it, in its own units.

Given one draw, mean and variance decide the distribution of each target, so what is kept of a draw is enough for its
density, its quantiles and its entropy, and every figure is in the target's own units. The predictive distribution is
the equal mixture of the draws. Its variance splits by the law of total variance, whatever the family.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from models.prediction.likelihood import Likelihood
from models.prediction.uncertainty import Conditionals, bisect, gaussian_entropy, mixture_quantile
from models.specs import OutputSpec, Support


class Regression(Likelihood, ABC):
    """A distribution of a real vector, independent in its components; a value that is NaN was not observed.

    Attributes:
        support: Values that a target can have, which decides how it is standardised.
    """

    task = "regression"
    support: Support = "real"

    def in_units(self, standardised: Conditionals, outputs: OutputSpec) -> Conditionals:
        """Undo the standardisation of targets ``(S, B, ..., D)``; entropies shift by the log of the unit."""
        mean = standardised.mean.new_tensor(outputs.mean, dtype=torch.float64)
        scale = standardised.mean.new_tensor(outputs.scale, dtype=torch.float64)
        return Conditionals(
            mean=standardised.mean * scale + mean,
            variance=standardised.variance * scale.square(),
            entropy=standardised.entropy + scale.log().sum(),
        )

    @abstractmethod
    def log_prob(self, values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Return the log density, or the log probability of a count, of each value in nats, in the shape of all three.

        Args:
            values: Values in the target's units.
            mean: Means of the draws, in the same units.
            variance: Variances of the draws, in these units squared.
        """

    @abstractmethod
    def cdf(self, values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Return the probability that an outcome is at most each value, in the shape of all three."""

    @abstractmethod
    def entropy(self, mean: Tensor, variance: Tensor) -> Tensor:
        """Return the entropy in nats of a distribution of this family, summed over the last axis.

        Of mean and total variance ``(B, ..., D)`` of the mixture of all draws it is the predictive entropy: that of the
        one member of the family with these moments, so that draws that agree have no mutual information.
        """

    def quantile(self, mean: Tensor, variance: Tensor, level: float) -> Tensor:
        r"""Return a quantile of the equal mixture of the draws by bisection of its distribution function, in float64.

        It lies within Cantelli's bounds, :math:`\mu - \sigma \sqrt{(1 - p) / p}` and
        :math:`\mu + \sigma \sqrt{p / (1 - p)}`, of any distribution with these moments.

        Args:
            mean: Each draw's mean, ``(S, B, ..., D)``.
            variance: Each draw's variance, ``(S, B, ..., D)``.
            level: Probability below the quantile, between 0 and 1, both excluded.

        Returns:
            ``(B, ..., D)`` in the units of ``mean``.
        """
        low, high = self.bracket(mean, variance, level)
        return bisect(lambda at: self.cdf(at, mean, variance).mean(0) < level, low, high)

    def bracket(self, mean: Tensor, variance: Tensor, level: float) -> tuple[Tensor, Tensor]:
        """Return bounds ``(B, ..., D)`` of the quantile of a level of the mixture, none outside the support."""
        mean, variance = mean.double(), variance.double()
        centre, deviation = mean.mean(0), (variance.mean(0) + mean.var(0, correction=0)).sqrt()
        odds = math.sqrt(level / (1 - level))
        low, high = centre - deviation / odds, centre + deviation * odds
        return (low if self.support == "real" else low.clamp_min(0.0)), high

    def signed_deviations(self, values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Return by how many predicted standard deviations each value ``(B, ..., D)`` is above its mean, or below."""
        return (values - mean) / variance.sqrt()

    def deviations(self, values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Return how many predicted standard deviations each value ``(B, ..., D)`` is off."""
        return self.signed_deviations(values, mean, variance).abs()

    def around(
        self, mean: Tensor, variance: Tensor, below: float | Tensor, above: float | Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the ends ``(B, ..., D)`` of the interval of the values that are no more deviations off.

        Args:
            mean: Means ``(B, ..., D)``.
            variance: Variances in the same shape.
            below: Largest deviation below the mean: one number, or in a shape that goes with theirs.
            above: Largest deviation above it; as much as below if left out.
        """
        deviation = variance.sqrt()
        return mean - below * deviation, mean + (below if above is None else above) * deviation


class Gaussian(Regression, ABC):
    """A distribution of a real vector with independent Gaussian noise."""

    @abstractmethod
    def mean_and_log_variance(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance, both ``(..., size)`` in standardised units."""

    def nll(self, output: Tensor, target: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return the negative log-likelihood in nats, ``(..., B, *positions)``."""
        mean, log_variance = self.mean_and_log_variance(output)
        known = ~target.isnan()
        squared = (target.where(known, 0.0) - mean).square() * (-log_variance).exp()
        return 0.5 * (math.log(2 * math.pi) + log_variance + squared).where(known, 0.0).sum(-1)

    def hessian(self, output: Tensor, target: Tensor) -> Tensor:
        r"""Return the Fisher information, :math:`\sigma^{-2}` of a mean and 1/2 of a log-variance, ``(R, C, C)``.

        It is 0 where an output is out of the bounds that a likelihood keeps it in.
        """
        with torch.enable_grad():
            output = output.detach().requires_grad_()
            mean, log_variance = self.mean_and_log_variance(output)
            predicted = torch.cat([mean, log_variance], -1)[..., : self.outputs]
            (slope,) = torch.autograd.grad(predicted.sum(), output)
        known = (~target.isnan()).to(output)
        information = torch.cat([known * (-log_variance.detach()).exp(), known / 2], -1)[..., : self.outputs]
        return (information * slope).diag_embed()

    def conditionals(self, output: Tensor, noise: Tensor | None = None) -> Conditionals:
        """Return each draw's mean and variance ``(S, B, *positions, size)``, standardised, and entropy in nats."""
        mean, log_variance = self.mean_and_log_variance(output)
        variance = log_variance.exp()
        return Conditionals(mean, variance, gaussian_entropy(variance))

    def log_prob(self, values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return -0.5 * (math.log(2 * math.pi) + variance.log() + (values - mean).square() / variance)

    def cdf(self, values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        below: Tensor = torch.special.ndtr((values - mean) / variance.sqrt())
        return below

    def entropy(self, mean: Tensor, variance: Tensor) -> Tensor:
        return gaussian_entropy(variance)

    def quantile(self, mean: Tensor, variance: Tensor, level: float) -> Tensor:
        return mixture_quantile(mean, variance, level)

r"""A family of distributions of real values, each of them known by its mean and its variance, in the target's units.

So what is kept of a draw is enough for its density, its quantiles and its entropy. The predictive distribution is the
equal mixture of the draws. Its variance splits by the law of total variance, whatever the family.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from torch import Tensor

from models.prediction.uncertainty import bisect
from models.specs import Support


class Family(ABC):
    """Distributions of a real vector, independent in its components.

    Attributes:
        support: Values that a target can have.
    """

    support: Support = "real"

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

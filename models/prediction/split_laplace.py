r"""Exponential tails of their own on either side of a median: the density behind three quantiles."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from models.prediction.family import Family


class SplitLaplace(Family):
    r"""Two exponential densities, of scale :math:`s_-` below the median :math:`m` and :math:`s_+` above it.

    .. math:: p(y) = \frac{1}{2 s_\pm} e^{-|y - m| / s_\pm}, \qquad
              E[y] = m + \tfrac12 (s_+ - s_-), \qquad \mathrm{Var}[y] = \tfrac34 (s_+^2 + s_-^2) + \tfrac12 s_+ s_-

    Half of the outcomes lie on either side. The members of a family share their skew, the quantile skewness

    .. math:: t = \frac{s_+ - s_-}{s_+ + s_-}
                = \frac{q(p) + q(1 - p) - 2 m}{q(p) - q(1 - p)} \quad \text{for any } p > \tfrac12

    so that mean and variance decide the rest. Deviations are counted from the median, in units of the scale of their
    own side. The entropy :math:`1 + \ln 2 + \tfrac12 \ln (s_+ s_-)` is concave in variance and skew, so the mutual
    information of draws that differ in them is not negative.

    Args:
        skew: Quantile skewness between -1 and 1, in a shape that goes with means and variances.

    References:
        Kozubowski & Podgórski (2000), Asymmetric Laplace Distributions.
        Hinkley (1975), On Power Transformations to Symmetry (the quantile skewness).
    """

    def __init__(self, skew: Tensor) -> None:
        self.skew = skew

    def log_prob(self, values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        off, scale = self._off_and_scale(values, mean, variance)
        return -off.abs() / scale - (2 * scale).log()

    def cdf(self, values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        off, scale = self._off_and_scale(values, mean, variance)
        tail = 0.5 * (-off.abs() / scale).exp()
        return torch.where(off > 0, 1 - tail, tail)

    def entropy(self, mean: Tensor, variance: Tensor) -> Tensor:
        _, below, above = self.median_and_scales(mean, variance)
        return (1 + math.log(2) + 0.5 * (below.log() + above.log())).sum(-1)

    def signed_deviations(self, values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        off, scale = self._off_and_scale(values, mean, variance)
        return off / scale

    def around(
        self, mean: Tensor, variance: Tensor, below: float | Tensor, above: float | Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        median, scale_below, scale_above = self.median_and_scales(mean, variance)
        return median - below * scale_below, median + (below if above is None else above) * scale_above

    def median_and_scales(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return median, scale below and scale above it, in the shape of all three, of a mean and a variance."""
        both = (variance / (0.5 + self.skew.square() / 4)).sqrt()
        return mean - both * self.skew / 2, both * (1 - self.skew) / 2, both * (1 + self.skew) / 2

    def _off_and_scale(self, values: Tensor, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """Return how far values are off the median, and the scale of their side of it."""
        median, below, above = self.median_and_scales(mean, variance)
        off = values - median
        return off, torch.where(off > 0, above, below)

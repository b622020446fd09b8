r"""Regression of counts: whole numbers from 0, more spread out than a Poisson distribution's."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.special import betainc
from torch import Tensor

from models.catalogue import Positive
from models.prediction.regression import MomentRegression
from models.prediction.uncertainty import Conditionals, bisect
from models.specs import OutputSpec

_MOST_LOG_RATIO = 20.0
_LEAST_LOG_SIZE, _MOST_LOG_SIZE = -7.0, 10.0
_SMALL = 64
"""Counts below this are summed one by one for an entropy; a grid stands for those above."""
_GRID = 96
"""Parts of the grid, an even number."""
_ROUNDING = 1e-9
"""What the way to the root's scale and back may lose of a count."""
_ANSCOMBE = 3 / 8


class NegativeBinomial(MomentRegression):
    r"""A negative binomial count: the network predicts the log of its mean and of its size.

    A draw is a Poisson count whose rate is gamma distributed: of mean :math:`\mu` and size :math:`r` (the inverse of
    the dispersion), which both depend on the input, it has

    .. math:: P(y) = \frac{\Gamma(y + r)}{\Gamma(r)\, y!} \left(\frac{r}{r + \mu}\right)^r
              \left(\frac{\mu}{r + \mu}\right)^y, \qquad \mathrm{Var}[y] = \mu + \frac{\mu^2}{r}

    Counts are not standardised: the network's first output is the logarithm of the mean's ratio to ``rate``. The
    aleatoric variance is the mean of the draws' variances, the epistemic one the variance of their means. There is no
    closed form of the entropy: :math:`-\sum_y P(y) \ln P(y)` is summed, over a grid where counts are large. The log of
    the ratio is kept within 20 of 0, and that of the size between -7 and 10, where it is almost a Poisson count.

    Args:
        size: Number of targets.
        rate: Mean of each target in training; 1 for each if left out.

    References:
        Hilbe (2011), Negative Binomial Regression, section 8.
        Anscombe (1948), The Transformation of Poisson, Binomial and Negative-Binomial Data (for conformal intervals).
    """

    support = "count"
    rate: Tensor

    def __init__(self, size: int, rate: tuple[Positive, ...] | None = None) -> None:
        super().__init__(size)
        if rate is not None and len(rate) != size:
            raise ValueError(f"{len(rate)} rates are given for {size} targets")
        self.register_buffer("rate", torch.tensor(rate or (1.0,) * size, dtype=torch.float64), persistent=False)

    @property
    def outputs(self) -> int:
        return 2 * self.size

    def nll(self, output: Tensor, target: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return the negative log-likelihood in nats, ``(..., B, *positions)``."""
        known = ~target.isnan()
        counts = target.where(known, 0.0).double()  # factorials are large
        log_prob = _log_prob(counts, *self._mean_and_size(output))
        return -log_prob.where(known, 0.0).sum(-1).to(output.dtype)

    def conditionals(self, output: Tensor, noise: Tensor | None = None) -> Conditionals:
        """Return each draw's mean and variance ``(S, B, *positions, size)``, and entropy in nats, in float64."""
        mean, size = self._mean_and_size(output)
        return Conditionals(mean, mean + mean.square() / size, _entropy(mean, size).sum(-1))

    def in_units(self, standardised: Conditionals, outputs: OutputSpec) -> Conditionals:
        """Return the conditionals ``(S, B, ..., D)`` as they are: counts have no unit."""
        return standardised

    def log_prob(self, values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return _log_prob(values.double(), mean.double(), _size(mean, variance))

    def cdf(self, values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        mean, size = mean.double(), _size(mean, variance)
        counts = values.double().floor()
        arguments = (part.cpu().numpy() for part in (size, counts.clamp_min(0) + 1, size / (size + mean)))
        below = torch.from_numpy(np.asarray(betainc(*arguments))).to(mean)
        return below.where(counts >= 0, 0.0)

    def entropy(self, mean: Tensor, variance: Tensor) -> Tensor:
        return _entropy(mean.double(), _size(mean, variance)).sum(-1)

    def quantile(self, mean: Tensor, variance: Tensor, level: float) -> Tensor:
        """Return the smallest counts ``(B, ..., D)`` that a mixture does not exceed with this probability."""
        low, high = self.bracket(mean, variance, level)
        low, high = low.floor() - 1, high.ceil() + 1
        steps = math.ceil(math.log2(float((high - low).max()))) + 2
        return bisect(lambda at: self.cdf(at, mean, variance).mean(0) < level, low, high, steps).round()

    def signed_deviations(self, values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        centre, deviation = _on_scale_of_root(mean, variance)
        off: Tensor = (values.double() + _ANSCOMBE).sqrt() - centre
        return off / deviation

    def around(
        self, mean: Tensor, variance: Tensor, below: float | Tensor, above: float | Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the least and the largest count ``(B, ..., D)`` that are no more deviations off."""
        centre, deviation = _on_scale_of_root(mean, variance)
        above = below if above is None else above
        ends = (centre - below * deviation).clamp_min(0.0), (centre + above * deviation).clamp_min(0.0)
        low, high = (end.square() - _ANSCOMBE for end in ends)
        least, largest = (low - _ROUNDING).ceil().clamp_min(0.0), (high + _ROUNDING).floor().clamp_min(0.0)
        return torch.minimum(least, largest), torch.maximum(least, largest)

    def _mean_and_size(self, output: Tensor) -> tuple[Tensor, Tensor]:
        log_ratio, log_size = output.double().chunk(2, dim=-1)
        mean = self.rate * log_ratio.clamp(-_MOST_LOG_RATIO, _MOST_LOG_RATIO).exp()
        return mean, log_size.clamp(_LEAST_LOG_SIZE, _MOST_LOG_SIZE).exp()


def _size(mean: Tensor, variance: Tensor) -> Tensor:
    """Return the size of a count with this mean and variance; a variance that is not larger is Poisson's."""
    mean = mean.double()
    excess = (variance.double() - mean).clamp_min(mean.square() * math.exp(-_MOST_LOG_SIZE))
    return mean.square() / excess


def _log_prob(counts: Tensor, mean: Tensor, size: Tensor) -> Tensor:
    ways = torch.lgamma(counts + size) - torch.lgamma(size) - torch.lgamma(counts + 1)
    return ways - size * torch.log1p(mean / size) - counts * torch.log1p(size / mean)


def _on_scale_of_root(mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Return centre and deviation of a count's root, about which counts spread almost evenly."""
    centre = (mean.double() + _ANSCOMBE).sqrt()
    return centre, variance.double().sqrt() / (2 * centre)


def _entropy(mean: Tensor, size: Tensor) -> Tensor:
    """Return the entropy of counts in nats, in the shape of their means."""
    total = torch.zeros_like(mean)
    for counts, weights in (_small_counts(mean), _large_counts(mean, size)):
        log_prob = _log_prob(counts, mean.unsqueeze(-1), size.unsqueeze(-1))
        total = total - (weights * log_prob.exp() * log_prob).sum(-1)
    return total


def _small_counts(like: Tensor) -> tuple[Tensor, Tensor]:
    """Return all counts below :data:`_SMALL`, and ones: their weights in a sum."""
    counts = torch.arange(_SMALL, dtype=like.dtype, device=like.device)
    return counts, torch.ones_like(counts)


def _large_counts(mean: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    """Return counts above, where their probability is, with weights of an integral in place of the sum.

    They are evenly spaced on the logarithm's scale, and the weights are Simpson's; both ``(*mean.shape, _GRID + 1)``.
    """
    deviation = (mean + mean.square() / size).sqrt()
    least = (mean - 8 * deviation).clamp_min(_SMALL - 0.5)
    largest = (mean + 12 * deviation + 20 * mean / size).maximum(1.1 * least)
    span = (largest / least).log().unsqueeze(-1)
    nodes = torch.linspace(0, 1, _GRID + 1, dtype=mean.dtype, device=mean.device)
    simpson = torch.ones_like(nodes)
    simpson[1:-1:2], simpson[2:-1:2] = 4.0, 2.0
    counts = least.unsqueeze(-1) * (span * nodes).exp()
    return counts, counts * span * simpson / (3 * _GRID)
